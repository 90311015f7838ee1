"""What really runs a step on this machine: the interpreter and the packages that it sees."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from penstock.plan.requirements import Requirements


def host_interpreter() -> str:
    """One line that changes when the interpreter, the platform or any installed distribution does.

    Distributions are told by the names of their metadata folders, which hold name and version.
    """
    installed = hashlib.sha256("\n".join(sorted(_distributions())).encode()).hexdigest()
    return f"{platform.python_implementation()} {platform.python_version()} {platform.machine()} packages {installed}"


def _distributions() -> Iterator[str]:
    for folder in sys.path:
        try:
            with os.scandir(folder or ".") as entries:
                yield from (entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue


def differences(wanted: Requirements) -> list[str]:
    """How this interpreter differs from what an environment says, in words; requirements of no name are left out."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if wanted.python is not None and not wanted.python.startswith((version, "<", ">")):
        found.append(f"python {wanted.python} (here {platform.python_version()})")
    for line in wanted.lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            found.append(f"{line} (here none)")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            found.append(f"{line} (here {installed})")
    return found
