"""Whether a plain value is what a word of the schema says, by the client's own rules of conversion (marshmallow's).

An integer takes "3" and 3.7, a boolean takes "yes" and 1, a string takes no number.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable
from datetime import datetime
from typing import Any

_BINDING = re.compile(r"\$\{\{\s*(\S*?)\s*\}\}")
_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d{1,12})?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?$"
)
_OUTPUT = re.compile(r"^\$\{\{parent\.outputs\.(.*?)\}\}$")
# True is equal to 1, and 1.0 too
_TRUE = {"t", "T", "true", "True", "TRUE", "on", "On", "ON", "y", "Y", "yes", "Yes", "YES", "1", 1}
_FALSE = {"f", "F", "false", "False", "FALSE", "off", "Off", "OFF", "n", "N", "no", "No", "NO", "0", 0}


def accepts(word: str, value: Any) -> bool:
    """Whether the client takes a scalar other than null where the schema says `word`."""
    return _CHECKS[word](value)


def folded(value: str, fold: str) -> str:
    """The value in the case in which the client compares it."""
    return _FOLDS[fold](value)


def is_output_binding(value: Any) -> bool:
    """Whether it is `${{parent.outputs.x}}`."""
    return isinstance(value, str) and _OUTPUT.match(value) is not None


def _begins(*prefixes: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value.startswith(prefixes)


def _is_text(value: Any) -> bool:
    return isinstance(value, str | bytes)


def _is_asset(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("azureml:") and bool(re.search("[:@/]", value[8:]))


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and not value.startswith("file:")


def _is_time(value: Any) -> bool:
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        return False
    year, month, day, hour, minute, second = (int(part) for part in match.groups(default="0"))
    try:
        datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the zone is not looked at
    except ValueError:  # the 31st of February
        return False
    return True


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.match(pattern, value) is not None


def _is_number_version(value: Any) -> bool:
    return not isinstance(value, bool) and re.fullmatch(r"\d+(\.\d+)*", str(value)) is not None


def _converts(number: type[int] | type[float], *, special: bool = False) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if isinstance(value, bool):
            return False
        try:
            made = number(value)
        except (TypeError, ValueError, OverflowError):
            return False
        return special or isinstance(made, int) or math.isfinite(made)

    return check


def _is_boolean(value: Any) -> bool:
    return value in _TRUE or value in _FALSE


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "str": _is_text,
    "url": _is_text,
    "time": _is_time,
    "component name": _matches(r"[a-z][a-z\d_]*$"),
    "number version": _is_number_version,
    "reference": _is_text,
    "path": _is_path,
    "binding": lambda value: isinstance(value, str) and _BINDING.search(value) is not None,
    "output": is_output_binding,
    "asset": _is_asset,
    "azureml": _begins("azureml:"),
    "registry": _begins("azureml://registries/", "azureml://feeds/"),
    "git": _begins("git+"),
    "version": lambda value: isinstance(value, str | int | float),
    "integer": _converts(int),
    "strict integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _converts(float),
    "any number": _converts(float, special=True),
    "strict number": lambda value: isinstance(value, float) and math.isfinite(value),
    "boolean": _is_boolean,
    "anything": lambda _: True,
}
WORDS = {
    "url": "a URL",
    "time": "a time as text, as in '2026-01-31T08:00:00'",
    "path": "a path",
    "reference": "a path",
    "output": "${{parent.outputs.NAME}}",
    "asset": "azureml:NAME:VERSION",
    "azureml": "azureml:NAME",
    "registry": "azureml://registries/...",
    "git": "git+...",
    "version": "a version",
    "number version": "a version of numbers, as in 3.4",
    "component name": "a name of lower-case letters, digits and underscores that begins with a letter",
    "integer": "an integer",
    "strict integer": "an integer",
    "number": "a number",
    "any number": "a number",
    "strict number": "a number",
    "boolean": "true or false",
    "str": "text",
    "anything": "a value",
}


def _snake(value: str) -> str:
    spaced = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", value)
    return re.sub("([a-z0-9])([A-Z])", r"\1_\2", spaced).lower()


def _pascal(value: str) -> str:
    return string.capwords(value.replace("_", " ")).replace(" ", "")


_FOLDS: dict[str, Callable[[str], str]] = {
    "same": lambda value: value,
    "lower": str.lower,
    "upper": str.upper,
    "snake": _snake,
    "pascal": _pascal,
    "camel": lambda value: re.sub("_([a-zA-Z0-9])", lambda match: match[1].upper(), value),
}
