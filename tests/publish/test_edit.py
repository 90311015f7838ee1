"""A new version changes what it has to, and not a byte more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import DefinitionError
from penstock.publish.edit import has_entry, with_constant, with_entry, with_version
from penstock.publish.version import next_version
from penstock.spec.source import Mapping, parse

comments = st.text(st.characters(categories=("L", "N", "Zs"), include_characters="#:'\""), max_size=20)


@given(st.sampled_from(("1.0.0", "7", "2.10.3")), st.sampled_from(('"', "'", "")), comments, comments, st.booleans())
def test_only_the_version_of_a_yaml_file_changes(old: str, quote: str, above: str, behind: str, windows: bool) -> None:
    end = "\r\n" if windows else "\n"
    text = end.join([f"# {above}", "name: x", f"version:   {quote}{old}{quote}  # {behind} {old}", f"other: {old}", ""])
    root = parse(text, "x.yml").root
    assert isinstance(root, Mapping)
    new = next_version(old, "patch")
    changed = with_version(text, root.entries["version"].value.place, old, new)
    assert changed == text.replace(f"   {quote}{old}{quote}  #", f"   {quote}{new}{quote}  #")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version: &v 1.0.0\n", "version: &v 1.0.1\n"),
        ("version: !!str 1.0.0\n", "version: !!str 1.0.1\n"),
        ("version: &v !!str '1.0.0' # 1.0.0\n", "version: &v !!str '1.0.1' # 1.0.0\n"),
        ("\ufeffversion: 1.0.0\n", "\ufeffversion: 1.0.1\n"),
    ],
)
def test_an_anchor_a_tag_and_a_byte_order_mark_stay(before: str, after: str) -> None:
    root = parse(before.encode(), "x.yml").root
    assert isinstance(root, Mapping)
    assert with_version(before, root.entries["version"].value.place, "1.0.0", "1.0.1") == after


@pytest.mark.parametrize("text", ["version: >-\n  1.0.0\n", 'version: "1.0\\x2e0"\n', "version: &v\n  1.0.0\n"])
def test_a_version_that_cannot_be_changed_is_told_with_the_way_out(text: str) -> None:
    root = parse(text, "x.yml").root
    assert isinstance(root, Mapping)
    message = r"x\.yml:1:10: the version 1\.0\.0 does not stand here as it is, .*; write version: 1\.0\.1"
    with pytest.raises(DefinitionError, match=message):
        with_version(text, root.entries["version"].value.place, "1.0.0", "1.0.1")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('COMPONENT = Component("train", "1.0.0")\n', 'COMPONENT = Component("train", "1.0.1")\n'),
        ("COMPONENT = Component('train', '1.0.0')\n", "COMPONENT = Component('train', '1.0.1')\n"),
        (
            'COMPONENT = Component(\n    "train",\n    "0.9",\n)\n',
            'COMPONENT = Component(\n    "train",\n    "1.0.1",\n)\n',
        ),
        ('COMPONENT = Component("other", "1.0.0")\n', 'COMPONENT = Component("other", "1.0.0")\n'),
        ('# COMPONENT = Component("train", "1.0.0")\n', '# COMPONENT = Component("train", "1.0.0")\n'),
    ],
)
def test_the_constant_of_an_entry_point(before: str, after: str) -> None:
    assert with_constant(f"import x\n{before}VERSION = '1.0.0'\n", "train", "1.0.1") == (
        f"import x\n{after}VERSION = '1.0.0'\n"
    )


def test_an_entry_stands_above_the_newest_and_is_headed_as_that_is() -> None:
    plain = "# Changes\n\nWhat is new.\n\n## 1.0.0\n\n- First.\n"
    assert with_entry(plain, "1.1.0", "minor: more.") == (
        "# Changes\n\nWhat is new.\n\n## 1.1.0\n\n- minor: more.\n\n## 1.0.0\n\n- First.\n"
    )
    kept = "# Changelog\n\n## [1.0.0] - unreleased\n\n### Added\n\n- It.\n"
    assert with_entry(kept, "2.0.0", "major: less.") == (
        "# Changelog\n\n## [2.0.0]\n\n- major: less.\n\n## [1.0.0] - unreleased\n\n### Added\n\n- It.\n"
    )
    windows = plain.replace("\n", "\r\n")
    assert with_entry(windows, "1.1.0", "minor: more.") == (
        with_entry(plain, "1.1.0", "minor: more.").replace("\n", "\r\n")
    )
    assert with_entry("# Changes\n", "1.0.0", "patch: x.") == "# Changes\n\n## 1.0.0\n\n- patch: x.\n"


def test_whether_a_version_has_an_entry() -> None:
    assert has_entry("## 1.2.3\n", "1.2.3")
    assert has_entry("# A\n## [1.2.3] - today\n", "1.2.3")
    assert not has_entry("## 1.2.34\n", "1.2.3")
    assert not has_entry("## 1.2.3.4\n", "1.2.3")
    assert not has_entry("1.2.3\n", "1.2.3")
