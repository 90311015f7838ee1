"""What a version stands for, as digests: equal digests, equal content.

Names, versions, descriptions, display names and tags are no content; neither is what the snapshot does not take along
(a CHANGELOG, a sample). A digest is the SHA-256 of the JSON of its parts, sorted:

    of an environment   definition    what the file says
                        conda_file    its content
                        build         the build context's names and contents
    of a component      code          names, contents and x-bits of the snapshot (after ignore files, with
                                      additional_includes)
                        environment   name, version and digest of one that is a file; else what stands there
                        command       its text
                        definition    what else the file says, without the interface
                        interface     the ports
    of a pipeline       nodes         what each node says, with name, version and digest of its component
                        interface     the ports
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from penstock.graph.code import code_files
from penstock.graph.coded import Coded, coded_of
from penstock.plan.key import Digests
from penstock.publish.interface import Interface
from penstock.spec.files import Files
from penstock.spec.model import CommandComponent, Component, JobNode, PipelineComponent
from penstock.spec.source import Mapping as Object
from penstock.spec.source import Node, Scalar, plain, scalar_text

_NAMES = {"$schema", "name", "version", "display_name", "description", "tags"}
_CODE = {"code", "additional_includes", "environment", "command"}
_PORT = {"type", "optional", "default", "min", "max", "enum", "description"}
_FILE = "file:"
Parts = dict[str, str]


class Contents(Struct, frozen=True):
    """Makes digests.

    `environment` gives name, version and digest of an environment's file, `component` those of a component that a
    reference (with the folder that it counts from) leads to, None for what is not of the project.
    """

    files: Files
    digests: Digests
    environment: Callable[[Scalar, Path], tuple[str, str, str]]
    component: Callable[[Scalar, Path], tuple[str, str, str] | None]

    def of_environment(self, root: Object, folder: Path) -> Parts:
        """The parts of an environment's file. Raises OSError if something that it names cannot be read."""
        found = {key: value for key, value in plain(root).items() if key not in {*_NAMES, "conda_file"}}
        parts = {}
        conda, build = root.get("conda_file"), root.mapping("build")
        if isinstance(conda, Scalar):
            parts["conda_file"] = self.digests.of(folder / scalar_text(conda).removeprefix(_FILE))
        elif conda is not None:
            parts["conda_file"] = _digest(plain(conda))
        path = build.text("path") if build is not None else None
        if path is not None:
            context = self.files.snapshot(folder / path.removeprefix(_FILE), ())
            parts["build"] = self.digests.snapshot(context)
            del found["build"]["path"]
        return {"definition": _digest(found), **parts}

    def of_component(self, component: Component) -> Parts:
        """The parts of a component but for its interface. Raises OSError."""
        if isinstance(component, PipelineComponent):
            return {"nodes": self.of_nodes(component.jobs), "definition": _digest(_definition(component.source))}
        parts = {"definition": _digest(_definition(component.source))}
        if isinstance(component, CommandComponent) and component.command is not None:
            parts["command"] = _digest(component.command.text)
        coded = coded_of(component)
        return {**parts, **self._coded(coded)} if coded is not None else parts

    def _coded(self, coded: Coded) -> Parts:
        parts = {}
        files = list(code_files(coded, self.files))
        if files:
            parts["code"] = self.digests.snapshot(files)
        if coded.environment is not None:
            parts["environment"] = _digest(self._named_environment(coded.environment, coded.folder))
        return parts

    def _named_environment(self, node: Node, folder: Path) -> Any:
        if isinstance(node, Object):
            return self.of_environment(node, folder)
        if isinstance(node, Scalar) and scalar_text(node).startswith(_FILE):
            return self.environment(node, folder)
        return plain(node)

    def of_nodes(self, jobs: Mapping[str, JobNode]) -> str:
        """The digest of the nodes of a pipeline. Raises OSError."""
        return _digest({name: self._node(job) for name, job in jobs.items()})

    def _node(self, job: JobNode) -> dict[str, Any]:
        """A node with, for its component, what a version of that stands for."""
        found = {key: value for key, value in plain(job.source).items() if key not in _NAMES}
        own = job.inline or job.held
        key = "trial" if job.type == "sweep" else "component"
        if own is not None:
            coded = coded_of(own)
            return {**_without_code(found), "own": self._coded(coded)} if coded is not None else found
        if isinstance(job.component, Scalar):
            found[key] = self.component(job.component, job.folder) or scalar_text(job.component)
        return found


def _definition(source: Object) -> dict[str, Any]:
    """What a component says but for its names, its code and the interface of its ports."""
    found = {key: value for key, value in plain(source).items() if key not in _NAMES | {"jobs"}}
    for key in ("inputs", "outputs"):
        ports = found.pop(key, None)
        for name, port in ports.items() if isinstance(ports, dict) else ():
            more = {each: value for each, value in port.items() if each not in _PORT} if isinstance(port, dict) else {}
            if more:
                found.setdefault(key, {})[name] = more
    return _without_code(found)


def _without_code(found: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in found.items() if key not in _CODE}
    if isinstance(kept.get("task"), dict):
        kept["task"] = {key: value for key, value in kept["task"].items() if key not in _CODE}
    return kept


def digest_of(parts: Mapping[str, str], interface: Interface | None) -> str:
    """The digest of what a version stands for."""
    ports = msgspec.to_builtins(interface) if interface is not None else None
    return _digest({**parts, "interface": ports})


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
