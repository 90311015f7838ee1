"""Evaluates expectations with Great Expectations, the lightest way: no store, no file, no network.

Three things are ours:

- **Two passes.** Collecting the unexpected values of an expectation costs ten times what a yes or no costs, so
  expectations about single values are first asked for a yes or no, and only those that said no for details.
- **A cast copy.** GX compares int64, float64 and datetime64[ns] columns as a whole, anything else one value at a time.
  Values are checked on a copy with these types (a float32 becomes the double of the same value), types on the table
  as it is.
- **At most `SAMPLES` unexpected values** of an expectation are kept, each cut to `SAMPLE_CHARS` characters: enough to
  see what is wrong, and a report is no copy of the data.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from penstock_steps.gate_suite import Expectation, did_you_mean, place, raise_all

SAMPLES = 5
SAMPLE_CHARS = 60
TYPE_EXPECTATIONS = frozenset(
    {"expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list", "expect_column_type_to_be"}
)
_OPTIONAL = ("sqlalchemy", "azure.storage.blob", "azure.identity", "azure.keyvault")
_DETAILS = {"result_format": "BASIC", "partial_unexpected_count": SAMPLES}


@dataclass(frozen=True)
class Outcome:
    """What GX says to one expectation.

    Attributes:
        success: None if GX could not evaluate it; `error` then says why.
        result: GX's own result (observed_value, unexpected_count, ...), as JSON without NaN.
    """

    success: bool | None
    result: Mapping[str, Any]
    error: str = ""


def version() -> str:
    """The version of Great Expectations."""
    return str(_gx().__version__)


def build(expectations: Sequence[Expectation], where: str) -> list[Any]:
    """A GX expectation for each of `expectations`, in their order.

    Raises StepError that names all which GX does not know, or whose keywords it does not take; `where` is the suite.
    """
    _gx()
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    known = list_registered_expectation_implementations()
    built, problems = [], []
    for wanted in expectations:
        here = place(wanted.position, wanted.type, wanted.kwargs)
        if wanted.type not in known:
            problems.append(f"{here} is unknown to Great Expectations{did_you_mean(_snake(wanted.type), known)}")
            continue
        made = _build_one(get_expectation_impl(wanted.type), wanted)
        if isinstance(made, list):
            problems += [f"{here}: {problem}" for problem in made]
        else:
            built.append(made)
    raise_all(where, problems)
    return built


def evaluate(frame: pd.DataFrame, expectations: Sequence[Any]) -> list[Outcome]:
    """What GX says about `frame` (rows by columns) to each of `expectations`, in their order."""
    gx = _gx()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GX's own, about its own code
        context = gx.get_context(mode="ephemeral")
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        asset = context.data_sources.add_pandas("table").add_dataframe_asset("table")
        definition = asset.add_batch_definition_whole_dataframe("table")
        types = [i for i, asked in enumerate(expectations) if asked.expectation_type in TYPE_EXPECTATIONS]
        values = [i for i in range(len(expectations)) if i not in set(types)]
        cast = cast_for_speed(frame)
        groups = [(frame, [*types, *values])] if cast is frame else [(frame, types), (cast, values)]
        outcomes: dict[int, Outcome] = {}
        for table, positions in groups:
            if positions:
                batch = definition.get_batch(batch_parameters={"dataframe": table})
                outcomes |= _evaluate_batch(batch, {i: expectations[i] for i in positions})
    return [outcomes[i] for i in range(len(expectations))]


def cast_for_speed(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with columns in the types that GX compares as a whole; `frame` itself if they are in them already."""
    cast = {}
    for name, column in frame.items():
        wider = _wider(column)
        if wider is not None:
            cast[name] = wider
    return frame.assign(**{str(name): column for name, column in cast.items()}) if cast else frame


def _wider(column: pd.Series[Any]) -> pd.Series[Any] | None:
    kind, dtype = column.dtype.kind, str(column.dtype)
    if kind in "iu" and dtype in ("int8", "int16", "int32", "uint8", "uint16", "uint32"):
        return column.astype("int64")
    if kind == "f" and dtype in ("float16", "float32"):
        return column.astype("float64")
    if kind == "M" and dtype in ("datetime64[s]", "datetime64[ms]", "datetime64[us]"):
        try:
            return column.astype("datetime64[ns]")
        except pd.errors.OutOfBoundsDatetime:
            return None
    return None


def _evaluate_batch(batch: Any, expectations: Mapping[int, Any]) -> dict[int, Outcome]:
    from great_expectations.expectations.expectation import (
        ColumnMapExpectation,
        ColumnPairMapExpectation,
        MulticolumnMapExpectation,
    )

    about_values = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
    quick = {i: asked for i, asked in expectations.items() if isinstance(asked, about_values)}
    others = {i: asked for i, asked in expectations.items() if i not in quick}
    outcomes = _validate(batch, quick, "BOOLEAN_ONLY")
    # A condition may leave no row to look at; only the details tell.
    slow = {i: asked for i, asked in quick.items() if outcomes[i].success is False or asked.row_condition}
    return outcomes | _validate(batch, others | slow, _DETAILS)


def _validate(batch: Any, expectations: Mapping[int, Any], result_format: Any) -> dict[int, Outcome]:
    if not expectations:
        return {}
    suite = _gx().ExpectationSuite(name="gate", expectations=list(expectations.values()))
    results = batch.validate(suite, result_format=result_format).results
    outcomes = {result.expectation_config.meta["position"]: _outcome(result.to_json_dict()) for result in results}
    by_position = {asked.meta["position"]: i for i, asked in expectations.items()}
    if outcomes.keys() != by_position.keys():
        raise RuntimeError(f"Great Expectations answered {sorted(outcomes)}, asked were {sorted(by_position)}")
    return {by_position[position]: outcome for position, outcome in outcomes.items()}


def _outcome(result: Mapping[str, Any]) -> Outcome:
    errors = list(_exceptions(result.get("exception_info") or {}))
    # NumPy's bool, which quantile expectations return, is not Python's.
    success = None if errors else bool(result["success"])
    return Outcome(success, _plain(result.get("result") or {}), errors[0] if errors else "")


def _exceptions(info: Mapping[str, Any]) -> Iterable[str]:
    """The messages of `exception_info`, which is flat, or keyed by metric with flat ones as values."""
    shapes = [info] if "raised_exception" in info else [value for value in info.values() if isinstance(value, Mapping)]
    for shape in shapes:
        if shape.get("raised_exception"):
            message = str(shape.get("exception_message") or "unknown error").strip()
            yield message.removeprefix("Error: ").splitlines()[0]


def _plain(value: Any) -> Any:
    """`value` as strict JSON has it: null for NaN, a word for an infinity, Python's own numbers, samples bounded."""
    if isinstance(value, Mapping):
        return {
            str(key): _samples(part) if key == "partial_unexpected_list" else _plain(part)
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _samples(values: Sequence[Any]) -> list[Any]:
    """The first distinct values, at most SAMPLES, as short JSON. A null is no sample: the counts tell of nulls."""
    short = [_short(_plain(value)) for value in values if value is not None]
    return [value for i, value in enumerate(short) if value not in short[:i]][:SAMPLES]


def _short(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _short(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_short(part) for part in value]
    if isinstance(value, int | float) or value is None:
        return value
    text = str(value)
    return text if len(text) <= SAMPLE_CHARS else text[: SAMPLE_CHARS - 1] + "…"


def _build_one(implementation: Any, wanted: Expectation) -> Any:
    """The GX expectation; or a list of what is wrong with its keywords."""
    from great_expectations.compatibility.pydantic import ValidationError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations of GX 2.0, while 1.24.1 is pinned
            return implementation(**wanted.kwargs, severity=wanted.severity, meta={"position": wanted.position})
    except ValidationError as error:
        told: dict[str, str] = {}
        for problem in error.errors():
            name = str(problem["loc"][0])
            unknown = problem["type"] == "value_error.extra"
            said = (
                f"unknown keyword {name!r}{did_you_mean(name, implementation.__fields__)}"
                if unknown
                else f"{name}: {problem['msg']}"
            )
            told.setdefault(name, said)
        return list(told.values())
    except (TypeError, ValueError) as error:
        return [str(error).splitlines()[0]]


def _snake(name: str) -> str:
    """The registered form of an expectation that is named by its class."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _gx() -> Any:
    """Great Expectations, imported on first use without analytics and without its optional back ends."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings(), _as_if_not_installed(_OPTIONAL):
        warnings.simplefilter("ignore")  # it imports modules that Python deprecates
        import great_expectations

    return great_expectations


@contextmanager
def _as_if_not_installed(names: Iterable[str]) -> Iterator[None]:
    """Let the import of each of `names` fail, but of those that are imported already.

    GX tries to import them and does without. The environment of the data steps has none; where they are installed for
    other reasons they take a sixth of the time of GX's import. None in sys.modules is Python's own way to say so:
    https://docs.python.org/3/reference/import.html#the-module-cache
    """
    hidden = [name for name in names if name not in sys.modules]
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            if modules.get(name) is None:
                modules.pop(name, None)
