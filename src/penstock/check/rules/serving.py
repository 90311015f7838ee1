"""PS94x: endpoints and deployments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.check.coded import scalar
from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.source import Scalar, scalar_text

# "Managed online endpoint" and "batch endpoint" YAML references, key name.
_ENDPOINT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")


@rule("PS941", "An endpoint name that Azure does not take")
def endpoint_name(subject: Subject) -> Iterator[Told]:
    key = {"endpoint": "name", "deployment": "endpoint_name"}.get(subject.kind.family)
    name = scalar(subject.root, key) if key else None
    if name is not None and not _ENDPOINT_NAME.fullmatch(scalar_text(name)):
        fix = "Use 3 to 32 letters, digits and dashes; begin with a letter and do not end with a dash."
        yield Told(f"'{scalar_text(name)}' cannot be the name of an endpoint.", name.place, fix)


@rule("PS942", "Traffic that does not add up")
def traffic(subject: Subject) -> Iterator[Told]:
    shares = subject.root.mapping("traffic") if subject.kind.family == "endpoint" else None
    values = [entry.value for entry in shares or ()]
    numbers = [node.value for node in values if isinstance(node, Scalar) and isinstance(node.value, int)]
    if shares is not None and len(numbers) == len(values) and sum(numbers) not in (0, 100):
        message = f"the traffic adds up to {sum(numbers)} %; Azure takes 100, or 0 for none at all."
        yield Told(message, subject.root.key_place("traffic"))
