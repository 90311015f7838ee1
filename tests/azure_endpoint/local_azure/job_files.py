"""The body of a job, and the components that it refers to, written back as YAML that penstock's engine runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from local_azure.blobs import Blobs
from local_azure.documents import Document, Documents
from local_azure.errors import bad_request
from local_azure.references import resolve

_MODES = {
    "ReadOnlyMount": "ro_mount",
    "ReadWriteMount": "rw_mount",
    "Download": "download",
    "Direct": "direct",
    "EvalMount": "eval_mount",
    "EvalDownload": "eval_download",
    "Upload": "upload",
}
_PARSED: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "number": float,
    "boolean": lambda text: text.lower() == "true",
}
_WHOLE = re.compile(r"\$\{\{\s*parent\.inputs\.(\w+)\s*\}\}")
# What is Azure's alone: where it runs, and what the client remembers of itself.
_LEFT_OUT = {"_source", "computeId", "compute", "additional_includes", "name", "identity", "queue_settings", "services"}


class JobFiles:
    """One job as files below `folder`; `data` are the datastore paths that it reads."""

    def __init__(self, documents: Documents, blobs: Blobs, workspace: str, folder: Path) -> None:
        self._documents, self._blobs, self._workspace, self._folder = documents, blobs, workspace, folder
        self._components: dict[str, tuple[str, dict[str, Any]]] = {}
        self.data: set[tuple[str, str]] = set()

    def write(self, properties: Document) -> Path:
        """Returns the job's YAML file. Raises RefusedError for kinds of jobs that are not run here."""
        kinds = {"Pipeline": self._pipeline, "Command": self._command}
        if properties["jobType"] not in kinds:
            raise bad_request(f"jobs of type {properties['jobType']} are not run here")
        file = self._folder / "job.yml"
        job = {"experiment_name": properties.get("experimentName"), **kinds[properties["jobType"]](properties)}
        file.write_text(yaml.safe_dump({k: v for k, v in job.items() if v is not None}, sort_keys=False))
        return file

    def _pipeline(self, properties: Document) -> dict[str, Any]:
        nodes = {name: self._node(node) for name, node in properties["jobs"].items()}
        types = dict(self._bound_types(nodes))
        inputs = {k: self._input(v, types.get(k)) for k, v in (properties.get("inputs") or {}).items()}
        outputs = {k: self._output(v) for k, v in (properties.get("outputs") or {}).items()}
        settings = {k: v for k, v in (properties.get("settings") or {}).items() if k == "continue_on_step_failure"}
        return {"type": "pipeline", "settings": settings or None, "inputs": inputs, "outputs": outputs, "jobs": nodes}

    def _command(self, properties: Document) -> dict[str, Any]:
        return {
            "type": "command",
            "command": properties["command"],
            "code": self._code(properties["codeId"]) if properties.get("codeId") else None,
            "environment": self._environment(properties["environmentId"]),
            "inputs": {k: self._input(v, None) for k, v in (properties.get("inputs") or {}).items()},
            "outputs": {k: self._output(v) for k, v in (properties.get("outputs") or {}).items() if k != "default"},
            "environment_variables": properties.get("environmentVariables"),
        }

    def _node(self, node: dict[str, Any]) -> dict[str, Any]:
        kept = {k: v for k, v in node.items() if k not in _LEFT_OUT and k not in {"componentId", "inputs", "outputs"}}
        if "mini_batch_size" in kept:
            kept["mini_batch_size"] = str(kept["mini_batch_size"])  # sent as a number, written as text
        key = "trial" if node.get("type") == "sweep" else "component"
        file, ports = self._component(str(node.get("componentId") or node.get("component") or node["trial"]))
        inputs = {k: self._input(v, ports.get(k)) for k, v in (node.get("inputs") or {}).items()}
        outputs = {k: self._output(v) for k, v in (node.get("outputs") or {}).items()}
        return {**kept, key: file, "inputs": inputs, "outputs": outputs}

    def _bound_types(self, nodes: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Pipeline input -> type of a port that it is bound to: what is sent as text is a number for some."""
        for node in nodes.values():
            ports = next(ports for file, ports in self._components.values() if file in node.values())
            for name, value in node["inputs"].items():
                found = _WHOLE.fullmatch(value) if isinstance(value, str) else None
                if found is not None and name in ports:
                    yield found[1], ports[name]

    def _input(self, given: Any, type_: str | None) -> Any:
        if not isinstance(given, dict):
            return _typed(given, type_)
        kind = given.get("jobInputType") or given.get("job_input_type")
        mode = _MODES.get(given.get("mode") or "")
        if kind == "literal":
            value = _typed(given["value"], type_)
            return {"type": type_ or "uri_folder", "path": value, "mode": mode} if mode else value
        where = self._blobs.location(given["uri"])
        if where is not None:
            self.data.add(where)
        path = given["uri"] if where is None else f"azureml://datastores/{where[0]}/paths/{where[1]}"
        return {"type": kind, "path": path, **({"mode": mode} if mode else {})}

    def _output(self, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        if given.get("type") == "literal" or "value" in given:
            return given["value"]
        kind, mode = given.get("jobOutputType") or given.get("job_output_type"), _MODES.get(given.get("mode") or "")
        return {"type": kind, **({"mode": mode} if mode else {})}

    def _component(self, reference: str) -> tuple[str, dict[str, Any]]:
        """The file of a component, and the types of its inputs."""
        path = resolve(self._documents, self._workspace, "componentId", reference)
        document = self._documents.get(path or "")
        if document is None:
            raise bad_request(f"{reference} is no component")
        if document["id"] not in self._components:
            name = f"component_{len(self._components)}"
            self._components[document["id"]] = (f"./{name}.yml", {})  # its place, before those that are inside
            spec = self._spec(document["properties"]["componentSpec"])
            (self._folder / f"{name}.yml").write_text(yaml.safe_dump(spec, sort_keys=False))
            ports = {k: v.get("type") for k, v in spec.get("inputs", {}).items()}
            self._components[document["id"]] = (f"./{name}.yml", ports)
        return self._components[document["id"]]

    def _spec(self, sent: dict[str, Any]) -> dict[str, Any]:
        spec = {k: v for k, v in sent.items() if k not in _LEFT_OUT - {"name"}}
        spec["inputs"] = {name: _port(port) for name, port in (sent.get("inputs") or {}).items()}
        if spec.get("type") == "pipeline":
            spec["jobs"] = {name: self._node(node) for name, node in sent["jobs"].items()}
        for holder in (spec, spec.get("task")):
            if isinstance(holder, dict) and "code" in holder:
                holder["code"] = self._code(holder["code"])
            if isinstance(holder, dict) and "environment" in holder:
                holder["environment"] = self._environment(holder["environment"])
        return spec

    def _code(self, reference: str) -> str:
        document = self._documents.get(reference.removeprefix("azureml:"))
        if document is None:
            raise bad_request(f"{reference} is no code")
        folder = self._folder / f"code_{document['id'].split('/')[-3]}"
        if not folder.is_dir():
            self._blobs.download_url(document["properties"]["codeUri"], folder)
        return f"./{folder.name}"

    def _environment(self, reference: str) -> Any:
        path = resolve(self._documents, self._workspace, "environment", reference)
        document = self._documents.get(path or "")
        if document is None:
            return reference  # a curated one, of a registry
        properties = document["properties"]
        environment: dict[str, Any] = {"image": properties.get("image")} if properties.get("image") else {}
        if properties.get("condaFile"):
            file = self._folder / f"conda_{document['name']}.yml"
            file.write_text(properties["condaFile"])
            environment["conda_file"] = f"./{file.name}"
        return environment or reference


def _typed(value: Any, type_: str | None) -> Any:
    """A value that was sent as text, as the type of its port; a binding stays one."""
    if type_ not in _PARSED or not isinstance(value, str) or "${{" in value:
        return value
    return _PARSED[type_](value)


def _port(port: dict[str, Any]) -> dict[str, Any]:
    return {k: _typed(v, port.get("type")) if k in {"default", "min", "max"} else v for k, v in port.items()}
