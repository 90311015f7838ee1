"""What rules look at of a snapshot: its files, its code, what a command or a service starts. Read once per check."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from penstock.check.entry_point import Interface
from penstock.check.entry_point_argparse import read_argparse
from penstock.check.entry_point_click import read_click, read_typer
from penstock.check.entry_point_code import Code, Module, NotPython, parse
from penstock.check.entry_point_outline import Outline, outline
from penstock.check.entry_point_reach import Reached
from penstock.check.entry_point_shell import Program, Run, read_command
from penstock.check.memory import bytes_of, remembered
from penstock.check.subject import Subject
from penstock.graph.coded import Coded, Scripted
from penstock.spec.files import Files, SnapshotFile
from penstock.spec.model import CommandComponent
from penstock.spec.source import Scalar, Sequence, scalar_text

_ELSEWHERE = ("azureml:", "git+", "https://", "http://")


class Snapshot(Struct, frozen=True):
    """What `code:` and `additional_includes:` upload. `whole`: nothing else comes along, an artifact for example."""

    files: tuple[SnapshotFile, ...]
    paths: dict[str, Path]
    code: Code
    whole: bool


class Started(Struct, frozen=True):
    """A Python program that a component's command starts, and its source as far as it is in the snapshot."""

    component: CommandComponent
    run: Run
    program: Program
    snapshot: Snapshot
    name: str | None
    module: Module | NotPython | None
    interface: Interface | None


class Entered(Struct, frozen=True):
    """A Python file that is executed first, and the folder of the snapshot that its absolute imports start from."""

    by: Coded
    snapshot: Snapshot
    module: Module
    root: str


def snapshot_of(component: Coded, subject: Subject) -> Snapshot | None:
    """The snapshot of a step or a deployment; None if it is not on this machine, or cannot be read."""
    path = component.code.path
    if path is not None and (path.startswith(_ELSEWHERE) or "${{" in path):
        return None
    code = Path(os.path.normpath(component.folder / path)) if path is not None else None
    includes = tuple(component.folder / str(include.value) for include in component.code.includes)
    listed = component.source.get("additional_includes")
    whole = not isinstance(listed, Sequence) or all(isinstance(item, Scalar) for item in listed.items)
    whole = whole and all(_exists(include, subject.files) for include in includes)
    if code is not None and not _exists(code, subject.files):
        return None
    key = ("snapshot", code, includes)
    found: Snapshot | None = remembered(subject, key, lambda: _read(code, includes, subject, whole=whole))
    return found


def _exists(path: Path, files: Files) -> bool:
    return files.is_file(path) or files.is_dir(path)


def _read(code: Path | None, includes: tuple[Path, ...], subject: Subject, *, whole: bool) -> Snapshot | None:
    try:
        listed = tuple(subject.files.snapshot(code, includes)) if code is not None or includes else ()
    except (OSError, ValueError):
        return None
    paths = {file.name: file.path for file in listed}

    def read(name: str, main: bool) -> Module | NotPython | None:
        key = ("parsed", os.path.normpath(paths[name]), name, main)
        return remembered(subject, key, lambda: _parsed(Path(key[1]), name, subject, main=main))

    def outlined(name: str) -> Outline:
        path = Path(os.path.normpath(paths[name]))
        return remembered(subject, ("outline", path), lambda: _outlined(path, subject))

    return Snapshot(listed, paths, Code(frozenset(paths), read, outlined), whole)


def _outlined(path: Path, subject: Subject) -> Outline:
    try:
        return outline(bytes_of(subject, path))
    except OSError:
        return Outline(about_arguments=False, imported=())


def _parsed(path: Path, name: str, subject: Subject, *, main: bool) -> Module | NotPython | None:
    try:
        return parse(name, bytes_of(subject, path), main=main)
    except OSError:
        return None


def script_name(one: Scripted) -> str | None:
    """The script of a step or a deployment by its name in the snapshot; None if it cannot be in one."""
    if one.script is None:
        return None
    text = scalar_text(one.script)
    if "${{" in text or "://" in text or text.startswith("/"):
        return None
    return posixpath.normpath(text)


def script_of(one: Scripted, subject: Subject) -> Module | NotPython | None:
    """The script of a step or a deployment, as far as it is in the snapshot and can be read."""
    snapshot, name = snapshot_of(one, subject), script_name(one)
    if snapshot is None or name is None:
        return None
    return snapshot.code.module(name, main=one.kind == "spark")  # the others are loaded, not run


def entered(one: Coded, subject: Subject) -> Iterator[Entered]:
    """The scripts that certainly find nothing but the snapshot and the environment when they begin."""
    if isinstance(one, CommandComponent):
        for begun in started(one, subject):
            if begun.program.plain and begun.snapshot.whole and isinstance(begun.module, Module):
                run = begun.run
                root = run.folder if run.is_module else posixpath.dirname(run.script) or "."
                yield Entered(one, begun.snapshot, begun.module, root)
    elif isinstance(one, Scripted):
        snapshot, module = snapshot_of(one, subject), script_of(one, subject)
        if snapshot is not None and snapshot.whole and isinstance(module, Module):
            yield Entered(one, snapshot, module, posixpath.dirname(module.name) or ".")


def started(component: CommandComponent, subject: Subject) -> tuple[Started, ...]:
    """The programs of a component's command; none if the command or the snapshot cannot be read for certain."""
    key = ("started", id(component))
    held: tuple[CommandComponent, tuple[Started, ...]]  # holding the component keeps its id its own
    held = remembered(subject, key, lambda: (component, _started(component, subject)))
    return held[1]


def _started(component: CommandComponent, subject: Subject) -> tuple[Started, ...]:
    snapshot = snapshot_of(component, subject)
    program = read_command(component.command) if component.command is not None and snapshot is not None else None
    if snapshot is None or program is None:
        return ()
    return tuple(_with_source(component, run, program, snapshot, subject) for run in program.runs)


def _with_source(
    component: CommandComponent, run: Run, program: Program, snapshot: Snapshot, subject: Subject
) -> Started:
    name: str | None = run.script
    root = os.path.dirname(run.script) or "."  # noqa: PTH120 - a name in the snapshot, not a path on this machine
    if run.is_module:
        root = run.folder
        name = snapshot.code.find(f"{run.script}.__main__", root) or snapshot.code.find(run.script, root)
    module = snapshot.code.module(name, main=True) if name is not None else None
    if not isinstance(module, Module):
        return Started(component, run, program, snapshot, name, module, None)
    read = remembered(subject, ("interface", id(snapshot), name, root), lambda: interface(snapshot.code, module, root))
    return Started(component, run, program, snapshot, name, module, read)


def interface(code: Code, module: Module, root: str) -> Interface | None:
    """The command line that a script takes; `root` is the folder that its absolute imports start from."""
    reached = Reached.of(code, module, root)
    for library, read in (("argparse", read_argparse), ("click", read_click), ("typer", read_typer)):
        if reached is not None and any(library in other.text for other in reached.modules):
            found = read(reached)
            if found is not None:
                return found
    return None
