"""Where a model version serves: what the packages say that the workspace's endpoints hold."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock.store.workspace import Workspace

_SLOTS = ("current", "previous")


def serving(workspace: Workspace, model: str, version: str) -> list[dict[str, Any]]:
    """`{endpoint, slot, package}` for each endpoint that has a package of the version; none without endpoints.

    `slot` is current, what serves, or previous, what a rollback would bring back.
    """
    return [
        {"endpoint": endpoint.name, "slot": slot, "package": str(package)}
        for endpoint in sorted(workspace.endpoints.glob("*"))
        for slot in _SLOTS
        if _model(package := endpoint / slot) == {"name": model, "version": version}
    ]


def _model(package: Path) -> dict[str, Any] | None:
    """The model that a package's manifest names."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        model: dict[str, Any] = json.loads((package / "manifest.json").read_text(encoding="utf-8"))["model"]
        return model
    return None
