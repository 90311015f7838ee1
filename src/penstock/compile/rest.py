"""The body that Azure's client would send for a job, in a form in which two jobs can be compared.

Compiling loses nothing if the body of the pipeline in Python and the body of the YAML are the same. What differs by
nature is taken out first:

- `_source`, which says whether Python or YAML made the object, for Azure's telemetry;
- a component's name, version, hash and whether it is anonymous: the client gives a component that YAML names by file an
  anonymous name, and does the same with one in Python only when it submits it. What the component is stays in;
- local paths: absolute ones and relative ones become the same absolute path;
- the prefix `azureml:` of a name, which the client strips from YAML and leaves in Python;
- `resources` of a command component: those of the node override them, and the client's `set_resources` writes the
  node's into the component as well;
- the description of an output, which is the component's: YAML has no key for it;
- the indentation of a description that was a docstring;
- a node's name, which is its key in `jobs` and also a field only if the decorator made the pipeline;
- upper and lower case of a machine's size, which the client lowers in some kinds of YAML.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Not a body's: stands for a component that is not registered yet, which the client would upload first.
_LOCAL_COMPONENT = "localComponent"
_IDENTITY = ("name", "version", "$schema", "_source")


def body(job: Any, folder: Path) -> dict[str, Any]:
    """The comparable body of an azure-ai-ml PipelineJob; relative data paths are relative to `folder`.

    Raises whatever azure-ai-ml raises for a job that it cannot send.
    """
    from azure.ai.ml._restclient.arm_ml_service._utils.model_base import SdkJSONEncoder
    from azure.ai.ml.entities import Component

    class Encoder(SdkJSONEncoder):  # type: ignore[misc]  # the base class is untyped
        def default(self, o: Any) -> Any:
            if isinstance(o, Component):
                return {_LOCAL_COMPONENT: o._to_rest_object()}
            return super().default(o)

    sent = json.loads(json.dumps(job._to_rest_object(), cls=Encoder))
    properties = sent.get("properties", {})
    for key in ("default_compute", "default_datastore"):
        if key in properties.get("settings", {}):
            properties["settings"][key] = _unprefixed(properties["settings"][key])
    comparable = _comparable(sent, folder)
    assert isinstance(comparable, dict)  # noqa: S101 - a job's body is an object
    return comparable


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two bodies differ: (dotted path, value in `ours`, value in `theirs`), None for what is not there."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            yield from differences(ours.get(key), theirs.get(key), f"{path}.{key}" if path else key)
    elif type(ours) is not type(theirs) or ours != theirs:
        yield path, ours, theirs


def _comparable(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_comparable(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    if _LOCAL_COMPONENT in value:
        return _component(value[_LOCAL_COMPONENT], folder)
    if "componentSpec" in value.get("properties", {}):  # how a sweep holds its trial
        return _component(value, folder)
    result = {key: _field(key, item, folder) for key, item in value.items() if key != "_source"}
    if value.get("type") == "command" and isinstance(result.get("componentId"), dict):
        result["componentId"].pop("resources", None)
    return {key: item for key, item in result.items() if item is not None}


def _field(key: str, value: Any, folder: Path) -> Any:
    if key in ("computeId", "componentId") and isinstance(value, str):
        return _unprefixed(value)
    if key in ("code", "uri") and isinstance(value, str):
        return _location(value, folder)
    if key == "description" and isinstance(value, str):
        return inspect.cleandoc(value)
    if key == "instance_type" and isinstance(value, str):
        return value.lower()
    if key == "jobs" and isinstance(value, dict):
        value = {name: {**node, "name": name} for name, node in value.items()}
    if key == "outputs" and isinstance(value, dict):
        value = {name: _undescribed(port) for name, port in value.items()}
    return _comparable(value, folder)


def _component(sent: dict[str, Any], folder: Path) -> dict[str, Any]:
    spec = {key: item for key, item in sent["properties"]["componentSpec"].items() if key not in _IDENTITY}
    comparable = _comparable(spec, folder)
    assert isinstance(comparable, dict)  # noqa: S101 - a component's spec is an object
    return comparable


def _undescribed(port: Any) -> Any:
    return {key: item for key, item in port.items() if key != "description"} if isinstance(port, dict) else port


def _unprefixed(name: str) -> str:
    return name if name.startswith("azureml://") else name.removeprefix("azureml:")


def _location(text: str, folder: Path) -> str:
    if is_local_path(text):
        return os.path.normpath(folder / text.removeprefix("file:"))
    return _unprefixed(text)


def is_local_path(text: str) -> bool:
    """Whether a data path is a file or folder of this machine, and no URI, no `azureml:` name and no expression.

    As azure-ai-ml reads it: `name:version` and `name@label` name an asset, unless the text is an absolute path.
    """
    if text.startswith("file:") or os.path.isabs(text):  # noqa: PTH117 - a text, which may be no path at all
        return True
    return not ("://" in text or ":" in text or "@" in text or text.startswith("${{"))
