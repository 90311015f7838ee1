"""Typed values of inputs: what a port takes, and the text that Azure's client makes of a value.

The client turns booleans, integers and floats into text with Python's `str` (`True`, `0.01`, `1e-05`) and leaves
strings alone.
"""

from __future__ import annotations

import math
import re

from penstock.graph.model import Invalid, Literal
from penstock.spec.model import InputPort
from penstock.spec.place import Place
from penstock.spec.source import Scalar

_INTEGER = re.compile(r"[+-]?\d+")


def azure_text(scalar: Scalar) -> str:
    """The text that the command line gets for a YAML value."""
    return scalar.value if isinstance(scalar.value, str) else str(scalar.value)


def coerce(scalar: Scalar, port: InputPort, place: Place) -> Literal | Invalid:
    """`scalar` as a value of `port`, or why it is none. `place` is told for what is wrong."""
    text = azure_text(scalar)
    if port.type == "boolean" and text.strip().lower() not in ("true", "false"):
        return _wrong_type(port, text, "boolean (true or false)", place)
    if port.type in ("integer", "number"):
        number = _number(scalar, port.type)
        if number is None:
            return _wrong_type(port, text, "whole number" if port.type == "integer" else "number", place)
        beyond = _beyond(number, port)
        if beyond is not None:
            return Invalid("range", f"'{port.name}' must be {beyond}, not {text}.", place)
    allowed = [azure_text(item) for item in port.enum]
    if allowed and text not in allowed and not _is_one_of(scalar, port):
        message = f"'{port.name}' must be one of {', '.join(allowed)}; '{text}' is none of them."
        return Invalid("enum", message, place)
    return Literal(text, port.type if port.is_literal else "string", place)


def _is_one_of(scalar: Scalar, port: InputPort) -> bool:
    """Whether it is a number of the enum, however it is written."""
    number = _number(scalar, "number") if port.type in ("integer", "number") else None
    return number is not None and number in [_number(item, "number") for item in port.enum]


def _wrong_type(port: InputPort, text: str, kind: str, place: Place) -> Invalid:
    return Invalid("type", f"'{text}' is not a value for '{port.name}', which takes a {kind}.", place)


def _beyond(number: float, port: InputPort) -> str | None:
    """Which of the port's bounds the number passes, in words."""
    low = _number(port.minimum, "number") if port.minimum else None
    high = _number(port.maximum, "number") if port.maximum else None
    if low is not None and number < low:
        return f"at least {low:g}"
    return f"at most {high:g}" if high is not None and number > high else None


def _number(scalar: Scalar, kind: str) -> float | None:
    text = azure_text(scalar).strip()
    if isinstance(scalar.value, bool) or (kind == "integer" and not _INTEGER.fullmatch(text)):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
