"""What really runs a step on this machine: the interpreter and the packages that it sees."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from penstock.plan.requirements import Requirements


def host_interpreter() -> str:
    """One line that changes when the interpreter, the platform or any installed distribution does."""
    listed = "\n".join(sorted(f"{name} {version}" for name, version in installed().items()))
    digest = hashlib.sha256(listed.encode()).hexdigest()
    return f"{platform.python_implementation()} {platform.python_version()} {platform.machine()} packages {digest}"


@cache
def installed() -> dict[str, str]:
    """The versions of the distributions that this interpreter sees, by their names as package indexes compare them.

    They are read off the names of their metadata folders ("Recording installed projects", Python Packaging User
    Guide); `importlib.metadata` would open each of them.
    """
    return distributions(sys.path)


def distributions(folders: Iterable[str]) -> dict[str, str]:
    """The versions of the distributions in these folders, by name."""
    found: dict[str, str] = {}
    for folder in _metadata_folders(folders):
        name, _, version = folder.rpartition(".")[0].partition("-")
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version.partition("-")[0])
    return found


def _metadata_folders(folders: Iterable[str]) -> Iterator[str]:
    for folder in folders:
        try:
            with os.scandir(folder or ".") as entries:
                yield from (entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue


def differences(wanted: Requirements, packages: Mapping[str, str]) -> list[str]:
    """How this interpreter, with these packages, differs from what an environment says; not what has no name."""
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
        here = packages.get(re.sub(r"[-_.]+", "-", requirement.name).lower())
        if here is None:
            found.append(f"{line} (here none)")
        elif not requirement.specifier.contains(here, prereleases=True):
            found.append(f"{line} (here {here})")
    return found
