"""A package and all that it was made from."""

from __future__ import annotations

from typing import Any

from model_side import Bench, classification_table, regression_table


class Made:
    """A package and what it was made from; made once, not to be changed."""

    def __init__(self, bench: Bench, **train: Any) -> None:
        table = classification_table() if train.get("task") == "classification" else regression_table()
        self.bench = bench
        self.train, self.test = bench.split(table)
        self.model = bench.train(self.train, **train)
        asked = {"metrics": '{"accuracy": {"min_improvement": 0}}', "task": "classification"} if "task" in train else {}
        self.decision = bench.evaluate(self.model, self.test, **asked)
        self.registration = bench.register(self.model, self.decision)
        self.ports = {"model": self.model, "decision": self.decision, "registration": self.registration}
        self.package = bench.folder / "package"
        bench.main("package", **self.ports, package=self.package)
