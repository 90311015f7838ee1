"""PS947: names of deployments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")


@rule("PS947", "A deployment name that Azure does not take")
def deployment_name(subject: Subject) -> Iterator[Told]:
    online = subject.kind.family == "deployment" and subject.kind.type.endswith("_online")
    name = subject.root.text("name") if online else None
    if name is not None and not _NAME.fullmatch(name):
        fix = "Use 3 to 32 letters, digits and dashes; begin with a letter and do not end with a dash."
        yield Told(f"'{name}' cannot be the name of a deployment.", subject.root.entries["name"].value.place, fix)
