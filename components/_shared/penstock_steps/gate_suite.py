"""Reads a Great Expectations suite, strictly: what GX would drop or ignore in silence is told here.

GX logs and drops an expectation whose type or severity it does not know, and then reports success for the others. So
the file is checked as a whole, all problems are told together, and each expectation becomes an object or an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from penstock_steps.arguments import close_names
from penstock_steps.digests import text_digest
from penstock_steps.errors import StepError
from penstock_steps.gate_report import SEVERITIES, Severity

_SUITE_KEYS = ("name", "expectations", "meta", "notes", "id", "suite_parameters")
_EXPECTATION_KEYS = ("type", "kwargs", "meta", "severity", "notes", "description", "id", "rendered_content")
_NOT_KEYWORDS = (*_EXPECTATION_KEYS, "result_format", "catch_exceptions")  # GX has fields for them; the gate decides
_PARAMETER = "$PARAMETER"


@dataclass(frozen=True)
class Expectation:
    """One expectation as the suite states it, parameters put in.

    `position` counts from 1 in the file. `kwargs` are the keywords, columns included.
    """

    position: int
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    notes: str

    @property
    def columns(self) -> list[str]:
        """The columns that it is about; none if it is about the table."""
        names = [self.kwargs.get(key) for key in ("column", "column_A", "column_B")]
        listed = self.kwargs.get("column_list") or []
        return [name for name in (*names, *(listed if isinstance(listed, list) else [])) if isinstance(name, str)]

    @property
    def asked(self) -> dict[str, Any]:
        """The keywords that are not columns."""
        return {k: v for k, v in self.kwargs.items() if k not in ("column", "column_A", "column_B", "column_list")}


@dataclass(frozen=True)
class Suite:
    """A suite of at least one expectation.

    `version` is its `meta.version`, empty if it has none; `digest` is that of its file, `parameters` what was put in.
    """

    name: str
    version: str
    digest: str
    expectations: Sequence[Expectation]
    parameters: Mapping[str, Any]


def read_suite(path: Path, parameters: Mapping[str, Any] | None = None) -> Suite:
    """Read a suite's JSON file and put `parameters` in for its {"$PARAMETER": name} references.

    The suite's own `suite_parameters` are the defaults of `parameters`. Whether GX knows the expectations is not looked
    at here (that needs GX): see `gate_evaluate.build`.

    Raises:
        StepError: no such file, not JSON, not a suite, an empty suite, an unknown key or severity, a parameter that is
            missing or that nothing refers to. All problems in one message.
    """
    text = _text(path)
    document = _parse(path, text)
    values = {**_own_parameters(path, document), **(parameters or {})}
    problems = _unknown("suite", document, _SUITE_KEYS)
    entries = document.get("expectations")
    if not isinstance(entries, list):
        raise StepError(f'{path} is not a suite: it has no list "expectations"{_before_one(document)}')
    if not entries:
        raise StepError(f"{path} is an empty suite: it expects nothing, so every table would pass. Add expectations")
    used: set[str] = set()
    expectations = [_expectation(i, entry, values, used, problems) for i, entry in enumerate(entries, 1)]
    name = document.get("name")
    if not isinstance(name, str) or not name:
        problems.append('the suite has no "name"')
    problems += [
        f"nothing refers to the parameter {key!r}{did_you_mean(key, used)}"
        for key in (parameters or {})
        if key not in used
    ]
    raise_all(path, problems)
    kept = [expectation for expectation in expectations if expectation is not None]
    meta = document.get("meta")
    version = str(meta.get("version") or "") if isinstance(meta, dict) else ""
    return Suite(str(name), version, text_digest(text), kept, {key: values[key] for key in sorted(used)})


def raise_all(where: Path | str, problems: Sequence[str]) -> None:
    """Raise one StepError that tells all of `problems`, if there are any."""
    if len(problems) == 1:
        raise StepError(f"{where}: {problems[0]}")
    if problems:
        raise StepError(f"{where} has {len(problems)} problems:" + "".join(f"\n  - {problem}" for problem in problems))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` if a word of `known` is close to `word`, else nothing."""
    close = close_names(word, known, most=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise StepError(f"the suite {path} is not a file; give the JSON file of a Great Expectations suite") from None
    except UnicodeDecodeError:
        raise StepError(f"the suite {path} is not JSON: it is not UTF-8 text") from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise StepError(f"{path}:{error.lineno}:{error.colno} is not JSON: {error.msg}") from None
    except ValueError as error:
        raise StepError(f"{path}: {error}") from None
    if not isinstance(document, dict):
        raise StepError(f'{path} is not a suite: it must be an object with "name" and "expectations"')
    return document


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"an object has the key {twice[0]!r} twice; all but the last would be lost")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON; leave a bound out (null) where there is none")


def _own_parameters(path: Path, document: Mapping[str, Any]) -> Mapping[str, Any]:
    own = document.get("suite_parameters") or {}
    if not isinstance(own, dict):
        raise StepError(f'{path}: "suite_parameters" must be an object')
    return own


def _before_one(document: Mapping[str, Any]) -> str:
    return did_you_mean("expectations", [key for key in document if key not in _SUITE_KEYS])


def _expectation(
    position: int, entry: Any, values: Mapping[str, Any], used: set[str], problems: list[str]
) -> Expectation | None:
    """The entry as an expectation; or None, and why in `problems`."""
    if not isinstance(entry, dict):
        problems.append(f"expectation {position} is not an object")
        return None
    if "expectation_type" in entry:
        problems.append(
            f'expectation {position} is of Great Expectations before 1.0: rename "expectation_type" to "type"'
        )
        return None
    kwargs = entry.get("kwargs", {})
    kind, severity = entry.get("type"), entry.get("severity") or "critical"
    where = place(position, str(kind), kwargs if isinstance(kwargs, dict) else {})
    found = _unknown(where, entry, _EXPECTATION_KEYS)
    if not isinstance(kind, str):
        found.append(f'{where} has no "type"')
    if not isinstance(kwargs, dict):
        found.append(f'{where}: "kwargs" must be an object')
        kwargs = {}
    found += [f'{where}: {key!r} does not belong into "kwargs"' for key in _NOT_KEYWORDS if key in kwargs]
    if severity not in SEVERITIES:
        known = ", ".join(SEVERITIES)
        found.append(
            f"{where} has the severity {severity!r}; it must be one of {known}{did_you_mean(str(severity), SEVERITIES)}"
        )
    missing: list[str] = []
    kwargs = _put_in(kwargs, values, used, missing)
    found += [
        f"{where} needs the parameter {name!r}; give it in suite_parameters{did_you_mean(name, values)}"
        for name in missing
    ]
    problems += found
    return (
        None
        if found
        else Expectation(position, str(kind), kwargs, cast("Severity", severity), _notes(entry.get("notes")))
    )


def place(position: int, kind: str, kwargs: Mapping[str, Any]) -> str:
    """How messages name an expectation of the file: its position, type and columns."""
    columns = Expectation(position, kind, kwargs, "critical", "").columns
    return f"expectation {position} ({kind}{', column ' if columns else ''}{', '.join(columns)})"


def _unknown(where: str, entry: Mapping[str, Any], known: Sequence[str]) -> list[str]:
    return [f"{where} has the unknown key {key!r}{did_you_mean(key, known)}" for key in entry if key not in known]


def _put_in(value: Any, values: Mapping[str, Any], used: set[str], missing: list[str]) -> Any:
    """`value` with each {"$PARAMETER": name} replaced; names are added to `used` and, without a value, to `missing`."""
    if isinstance(value, list):
        return [_put_in(item, values, used, missing) for item in value]
    if not isinstance(value, dict):
        return value
    if _PARAMETER not in value:
        return {key: _put_in(item, values, used, missing) for key, item in value.items()}
    name = str(value[_PARAMETER])
    used.add(name)
    if name not in values:
        missing.append(name)
        return None
    return values[name]


def _notes(notes: Any) -> str:
    return " ".join(str(note) for note in notes) if isinstance(notes, list) else str(notes or "")
