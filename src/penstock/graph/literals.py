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
    if port.type in ("any", "string") or not port.is_literal:
        problem = _enum_problem(text, port)
    elif port.type == "boolean":
        problem = None if text.strip().lower() in ("true", "false") else _not_a("boolean (true or false)", port, text)
    else:
        problem = _number_problem(scalar, text, port)
    if problem is not None:
        what, message = problem
        return Invalid(what, message, place)  # type: ignore[arg-type]
    return Literal(text, port.type if port.is_literal else "string", place)


def _not_a(kind: str, port: InputPort, text: str) -> tuple[str, str]:
    return "type", f"'{text}' is not a value for '{port.name}', which takes a {kind}."


def _number_problem(scalar: Scalar, text: str, port: InputPort) -> tuple[str, str] | None:
    number = _number(scalar, port.type)
    if number is None:
        return _not_a("whole number" if port.type == "integer" else "number", port, text)
    for bound, wrong, words in ((port.minimum, number.__lt__, "least"), (port.maximum, number.__gt__, "most")):
        limit = _number(bound, "number") if bound is not None else None
        if limit is not None and wrong(limit):
            return "range", f"'{port.name}' must be at {words} {azure_text(bound)}, not {text}."  # type:
            ignore[arg - type]
    return _enum_problem(text, port)


def _number(scalar: Scalar, kind: str) -> float | None:
    text = azure_text(scalar).strip()
    if isinstance(scalar.value, bool) or (kind == "integer" and not _INTEGER.fullmatch(text)):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _enum_problem(text: str, port: InputPort) -> tuple[str, str] | None:
    allowed = [azure_text(item) for item in port.enum]
    if not allowed or text in allowed:
        return None
    return "enum", f"'{port.name}' must be one of {', '.join(allowed)}; '{text}' is none of them."
