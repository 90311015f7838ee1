"""`skipped.json`: what a step writes into each of its outputs when the decision was to reject.

Blob storage keeps no empty folder, so an output that says nothing would not exist on Azure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

SKIPPED_FILE = "skipped.json"


def write_skipped(outputs: Iterable[Path], reason: str) -> None:
    """Write `{"reason": ...}` into every folder of `outputs`, making the folders."""
    for output in outputs:
        output.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"reason": reason}, indent=2, ensure_ascii=False)
        (output / SKIPPED_FILE).write_text(text + "\n", encoding="utf-8")


def skipped_reason(folder: Path) -> str | None:
    """Why the step that wrote `folder` did nothing, or None if it did its work."""
    path = folder / SKIPPED_FILE
    return str(json.loads(path.read_text(encoding="utf-8"))["reason"]) if path.is_file() else None
