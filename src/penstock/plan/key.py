"""What a node's outputs depend on: equal keys, equal outputs. Pure but for the digests that it asks for.

The recipe, version 1. A node's key is the SHA-256 of the JSON of these parts, sorted:

    recipe                 "1"
    type                   of the node: command, sweep, ...
    command                the component's text, expressions unresolved
    code                   names, contents and x-bits of the snapshot (after ignore files, with additional_includes)
    input <name>           its value; of data the type, mode and content, also of another node's output
    uri <uri>              of data that a URI names which is mapped to a path: the content there
    output <name>          its type and mode
    environment            the definition, the conda file's and the build context's content
    interpreter            what really ran: see `penstock.store.host`
    environment_variables  of the component and the node
    setting <name>         of one that is bound, the value: resources.instance_count
    definition             what else the component and the node say, but for names, descriptions, tags, compute and
                           the like, which change nothing of what is computed

The name of a node, its place in the graph and the version of its component are no part of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from penstock.graph.code import code_files
from penstock.graph.coded import Coded, coded_of
from penstock.graph.model import Data, GraphNode, Literal, NodeOutput, Value
from penstock.plan.tables import outside
from penstock.spec.files import Files, SnapshotFile
from penstock.spec.model import CommandComponent
from penstock.spec.source import Mapping as Object
from penstock.spec.source import Node, Scalar, parse, plain, scalar_text

RECIPE = "1"
_NAMES = {"$schema", "name", "version", "display_name", "description", "tags", "experiment_name", "properties"}
_ELSEWHERE = {"compute", "identity", "services", "queue_settings", "is_deterministic", "type"}
_OWN_PARTS = {"command", "code", "additional_includes", "environment", "environment_variables", "inputs", "outputs"}
_REFERENCES = {"component", "trial"}


class Digests(Protocol):
    """Content digests of what lies on the disk."""

    def of(self, path: Path) -> str:
        """Of a file or folder. Raises OSError."""
        ...

    def snapshot(self, files: Iterable[SnapshotFile]) -> str:
        """Of the names, contents and x-bits of files. Raises OSError."""
        ...


class Key(Struct, frozen=True):
    """The parts of a key, in words."""

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.parts, sort_keys=True).encode()).hexdigest()

    def differs_from(self, other: Mapping[str, str]) -> tuple[str, ...]:
        """The names of the parts that are not the same, new and lost ones included."""
        names = [*self.parts, *(name for name in other if name not in self.parts)]
        return tuple(name for name in names if self.parts.get(name) != other.get(name))


class KeyMaker(Struct, frozen=True):
    """Makes keys. `produced` gives the digest of another node's output, None while it is not known."""

    files: Files
    digests: Digests
    interpreter: Callable[[GraphNode], str]
    produced: Callable[[NodeOutput], str | None]

    def key(self, node: GraphNode) -> Key | None:
        """The node's key; None while an input is not known. Raises OSError if something cannot be read."""
        inputs = self.inputs(node)
        if inputs is None:
            return None
        parts = {
            "recipe": RECIPE,
            "type": node.job.type,
            **inputs,
            **{f"output {name}": self._output(node, name) for name in node.outputs},
            "interpreter": self.interpreter(node),
            "definition": _text(_definition(node)),
            **{f"setting {name}": text for name, text in node.settings.items() if name not in _ELSEWHERE},
        }
        if isinstance(node.component, CommandComponent):
            parts["command"] = node.component.command.text if node.component.command is not None else ""
        coded = coded_of(node.component)
        if coded is not None:
            parts |= self._of_code(coded, node.job.environment_variables)
        return Key(parts)

    def inputs(self, node: GraphNode) -> dict[str, str] | None:
        """The parts that are the node's inputs; None while one is not known. Raises OSError."""
        found = {}
        for name, value in node.inputs.items():
            if isinstance(value, NodeOutput) and self.produced(value) is None:
                return None
            text = self._value(node, name, value)
            if text is not None:
                found[f"input {name}"] = text
            if isinstance(value, Data) and value.mapped:
                found[f"uri {value.uri}"] = self.digests.of(value.path)
        return found

    def _value(self, node: GraphNode, name: str, value: Value) -> str | None:
        given = node.job.inputs.get(name)
        mode = given.mode if given is not None else None
        if isinstance(value, Literal):
            return value.text
        if isinstance(value, NodeOutput):
            return _text([value.type, mode, self.produced(value)])
        if isinstance(value, Data):
            digest = self.digests.of(value.path) if value.is_local else value.uri
            return _text([value.type, value.mode, digest, *self._beside(value)])
        return None

    def _beside(self, value: Data) -> list[str]:
        """What an MLTable file names that is not in its folder."""
        if value.type != "mltable" or not value.is_local:
            return []
        return [self.digests.of(path) for path in outside(value.path, self.files)]

    def _output(self, node: GraphNode, name: str) -> str:
        given = node.job.outputs.get(name)
        return _text([node.outputs[name].type, given.mode if given is not None else None])

    def _of_code(self, component: Coded, variables: Mapping[str, str]) -> dict[str, str]:
        parts = {"environment": self._environment(component)}
        own = {**component.environment_variables, **variables}
        if own:
            parts["environment_variables"] = _text(own)
        files = list(code_files(component, self.files))
        if files:
            parts["code"] = self.digests.snapshot(files)
        return parts

    def _environment(self, component: Coded) -> str:
        node, folder = component.environment, component.folder
        if not isinstance(node, Scalar) or not scalar_text(node).startswith("file:"):
            return self._with_contents(node, folder)
        path = Path(os.path.normpath(folder / scalar_text(node).removeprefix("file:")))
        return self._with_contents(parse(self.files.read(path), str(path)).root, path.parent)

    def _with_contents(self, node: Node | None, folder: Path) -> str:
        """A definition, with the content of the files and folders that it names."""
        if not isinstance(node, Object):
            return _text(plain(node))
        found = {key: value for key, value in plain(node).items() if key not in _NAMES}
        build = node.mapping("build")
        for key, path in (("conda_file", node.text("conda_file")), ("build", build.text("path") if build else None)):
            if path is not None:
                found[key] = [found[key], self.digests.of(folder / path.removeprefix("file:"))]
        return _text(found)


def _definition(node: GraphNode) -> dict[str, Any]:
    dropped = _NAMES | _ELSEWHERE | _OWN_PARTS | _REFERENCES
    dropped |= {"limits"} if isinstance(node.component, CommandComponent) and node.job.type != "sweep" else set()
    component, job = plain(node.component.source), plain(node.job.source)
    both = {**component, **job}
    both |= {f"{key} of the component": component[key] for key in component if component[key] != both[key]}
    return {key: value for key, value in both.items() if key.removesuffix(" of the component") not in dropped}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def changed_part(name: str, before: str | None, now: str | None) -> str:
    """One changed part in words; short values are shown."""
    if before is None or now is None:
        return f"{name} is {'new' if before is None else 'gone'}"
    shown = max(len(before), len(now)) <= 40 and not before.startswith(("[", "{"))
    return f"{name} has changed" + (f" from {before} to {now}" if shown else "")
