"""Compiles pipelines in Python and writes, or compares, the YAML beside them."""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from penstock.compile.client import ask, quiet
from penstock.compile.document import job_document
from penstock.compile.place import RefusedError, Target
from penstock.compile.rest import body, differences
from penstock.compile.source import load_pipeline, working_in
from penstock.compile.text import to_text
from penstock.errors import DefinitionError

Status = Literal["written", "current", "stale", "missing", "removed", "left over"]
_DIFF_LINES = 20


class Outcome(Struct, frozen=True):
    """One compiled file: what was done with it, or what is wrong with it.

    `diff` holds the first lines of the difference between the file and what its pipeline compiles to.
    """

    file: Path
    status: Status
    diff: str = ""


class Compiled(Struct, frozen=True):
    """What one pipeline in Python compiles to.

    Attributes:
        source: the Python file, absolute. The compiled files lie beside it.
        files: the text of each file by its name; the job's is the last one.
        body: what Azure's client would send for the pipeline in Python (see `rest`).
        warnings: what azure-ai-ml had to say about the pipeline, and what of no effect the YAML leaves out.
    """

    source: Path
    files: dict[str, str]
    body: dict[str, Any]
    warnings: tuple[str, ...]


def compile_pipeline(source: Path, root: Path, shown: str) -> Compiled:
    """Compile one file in memory.

    Args:
        source: the pipeline in Python, absolute.
        root: the project's folder, absolute.
        shown: how messages name the file.

    Raises:
        DefinitionError: the file cannot be imported, its pipeline is wrong, or job YAML cannot say what it says.
    """
    with quiet() as warnings, working_in(source.parent):
        job, target = load_pipeline(source, shown), Target(source, root)
        try:
            document = job_document(job, target)
            sent = ask(lambda: body(job, source.parent))
        except RefusedError as refused:
            raise DefinitionError(f"{shown}: {refused}") from None
    comment = _comment(source)
    files = {name: to_text(nested, comment) for name, nested in target.nested.items()}
    files[target.job_name] = to_text(document, comment)
    return Compiled(source, files, sent, (*warnings, *target.lost))


def compare(compiled: Compiled) -> list[Outcome]:
    """How the files on disk stand to what the pipeline compiles to; nothing is written."""
    folder, outcomes = compiled.source.parent, []
    for name, text in compiled.files.items():
        found = _read(folder / name)
        if found is None:
            outcomes.append(Outcome(folder / name, "missing"))
        elif found != text:
            outcomes.append(Outcome(folder / name, "stale", _diff(found, text, name)))
        else:
            outcomes.append(Outcome(folder / name, "current"))
    return outcomes + [Outcome(file, "left over") for file in _left_over(compiled)]


def write(compiled: Compiled, shown: str) -> list[Outcome]:
    """Write what is not current beside the pipeline, and take away nested components that it no longer has.

    Raises DefinitionError if the YAML would not be the pipeline that it was compiled from; the old files stay then.
    """
    outcomes = compare(compiled)
    before = {outcome.file: _read(outcome.file) for outcome in outcomes}
    try:
        for outcome in outcomes:
            _replace(outcome.file, compiled.files.get(outcome.file.name))
        verify(compiled, shown)
    except BaseException:
        for file, text in before.items():
            _replace(file, text)
        raise
    done: dict[Status, Status] = {"missing": "written", "stale": "written", "left over": "removed"}
    return [Outcome(outcome.file, done.get(outcome.status, outcome.status)) for outcome in outcomes]


def verify(compiled: Compiled, shown: str) -> None:
    """Load the YAML from disk, validate it, and compare what Azure's client would send for it and for the Python.

    Raises DefinitionError, naming the place, if the two differ (the YAML would lose something) or it is not valid.
    """
    from azure.ai.ml import load_job

    folder = compiled.source.parent
    with quiet():
        try:
            job = ask(lambda: load_job(folder / [*compiled.files][-1]))
            loaded = ask(lambda: body(job, folder))
            ask(lambda: _refuse_invalid(job))  # last, since it writes into what it looks at
        except RefusedError as refused:
            raise DefinitionError(f"{shown}, compiled: {refused}") from None
    for path, ours, theirs in differences(compiled.body, loaded):
        raise DefinitionError(
            f"{shown}: job YAML cannot say {path.removeprefix('properties.')}: Azure's client would send "
            f"{_short(ours)} for the Python, and {_short(theirs)} for the YAML. Say it another way, or leave it out"
        )


def _left_over(compiled: Compiled) -> list[Path]:
    """Nested components that an earlier state of the pipeline compiled to."""
    mark = f"# {_comment(compiled.source)}\n"
    others = sorted(compiled.source.parent.glob(f"{compiled.source.stem}.*.component.yml"))
    return [file for file in others if file.name not in compiled.files and (_read(file) or "").startswith(mark)]


def _refuse_invalid(job: Any) -> None:
    result = job._validate()
    if not result.passed:
        raise RefusedError("\n  ".join(_finding(path, message) for path, message in result.error_messages.items()))


def _finding(path: str, message: str) -> str:
    return message if path == "*" else f"{path}: {message}"


def _comment(source: Path) -> str:
    return f"generated from {source.name} by `penstock compile`: change that file and compile again"


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _diff(found: str, wanted: str, name: str) -> str:
    old, new = found.splitlines(), wanted.splitlines()
    lines = list(difflib.unified_diff(old, new, name, f"{name} (compiled)", lineterm="", n=1))
    more = [f"... {len(lines) - _DIFF_LINES} more lines"] if len(lines) > _DIFF_LINES else []
    return "\n".join([*lines[:_DIFF_LINES], *more])


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _replace(file: Path, text: str | None) -> None:
    """Give the file this text, or take it away for None; whoever reads it meanwhile sees the old or the new one."""
    if _read(file) == text:
        return
    if text is None:
        file.unlink()
        return
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(file)
