"""What really runs a step on this machine: the interpreter and the packages that it sees."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterator


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
