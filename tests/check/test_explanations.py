"""Every rule says why it is there, and its examples are true: the bad one has it, the good one has no error.

An explanation's example is `{file: text}`; the first file is the one that is checked, as `penstock check FILE` would.
A name that ends in a slash is an empty folder; the text `(150 MB)` stands for a file of that size, `(link to x)` for
a symbolic link.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from penstock.check import RULES
from penstock.check.comments import lines_of
from penstock.check.explanation import explanation
from penstock.check.project import Report, Target, check_project
from penstock.cli.suppressed import suppressions
from penstock.errors import DefinitionError
from penstock.store.files import Disk

CHECK = Path(__file__).parents[2] / "src" / "penstock" / "check"
IDS = sorted(RULES)


def checked(example: dict[str, str], folder: Path) -> Report:
    (folder / ".penstock").mkdir()  # the root of a project, whatever lies above
    for name, text in example.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        size, link = re.fullmatch(r"\((\d+) MB\)\n?", text), re.fullmatch(r"\(link to (.+)\)\n?", text)
        if link:
            path.symlink_to(link[1])
            continue
        path.write_text("" if size else text, encoding="utf-8")
        if size:
            os.truncate(path, int(size[1]) * 10**6)
    disk = Disk()
    first = folder / next(iter(example))
    return check_project([Target(first, named=True)], disk, suppressions(disk), [folder])


@pytest.mark.parametrize("rule", IDS)
def test_a_rule_has_an_explanation(rule: str) -> None:
    about = explanation(rule)
    assert len(about.why) > 30, f"why is {rule} there?"
    assert about.bad
    assert about.good
    assert all(isinstance(text, str) for text in (*about.bad.values(), *about.good.values()))


@pytest.mark.parametrize("rule", IDS)
def test_the_bad_example_has_it(rule: str, tmp_path: Path) -> None:
    bad = explanation(rule).bad
    report = checked(bad, tmp_path)
    found = [finding for finding in report.findings if finding.rule == rule]
    assert found, [str(finding) for finding in report.findings]
    for finding in found:
        name = Path(finding.place.file).relative_to(tmp_path).as_posix()
        lines = lines_of(bad[name]) if name in bad else [""]
        assert name in bad or f"{name}/" in bad
        assert finding.place.line <= len(lines)
        assert finding.place.column <= len(lines[finding.place.line - 1]) + 1


@pytest.mark.parametrize("rule", IDS)
def test_the_good_example_has_no_error(rule: str, tmp_path: Path) -> None:
    report = checked(explanation(rule).good, tmp_path)
    assert report.files == 1
    assert [str(f) for f in report.findings if f.severity == "error" or f.rule == rule] == []


def test_no_explanation_is_left_over() -> None:
    assert sorted(path.stem for path in (CHECK / "explain").iterdir()) == IDS


def test_no_two_rules_have_the_same_name() -> None:
    """The second would silently replace the first."""
    declared = [
        id_
        for source in CHECK.rglob("*.py")
        for id_ in re.findall(r'^@rule\(\s*"(PS\d+)"|^_elsewhere\("(PS\d+)"', source.read_text(), re.MULTILINE)
    ]
    names = ["".join(pair) for pair in declared]
    assert sorted(names) == sorted(set(names)) == IDS


@pytest.mark.parametrize(("asked", "hint"), [("PS2041", "Did you mean 'PS204'?"), ("ps999", "PS9")])
def test_an_unknown_rule_is_told(asked: str, hint: str) -> None:
    with pytest.raises(DefinitionError, match=rf"there is no rule {asked}\..*{re.escape(hint)}"):
        explanation(asked)


def test_a_rule_is_found_in_small_letters() -> None:
    assert explanation("ps204").rule is RULES["PS204"]
