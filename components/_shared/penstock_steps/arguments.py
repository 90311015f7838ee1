"""Reads the values that arrive on a step's command line as text: JSON objects, booleans, lists of names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from penstock_steps.errors import StepError

_BOOLEANS = {"true": True, "false": False}  # Azure writes True and False, YAML true and false


def json_object(text: str, flag: str) -> dict[str, Any]:
    """The JSON object that `text` holds. Raises StepError, naming `flag`, if it is no object or repeats a key."""
    try:
        value = json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise StepError(
            f"{flag} is not JSON: {error.msg} at character {error.pos + 1} of {text!r}; "
            'write an object such as {"name": 1}, with double quotes around names and texts'
        ) from None
    except _RepeatedKeyError as error:
        raise StepError(f"{flag} names {error} more than once; keep one") from None
    if not isinstance(value, dict):
        raise StepError(f'{flag} must be a JSON object such as {{"name": 1}}, it is {text}')
    return value


def boolean(text: str) -> bool:
    """True or False for the words true and false in any case; a `type=` for argparse, which reports the ValueError."""
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def names(text: str | None) -> list[str]:
    """The names in a text that separates them by commas, without blanks around them; none for None or a blank text."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` with the names of `known` that are spelled nearly as `name` is; empty if there are none."""
    close = close_names(name, known, most=3)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def close_names(name: str, known: Iterable[str], most: int) -> list[str]:
    """At most `most` names of `known` that are spelled nearly as `name` is, whatever their case; the closest first."""
    folded = {str(candidate).casefold(): str(candidate) for candidate in known}
    return [folded[match] for match in get_close_matches(name.casefold(), folded, n=most, cutoff=0.6)]


def unknown_columns(wanted: Sequence[str], known: Sequence[str], flag: str) -> list[str]:
    """A sentence for each column of `wanted`, which `flag` names, that is not among `known`."""
    return [
        f"{flag} names the column {name!r}, which is missing.{did_you_mean(name, known)} There are: {shortened(known)}"
        for name in wanted
        if name not in known
    ]


def shortened(items: Sequence[object], most: int = 20) -> str:
    """The items separated by commas, no more than `most` of them and the number of the rest."""
    shown = ", ".join(str(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"


class _RepeatedKeyError(Exception):
    pass


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    repeated = [key for key in keys if keys.count(key) > 1]
    if repeated:
        raise _RepeatedKeyError(repr(repeated[0]))
    return dict(pairs)
