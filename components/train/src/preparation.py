"""The steps between a table and an estimator, by what each column is.

All of them are scikit-learn's and NumPy's own, so that a saved model needs nothing of this library:

- numbers: a missing one becomes the median and gets an indicator column; scaled to mean 0 and variance 1;
- booleans: 0 and 1; a missing one becomes the more frequent value and gets an indicator column;
- texts: one-hot; missing is a category of its own; beyond 50 categories the rarest share one, which also takes
  those that were never seen;
- times, also as ISO 8601 text: microseconds since 1970, then like numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from columns import Features, Kind

MAX_CATEGORIES = 50
MISSING = "(missing)"
# NumPy casts NaT to the smallest 64-bit integer, and that to this double.
_NAT = float(np.iinfo(np.int64).min)


def make_pipeline_of(features: Features, estimator: Any) -> Pipeline:
    """An unfitted pipeline: the preparation that `features` need, then `estimator`.

    Columns are named by their position, so that a model of numbers predicts a plain array as it does a table, which
    costs more to make than a few rows to predict.
    """
    steps: dict[Kind, Pipeline] = {
        "number": make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
        "boolean": make_pipeline(
            _as_array("float64"),
            SimpleImputer(strategy="most_frequent", add_indicator=True),
        ),
        "text": make_pipeline(
            *_filled(MISSING),
            OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False),
        ),
        "time": _times(),
        "time text": make_pipeline(*_filled("NaT"), *_times()),
    }
    places = {column.name: place for place, column in enumerate(features.columns)}
    transformers = [
        (kind.replace(" ", "_"), steps[kind], [places[name] for name in names])
        for kind in steps
        if (names := features.of_kind(kind))
    ]
    if len(transformers) == 1:  # all columns are of one kind: nothing to take apart and put together at each prediction
        return Pipeline([("prepare", transformers[0][1]), ("estimator", estimator)])
    return Pipeline([("prepare", ColumnTransformer(transformers, sparse_threshold=0)), ("estimator", estimator)])


def _times() -> Pipeline:
    return make_pipeline(
        _as_array("datetime64[us]"),
        _as_array("float64"),
        SimpleImputer(missing_values=_NAT, strategy="median", add_indicator=True),
        StandardScaler(),
    )


def _filled(text: str) -> tuple[SimpleImputer, SimpleImputer]:
    """Missing text as `text`, be it NaN or None."""
    options = {"strategy": "constant", "fill_value": text}
    return SimpleImputer(missing_values=np.nan, **options), SimpleImputer(missing_values=None, **options)


def _as_array(dtype: str) -> FunctionTransformer:
    return FunctionTransformer(np.asarray, kw_args={"dtype": dtype}, feature_names_out="one-to-one")
