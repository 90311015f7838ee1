"""The oracle: what azure-ai-ml says of a file, with the loader that its command line uses for that kind of file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.ai.ml.entities import _load_functions as load

from penstock.spec.kind import Kind


def refusal(file: Path, kind: Kind, content: dict[str, Any]) -> str:
    """Why the client refuses the file; an empty text if it takes it.

    It also ends in a bare TypeError, KeyError and the like: that is a refusal too.
    """
    with _quiet():
        try:
            loaded = _loader(kind, content)(file)
        except Exception as error:  # noqa: BLE001 - it ends in anything
            return f"{type(error).__name__}: {error}"
        try:
            result = loaded._validate() if hasattr(loaded, "_validate") else None
        except NotImplementedError:  # some kinds only inherit it
            return ""
        except Exception as error:  # noqa: BLE001 - it ends in anything
            return f"{type(error).__name__}: {error}"
    return "" if result is None or getattr(result, "passed", True) else str(result.error_messages)


def _loader(kind: Kind, content: dict[str, Any]) -> Callable[..., Any]:
    if kind.family == "deployment" and kind.type.startswith("batch"):
        special = {"model": load.load_model_batch_deployment, "pipeline": load.load_pipeline_component_batch_deployment}
        stated = content.get("type")
        return (
            special.get(stated, load.load_batch_deployment) if isinstance(stated, str) else load.load_batch_deployment
        )
    if kind.family in ("deployment", "endpoint"):
        return getattr(load, f"load_{'batch' if kind.type == 'batch' else 'online'}_{kind.family}")  # type: ignore[no-any-return]
    return getattr(load, f"load_{kind.family}")  # type: ignore[no-any-return]


@contextmanager
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
