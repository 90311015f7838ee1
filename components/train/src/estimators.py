"""The estimators that may be trained, each with the scikit-learn module that has it: only that one is imported."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from penstock_steps.arguments import did_you_mean
from penstock_steps.errors import StepError

ESTIMATORS: dict[str, dict[str, str]] = {
    "regression": {
        "LinearRegression": "sklearn.linear_model",
        "Ridge": "sklearn.linear_model",
        "Lasso": "sklearn.linear_model",
        "ElasticNet": "sklearn.linear_model",
        "BayesianRidge": "sklearn.linear_model",
        "HuberRegressor": "sklearn.linear_model",
        "PoissonRegressor": "sklearn.linear_model",
        "SGDRegressor": "sklearn.linear_model",
        "DecisionTreeRegressor": "sklearn.tree",
        "RandomForestRegressor": "sklearn.ensemble",
        "ExtraTreesRegressor": "sklearn.ensemble",
        "GradientBoostingRegressor": "sklearn.ensemble",
        "HistGradientBoostingRegressor": "sklearn.ensemble",
        "KNeighborsRegressor": "sklearn.neighbors",
        "SVR": "sklearn.svm",
        "LinearSVR": "sklearn.svm",
        "MLPRegressor": "sklearn.neural_network",
        "DummyRegressor": "sklearn.dummy",
    },
    "classification": {
        "LogisticRegression": "sklearn.linear_model",
        "RidgeClassifier": "sklearn.linear_model",
        "SGDClassifier": "sklearn.linear_model",
        "DecisionTreeClassifier": "sklearn.tree",
        "RandomForestClassifier": "sklearn.ensemble",
        "ExtraTreesClassifier": "sklearn.ensemble",
        "GradientBoostingClassifier": "sklearn.ensemble",
        "HistGradientBoostingClassifier": "sklearn.ensemble",
        "KNeighborsClassifier": "sklearn.neighbors",
        "SVC": "sklearn.svm",
        "LinearSVC": "sklearn.svm",
        "GaussianNB": "sklearn.naive_bayes",
        "LinearDiscriminantAnalysis": "sklearn.discriminant_analysis",
        "MLPClassifier": "sklearn.neural_network",
        "DummyClassifier": "sklearn.dummy",
    },
}


def make_estimator(name: str, task: str, parameters: Mapping[str, Any], seed: int) -> Any:
    """An unfitted estimator.

    Args:
        name: a scikit-learn class, one of `ESTIMATORS[task]`.
        task: regression or classification.
        parameters: what its constructor is given.
        seed: its `random_state`, if it has one that `parameters` do not set.

    Raises:
        StepError: the name is not on the list, or for the other task; or parameters that it does not have, all of
            them in one message.
    """
    known = ESTIMATORS[task]
    if name not in known:
        raise StepError(_unknown_estimator(name, task))
    estimator = getattr(importlib.import_module(known[name]), name)()
    settings = estimator.get_params()
    unknown = [parameter for parameter in parameters if parameter not in settings]
    if unknown:
        told = " ".join(f"{parameter!r} is not one.{did_you_mean(parameter, settings)}" for parameter in unknown)
        raise StepError(f"--parameters does not fit {name}: {told} It has: {', '.join(settings) or 'none'}")
    if "random_state" in settings and "random_state" not in parameters:
        estimator.set_params(random_state=seed)
    return estimator.set_params(**parameters)


def _unknown_estimator(name: str, task: str) -> str:
    known = ESTIMATORS[task]
    other = next((word for word, names in ESTIMATORS.items() if word != task and name in names), None)
    hint = did_you_mean(name, known)
    if other:
        return f"--estimator {name} is for {other}, the task is {task}.{hint} For {task} there are: {', '.join(known)}"
    return f"--estimator {name!r} is not on the list.{hint} For {task} there are: {', '.join(known)}"
