"""Asking azure-ai-ml: its log kept off the terminal, its refusals turned into ours.

Underscored methods of its objects are called here and in the modules beside: nothing public writes a pipeline as YAML
or tells what would be sent. So the version of azure-ai-ml is pinned, and what it sends is compared at each compilation.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from penstock.compile.place import RefusedError

T = TypeVar("T")
# What azure-ai-ml logs at every use, whatever the user does.
_NOISE = ("This is an experimental", "will not be used for anonymous registration")


def ask(question: Callable[[], T]) -> T:
    """The client's answer. Raises RefusedError for the many types, TypeError too, with which it refuses a pipeline."""
    try:
        return question()
    except RefusedError:
        raise
    except Exception as error:
        raise RefusedError(f"Azure's client refuses it: {str(error).strip() or type(error).__name__}") from error


def dump(thing: Any) -> dict[str, Any]:
    """A job, node or component as the client's own writer has it: right in form, though not in every value."""
    dumped: dict[str, Any] = ask(thing._to_dict)
    return dumped


@contextlib.contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep the client's log off the terminal; gives the list of its warnings that mean something."""
    import azure.ai.ml  # noqa: F401 - gives its logger a handler of its own, which is the one to replace

    warnings: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage().strip()
            if not any(noise in message for noise in _NOISE) and message not in warnings:
                warnings.append(message)

    logger = logging.getLogger("azure.ai.ml")
    below = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("azure.ai.ml.")]
    before = [(each, each.handlers) for each in (logger, *below)]
    for each in below:
        each.handlers = [logging.NullHandler()]  # some print their progress by a handler of their own
    logger.handlers = [Collector(logging.WARNING)]
    try:
        yield warnings
    finally:
        for each, handlers in before:
            each.handlers = handlers
