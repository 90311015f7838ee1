"""What Azure minds in a pipeline when it is put, as a job or in a schedule: where bindings and inputs lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from local_azure.documents import Document, Documents
from local_azure.errors import bad_request
from local_azure.references import resolve

_BINDING = re.compile(r"\$\{\{\s*parent\.(inputs|outputs|jobs)\.(\w+)(?:\.outputs\.(\w+))?\s*\}\}")


def check_pipeline(documents: Documents, owner: str, properties: Document) -> None:
    """Raise a 400 for the first thing that is wrong. `owner`: the path of the workspace."""
    wrong = next(chain(_bad_bindings(properties), _unknown_inputs(documents, owner, properties)), None)
    if wrong is not None:
        raise bad_request(wrong)


def _bad_bindings(properties: Document) -> Iterator[str]:
    """What a pipeline's bindings lead to that is not there."""
    jobs = properties.get("jobs") or {}
    for node, given in jobs.items():
        for port, value in _values(given.get("inputs")) | _values(given.get("outputs")):
            for kind, name, output in _BINDING.findall(value):
                if kind == "jobs" and name not in jobs:
                    yield f"The input {port} of node {node} is bound to {value}, but there is no node {name}."
                elif kind != "jobs" and name not in (properties.get(kind) or {}):
                    yield f"The port {port} of node {node} is bound to {value}, but there is no {kind[:-1]} {name}."
                elif kind == "jobs" and not output:
                    yield f"The input {port} of node {node} is bound to {value}, which names no output."


def _unknown_inputs(documents: Documents, owner: str, properties: Document) -> Iterator[str]:
    """What nodes give to components that have no such input."""
    for node, given in (properties.get("jobs") or {}).items():
        reference = str(given.get("componentId") or "")
        path = resolve(documents, owner, "componentId", reference)
        component = documents.get(path or "")
        spec = component["properties"].get("componentSpec") if component is not None else None
        if spec is None:
            continue
        for name in (given.get("inputs") or {}).keys() - (spec.get("inputs") or {}).keys():
            yield f"Node {node} gives the input {name}, which its component {reference} has not."


def _values(ports: dict[str, Any] | None) -> set[tuple[str, str]]:
    values = ((name, p.get("value") if isinstance(p, dict) else p) for name, p in (ports or {}).items())
    return {(name, value) for name, value in values if isinstance(value, str)}
