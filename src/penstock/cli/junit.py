"""What a smoke test has found as JUnit XML, the form in which build systems read results of tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from penstock.errors import RunError

if TYPE_CHECKING:
    from penstock.release.smoke import Check


def write_junit(file: Path, endpoint: str, checks: Sequence[Check]) -> None:
    """Write one test case for each check, with its time in seconds. Raises RunError if the file cannot be written."""
    wrong = sum(check.problem is not None for check in checks)
    seconds = f"{sum(check.seconds for check in checks):.3f}"
    counts = {"tests": str(len(checks)), "failures": str(wrong), "errors": "0", "time": seconds}
    suite = Xml.Element("testsuite", {"name": f"smoke {endpoint}", **counts})
    for check in checks:
        about = {"classname": endpoint, "name": check.name, "time": f"{check.seconds:.3f}"}
        case = Xml.SubElement(suite, "testcase", about)
        if check.problem is not None:
            Xml.SubElement(case, "failure", {"message": _printable(check.problem)})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        Xml.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise RunError(f"the results cannot be written to {file}: {error.strerror}; name another file") from None


def _printable(text: str) -> str:
    """XML has no place for control characters, and an answer may hold any."""
    return "".join(one if one.isprintable() or one in "\t\n" else "\N{REPLACEMENT CHARACTER}" for one in text)
