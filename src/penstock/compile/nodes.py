"""A node of a pipeline as the mapping under its name in `jobs:`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.compile.client import dump
from penstock.compile.place import RefusedError, Target
from penstock.compile.ports import input_values, output_values

# In the order in which they are written; all but the first four only if the node sets them itself.
_PLAIN = ("display_name", "description", "comment", "tags", "properties")
# Written elsewhere, or (code, command, environment) part of the component and not of the node.
_ELSEWHERE = ("$schema", "type", "name", "component", "trial", "inputs", "outputs", "jobs", *_PLAIN)
_CONTROL_FLOW = ("if_else", "do_while", "parallel_for")

ComponentDocument = Callable[[Any, Target, str], dict[str, Any]]


class Nodes:
    """Writes the nodes of one pipeline.

    A node of the DSL holds its component's settings and its own in one object. Which are its own shows against a node
    without any, made from the same component file, read again. That also shows whether Python changed the component
    after it was loaded, which the reference to the file would lose.
    """

    def __init__(self, target: Target, component_document: ComponentDocument) -> None:
        self._target = target
        self._component_document = component_document
        self._pristine: dict[Path, Any] = {}

    def document(self, node: Any, where: str) -> dict[str, Any]:
        """The mapping of one node. `where` is its place in the YAML, for messages. Raises RefusedError."""
        if node.type in _CONTROL_FLOW:
            raise RefusedError(
                f"{where}: {node.type} nodes are a private preview that Azure's client refuses unless told otherwise; "
                "let the later steps read the outcome of the earlier one instead"
            )
        attribute = "trial" if node.type == "sweep" else "component"
        if not hasattr(type(node), attribute):
            raise RefusedError(f"{where}: {node.type} nodes are not supported; use a component.yml and load_component")
        _refuse_unknown_settings(node, where)
        component = getattr(node, attribute)
        document: dict[str, Any] = {"type": node.type}
        pristine = None
        if isinstance(component, str):
            document[attribute] = node._to_dict()[attribute]
        else:
            document[attribute], pristine = self._reference(component, where)
        document |= {key: value for key in _PLAIN if (value := _plain(node, key))}
        document["inputs"] = input_values(node._build_inputs(), self._target, where)
        document["outputs"] = output_values(node, self._target, where)
        document |= self._settings(node, pristine, where)
        return {key: value for key, value in document.items() if value not in (None, {}, [])}

    def _reference(self, component: Any, where: str) -> tuple[str, Any]:
        """How the YAML names the component, and the component as its file has it (None if there is no file)."""
        if component.id:
            return _registered(component.id), None
        source = Path(component._source_path) if component._source_path else None
        if source is not None and source.suffix in (".yml", ".yaml"):
            return self._target.reference(source, where), self._check_unchanged(component, source, where)
        if component.type == "pipeline":
            nested = self._component_document(component, self._target, where)
            return self._target.nest(component.name, nested), None
        raise RefusedError(
            f"{where}: the component {component.name!r} is made in Python and has no file that the YAML could name; "
            "write it as a component.yml and load it with load_component"
        )

    def _check_unchanged(self, component: Any, source: Path, where: str) -> Any:
        from azure.ai.ml import load_component

        resolved = (self._target.folder / source).resolve()
        if resolved not in self._pristine:
            self._pristine[resolved] = load_component(resolved)
        pristine = self._pristine[resolved]
        changed = _changed(dump(component), dump(pristine))
        # `set_resources` of a command node writes the node's resources into the component too
        changed = [key for key in changed if not (key == "resources" and component.type == "command")]
        if changed:
            raise RefusedError(
                f"{where}: its component was changed in Python after it was loaded ({', '.join(changed)}), which a "
                f"reference to {source.name} would lose; change the component.yml, or write a second one"
            )
        return pristine

    def _settings(self, node: Any, pristine: Any, where: str) -> dict[str, Any]:
        dumped = {key: value for key, value in dump(node).items() if key not in _ELSEWHERE}
        if "environment" in dumped:
            raise RefusedError(
                f"{where}: Azure's client ignores the environment of a node; set it in the component.yml, or write a "
                "second component"
            )
        inherited = dump(_bare_node(node, pristine)) if pristine is not None else {}
        own = {key: value for key, value in dumped.items() if inherited.get(key) != value}
        if "compute" in own:
            own["compute"] = compute_name(own["compute"])
        return {key: _type_first(value) for key, value in sorted(own.items())}


def _type_first(value: Any) -> Any:
    """Mappings with their `type` first, as people write them."""
    if not isinstance(value, dict):
        return value
    ordered = {key: value[key] for key in ("type", *value) if key in value}
    return {key: _type_first(item) for key, item in ordered.items()}


def compute_name(compute: str | None) -> str | None:
    """A compute as YAML names it, `azureml:` before a plain name; serverless is one."""
    plain = compute is not None and not compute.startswith(("azureml:", "/", "${{"))
    return f"azureml:{compute}" if plain else compute


def _bare_node(node: Any, component: Any) -> Any:
    """A node of the component that sets nothing itself."""
    return type(node)(trial=component) if node.type == "sweep" else component()


def _plain(node: Any, key: str) -> Any:
    value = getattr(node, key, None)
    return dict(value) if isinstance(value, dict) else value


def _changed(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    return sorted(key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key))


def _registered(identity: str) -> str:
    return identity if identity.startswith("azureml:") else f"azureml:{identity}"


def _refuse_unknown_settings(node: Any, where: str) -> None:
    """An attribute that azure-ai-ml does not know is kept by it and ignored by Azure: a typing error, most often."""
    for name in node._get_attrs():
        known = [key for key in dir(type(node)) if not key.startswith("_")]
        known += [key for key in vars(node) if not key.startswith("_")]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "Azure would ignore it"
        raise RefusedError(f"{where}: a {node.type} node has no setting {name!r}; {hint}")
