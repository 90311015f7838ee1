"""What an asset is made of: its definition with all files that it names, copied, and the paths in it made its own.

A component's snapshot is what `code:` uploads, with `additional_includes`; the components that a pipeline component
names by file become folders beside it. References to other assets stay, but `@latest` becomes the version that this
is now, as Azure's client does when it creates one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from penstock.errors import DefinitionError
from penstock.graph.coded import code_at
from penstock.spec.read import component_type, job_type
from penstock.spec.reference import AssetType
from penstock.spec.source import Entry, Node, Scalar, parse, scalar_text
from penstock.spec.source import Mapping as Object
from penstock.spec.write import to_yaml, with_value
from penstock.store.copying import copy_file
from penstock.store.ignore import snapshot_listing

_ELSEWHERE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+:|.*\$\{\{", re.DOTALL)


@dataclass
class AssetFiles:
    """Copies what a definition names into `folder`.

    `pinned` gives a reference to a component or an environment with the version that is meant; `ignored` collects what
    ignore files keep out.
    """

    folder: Path
    pinned: Callable[[AssetType, Scalar], str]
    ignored: list[str] = field(default_factory=list)
    _components: dict[Path, str] = field(default_factory=dict)

    def of(self, kind: AssetType, root: Object, folder: Path) -> Object:
        """The definition as it stands in the asset; the paths in `root` count from `folder`. Raises OSError."""
        if kind == "component":
            return self._component(root, folder, self.folder)
        if kind == "environment":
            return self._environment(root, folder, self.folder, self.folder)
        path = root.get("path")
        if not isinstance(path, Scalar) or _is_elsewhere(path):
            return root
        return with_value(root, "path", self._data(folder / _local(path), self.folder, self.folder / "files"))

    def _component(self, root: Object, folder: Path, at: Path) -> Object:
        """A component whose definition will lie in `at`."""
        if component_type(root) != "pipeline":
            return self._task(root, folder, at, at)
        jobs = root.mapping("jobs")
        if jobs is None:
            return root
        nodes = {
            name: Entry(entry.key, self._node(entry.value, folder, at, at / "nodes" / name))
            for name, entry in jobs.entries.items()
        }
        return with_value(root, "jobs", Object(jobs.place, nodes))

    def _node(self, node: Node, folder: Path, at: Path, own: Path) -> Node:
        """A node; files of its own come into `own`."""
        if not isinstance(node, Object):
            return node
        key = "trial" if job_type(node) == "sweep" else "component"
        named = node.get(key)
        if isinstance(named, Scalar):
            node = with_value(node, key, self._named_component(named, folder, at))
        elif isinstance(named, Object):
            node = with_value(node, key, self._task(named, folder, at, own))
        else:
            node = self._task(node, folder, at, own)
        inputs = node.mapping("inputs")
        if inputs is None:
            return node
        entries = {
            name: Entry(entry.key, self._input(entry.value, folder, at, own / "inputs" / name))
            for name, entry in inputs.entries.items()
        }
        return with_value(node, "inputs", Object(inputs.place, entries))

    def _input(self, value: Node, folder: Path, at: Path, own: Path) -> Node:
        path = value.get("path") if isinstance(value, Object) else None
        if not isinstance(value, Object) or not isinstance(path, Scalar) or _is_elsewhere(path):
            return value
        return with_value(value, "path", self._data(folder / _local(path), at, own))

    def _named_component(self, named: Scalar, folder: Path, at: Path) -> str:
        text = scalar_text(named)
        if text.startswith("azureml:"):
            return self.pinned("component", named)
        path = Path(os.path.normpath(folder / _local(named)))
        if path not in self._components:
            name = _free(re.sub(r"\.ya?ml$", "", path.name), self._components.values())
            self._components[path] = name
            target = self.folder / "components" / name
            target.mkdir(parents=True)
            root = self._component(_object(path), path.parent, target)
            _write(root, target / "component.yml")
        return _relative(self.folder / "components" / self._components[path] / "component.yml", at)

    def _task(self, source: Object, folder: Path, at: Path, own: Path) -> Object:
        """What has `code` and `environment`, itself or in its `task`."""
        task = source.mapping("task")
        if task is not None:
            return with_value(source, "task", self._coded(task, folder, at, own))
        return self._coded(source, folder, at, own)

    def _coded(self, source: Object, folder: Path, at: Path, own: Path) -> Object:
        code = code_at(source)
        if code.includes or (code.path is not None and _ELSEWHERE.match(code.path) is None):
            target = own / "code"
            target.mkdir(parents=True)
            includes = tuple(folder / _local(include) for include in code.includes)
            self._copy(folder / code.path if code.path is not None else None, includes, target)
            source = with_value(source, "code", _relative(target, at))
            source = with_value(source, "additional_includes", None)
        node = source.get("environment")
        if isinstance(node, Object):
            inline = self._environment(node, folder, at, own / "environment")
            return with_value(source, "environment", inline)
        if not isinstance(node, Scalar) or not scalar_text(node):
            return source
        if not scalar_text(node).startswith("file:"):
            return with_value(source, "environment", self.pinned("environment", node))
        path = Path(os.path.normpath(folder / _local(node)))
        target = own / "environment"
        target.mkdir(parents=True)
        _write(self._environment(_object(path), path.parent, target, target), target / "environment.yml")
        return with_value(source, "environment", f"file:{_relative(target / 'environment.yml', at)}")

    def _environment(self, source: Object, folder: Path, at: Path, own: Path) -> Object:
        """An environment with its conda file and its build context in `own`."""
        conda = source.get("conda_file")
        if isinstance(conda, Scalar) and conda.value is not None:
            path = folder / _local(conda)
            copy_file(path, own / path.name)
            source = with_value(source, "conda_file", _relative(own / path.name, at))
        build = source.mapping("build")
        context = build.get("path") if build is not None else None
        if build is not None and isinstance(context, Scalar) and not _is_elsewhere(context):
            self._copy(folder / _local(context), (), own / "context")
            source = with_value(source, "build", with_value(build, "path", _relative(own / "context", at)))
        return source

    def _data(self, path: Path, at: Path, target: Path) -> str:
        """Copy a file or a folder into `target`; its path from `at`."""
        if not path.is_dir():
            copy_file(path, target / path.name)
            return _relative(target / path.name, at)
        self._copy(path, (), target)
        if not any(target.iterdir()):
            raise DefinitionError(
                f"the folder {path} holds nothing that would be uploaded, so there is nothing to keep"
            )
        return _relative(target, at)

    def _copy(self, path: Path | None, includes: tuple[Path, ...], target: Path) -> None:
        """Copy what uploading would send."""
        if path is not None and not path.exists():
            raise FileNotFoundError(2, "No such file or folder", str(path))
        listing = snapshot_listing(Path(os.path.normpath(path)) if path is not None else None, includes)
        target.mkdir(parents=True, exist_ok=True)
        for file in listing.files:
            if file.path.is_dir():
                raise DefinitionError(f"{file.path} leads back to a folder that it lies in; what it holds has no end")
            copy_file(file.path, target / file.name)
        self.ignored += [str(left.path) for left in listing.ignored if left.by.file is not None]


def _object(path: Path) -> Object:
    document = parse(path.read_bytes(), str(path))
    if not isinstance(document.root, Object):
        raise DefinitionError(f"{path} is no definition of a component or an environment")
    return document.root


def _write(root: Object, path: Path) -> None:
    path.write_text(to_yaml(root), encoding="utf-8")


def _is_elsewhere(node: Scalar) -> bool:
    return node.value is None or _ELSEWHERE.match(scalar_text(node)) is not None


def _local(node: Scalar) -> str:
    """A path without `file:` or `file://` before it."""
    return re.sub(r"^file:(//)?", "", scalar_text(node))


def _relative(path: Path, at: Path) -> str:
    return f"./{os.path.relpath(path, at)}" if path.is_relative_to(at) else os.path.relpath(path, at)


def _free(name: str, taken: Collection[str]) -> str:
    """The name, with a number if it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
