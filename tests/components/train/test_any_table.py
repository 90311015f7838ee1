"""Whatever the table: a model that predicts, or a message."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from columns import find_features
from penstock_steps.errors import StepError
from penstock_steps.model_input import as_model_input
from penstock_steps.models import trusted_types
from preparation import make_pipeline_of

ROWS = 12
TIMES = st.datetimes(min_value=pd.Timestamp("1700-01-01"), max_value=pd.Timestamp("2200-01-01"))
KINDS = {
    "floats": st.floats(allow_infinity=False, width=32),
    "integers": st.integers(-(2**62), 2**62),
    "integers and nulls": st.one_of(st.none(), st.integers(-100, 100)),
    "booleans": st.booleans(),
    "booleans and nulls": st.one_of(st.none(), st.booleans()),
    "texts": st.one_of(st.none(), st.text(max_size=4)),
    "few texts": st.sampled_from(["a", "b", "(missing)", "NaT", "", None]),
    "times": st.one_of(st.none(), TIMES.map(pd.Timestamp)),
    "zoned times": TIMES.map(lambda time: pd.Timestamp(time, tz="UTC")),
    "texts of times": st.one_of(st.none(), TIMES.map(lambda time: time.isoformat(sep=" ", timespec="seconds"))),
    "texts of dates": TIMES.map(lambda time: time.date().isoformat()),
    "durations": st.one_of(
        st.none(), st.timedeltas(pd.Timedelta(days=-9999), pd.Timedelta(days=9999)).map(pd.Timedelta)
    ),
    "lists": st.just([1]),
}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    return pd.DataFrame(
        {
            f"{kind} {number}": pd.Series(draw(st.lists(KINDS[kind], min_size=ROWS, max_size=ROWS)))
            for number, kind in enumerate(kinds)
        }
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables())
def test_any_table_gives_a_model_or_a_message(table: pd.DataFrame) -> None:
    try:
        features = find_features(table, [])
    except StepError as error:
        assert "Name the column in --exclude-columns" in str(error) or "no column is left to learn from" in str(error)
        return
    rows = as_model_input(table, features.columns)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = make_pipeline_of(features, LinearRegression()).fit(rows, np.arange(ROWS))
        predicted = model.predict(rows)
    assert np.isfinite(predicted).all()
    saved = skops.io.dumps(model)
    loaded = skops.io.loads(saved, trusted=trusted_types(skops.io.get_untrusted_types(data=saved)))
    assert np.array_equal(loaded.predict(rows), predicted)
