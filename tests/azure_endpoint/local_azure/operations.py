"""Long-running operations as ARM has them: 201 or 202 with Azure-AsyncOperation, then a status until the last."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import flask

from local_azure.errors import RefusedError
from local_azure.faults import Faults

_LOCATION = "providers/Microsoft.MachineLearningServices/locations/westeurope/mfeOperationsStatus"


class Operations:
    """The operations that were started, by id."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._left: dict[str, int] = {}
        self._results: dict[str, dict[str, Any]] = {}

    def start(self, subscription: str, work: Callable[[], None]) -> dict[str, str]:
        """Begin `work` in a thread; returns the headers that lead to its status."""
        name = str(uuid.uuid4())
        self._left[name] = self._faults.slow_operations

        def done() -> None:
            try:
                work()
                self._results[name] = {"status": "Succeeded"}
            except RefusedError as error:
                self._results[name] = {"status": "Failed", "error": {"code": error.code, "message": str(error)}}

        threading.Thread(target=done, daemon=True).start()
        url = f"https://management.azure.com/subscriptions/{subscription}/{_LOCATION}/{name}?api-version=2024-01-01"
        return {"Azure-AsyncOperation": url, "x-ms-retry-after-ms": "50"}

    def status(self, name: str) -> Any:
        result = self._results.get(name)
        if name not in self._left:
            raise RefusedError(404, "OperationNotFound", f"There is no operation {name}.")
        self._left[name] -= 1
        if result is None or self._left[name] >= 0:
            headers = {"x-ms-retry-after-ms": "50"}
            return flask.Response('{"status": "InProgress"}', headers=headers, mimetype="application/json")
        return result
