"""The smoke test: does a server do what the contract of its package says?"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.errors import RunError
from penstock.release.http import Answer, connected, get, score
from penstock.release.target import Caller

_LATENCY_REQUESTS = 20
_TIMEOUT_S = 10.0
_LONG = 200


class Check(Struct, frozen=True):
    """One thing that was asked of a server. `problem` is what was wrong with the answer, None if nothing.

    `is_proof`: whether a problem is in what the server said; not in how long it took, nor in that nothing came, which
    may be the way's fault.
    """

    name: str
    problem: str | None
    seconds: float
    is_proof: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.problem or 'as it should be'}"


def read_contract(package: Path) -> dict[str, Any]:
    """A package's contract.json. Raises RunError if there is none, or it holds no case with a known answer."""
    path = package / "contract.json"
    try:
        contract: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = [case for case in contract["cases"] if case["status"] == 200]
        float(contract["latency_budget_ms"]), contract["tolerance"]["rtol"], contract["tolerance"]["atol"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is not a package's contract ({type(error).__name__}: {error})") from None
    if not known:
        raise RunError(f"{path} has no case with a known answer, so there is nothing to test; package the model again")
    return contract


def smoke(caller: Caller, contract: Mapping[str, Any]) -> list[Check]:
    """Ask all that there is to ask: health, every case of the contract, the keys, how long an answer takes.

    The latency is the median over 20 requests of the first known case, one after the other; by one connection, if the
    server keeps it, so that it is not the way to a distant server that is measured four times.
    """
    return [*_checks(caller, contract)]


def _checks(caller: Caller, contract: Mapping[str, Any]) -> Iterator[Check]:
    if caller.has_health:
        healthy = get(caller.url, "/", _TIMEOUT_S)
        problem = None if healthy.status == 200 else _unexpected(healthy, 200)
        yield Check("health", problem, healthy.seconds, is_proof=healthy.status != 0)
    for case in contract["cases"]:
        answer = score(caller, _body(case), _TIMEOUT_S)
        problem = _problem(case, answer, contract["tolerance"])
        yield Check(case["name"], problem, answer.seconds, is_proof=answer.status != 0)
    first = next(case for case in contract["cases"] if "answer" in case)
    if caller.key is not None:
        for name, key in (("without a key", ""), ("with a wrong key", f"{caller.key[::-1]}x")):
            answer = score(caller, _body(first), _TIMEOUT_S, key)
            problem = None if answer.status in (401, 403) else _unexpected(answer, 401)
            yield Check(name, problem, answer.seconds, is_proof=answer.status != 0)
    yield _latency(caller, first, contract["latency_budget_ms"] / 1000)


def _latency(caller: Caller, case: Mapping[str, Any], budget_s: float) -> Check:
    body = _body(case)
    with connected(caller.url) as session:
        score(caller, body, _TIMEOUT_S, session=session)  # makes the connection
        taken = [score(caller, body, _TIMEOUT_S, session=session).seconds for _ in range(_LATENCY_REQUESTS)]
    median = statistics.median(taken)
    problem = None
    if median > budget_s:
        problem = f"an answer takes {median * 1000:.0f} ms, the budget is {budget_s * 1000:.0f} ms"
    return Check("latency", problem, median, is_proof=False)


def _body(case: Mapping[str, Any]) -> bytes:
    return str(case["raw"]).encode() if "raw" in case else json.dumps(case["request"]).encode()


def _problem(case: Mapping[str, Any], answer: Answer, tolerance: Mapping[str, float]) -> str | None:
    if answer.status != case["status"]:
        return _unexpected(answer, case["status"])
    if "answer" not in case:
        return None
    try:
        given = answer.document
    except ValueError:
        return f"the answer is not JSON: {_cut(answer.text)}"
    if not is_like(given, case["answer"], **tolerance):
        return f"the answer is {_cut(json.dumps(given))}, the model itself says {_cut(json.dumps(case['answer']))}"
    return None


def is_like(given: Any, expected: Any, *, rtol: float, atol: float) -> bool:
    """Whether an answer is the expected one: numbers within `atol + rtol * |expected|`, all else equal.

    As numpy.isclose has it (https://numpy.org/doc/stable/reference/generated/numpy.isclose.html).
    """
    if isinstance(expected, list):
        return (
            isinstance(given, list)
            and len(given) == len(expected)
            and all(is_like(one, other, rtol=rtol, atol=atol) for one, other in zip(given, expected, strict=True))
        )
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (given, expected))
    if not numbers:
        return type(given) is type(expected) and bool(given == expected)
    return math.isfinite(given) and abs(given - expected) <= atol + rtol * abs(expected)


def _unexpected(answer: Answer, status: int) -> str:
    if answer.status == 0:
        return answer.text
    return f"the status is {answer.status}, not {status}: {_cut(answer.text)}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONG else f"{line[: _LONG - 3]}..."
