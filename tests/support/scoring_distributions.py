"""What each distribution of the scoring lock needs and is licensed under, as its own metadata says.

`make lock` writes it to environments/scoring/distributions.json; a test compares the two. The lock itself tells no
edges, and the environment of the step `package` holds other distributions than it packages. The format:

    {"python": "3.11", "distributions": {name: {"version": ..., "license": an SPDX expression, a name, or null,
                                                "needs": [names]}}}

Markers are those of the image that a package is served in: CPython on Linux, on x86-64. A need of an extra
(`pyjwt[crypto]`) is a need of whoever asks for the extra.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SCORING = ROOT / "environments" / "scoring"
FILE = SCORING / "distributions.json"
INSTALLED = ROOT / ".tools" / "scoring" / "lib"
_LONGEST = 60  # characters; what is longer is a licence's text, not its name


def document(installed: Path = INSTALLED) -> dict[str, Any]:
    """Walk from what requirements.in names over what is installed. Raises KeyError for what is not."""
    [site] = installed.glob("python*/site-packages")
    python = site.parent.name.removeprefix("python")
    found = {canonicalize_name(d.name): d for d in distributions(path=[str(site)])}
    lines = (SCORING / "requirements.in").read_text(encoding="utf-8").splitlines()
    todo = [canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")]
    described: dict[str, Any] = {}
    while todo:
        name = todo.pop()
        if name not in described:
            needs = sorted({*_needs(found, name, frozenset(), python)})
            described[name] = {"version": found[name].version, "license": _license(found[name]), "needs": needs}
            todo += needs
    return {"python": python, "distributions": dict(sorted(described.items()))}


def _needs(found: dict[str, Distribution], name: str, extras: frozenset[str], python: str) -> Iterator[str]:
    for line in found[name].requires or ():
        requirement = Requirement(line)
        needed = canonicalize_name(requirement.name)
        if needed != name and any(_holds(requirement, extra, python) for extra in (extras or {""})):
            yield needed
            if requirement.extras:
                yield from _needs(found, needed, frozenset(requirement.extras), python)


def _holds(requirement: Requirement, extra: str, python: str) -> bool:
    environment = {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
        "extra": extra,
    }
    if requirement.marker is None:
        return not extra  # what is needed anyway is no need of an extra
    return requirement.marker.evaluate(environment)


def _license(distribution: Distribution) -> str | None:
    """By PEP 639's expression, else the old field if it is a name, else the classifier's last part."""
    told = cast("Message", distribution.metadata)
    if told.get("License-Expression"):
        return str(told.get("License-Expression"))
    name = str(told.get("License") or "").strip()
    if name and "\n" not in name and len(name) <= _LONGEST and name.upper() != "UNKNOWN":
        return name
    classifiers = [str(line) for line in told.get_all("Classifier") or () if str(line).startswith("License ::")]
    names = [re.sub(r".* :: ", "", line) for line in classifiers]
    return next((name for name in names if name != "OSI Approved"), None)


def text() -> str:
    """The file's text."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
