"""Which `#` is a comment, which finding a comment is for, and what is told of suppressions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from penstock.check.comments import comments, lines_of
from penstock.check.suppress import Ignores, Suppressions, parse_ignores
from penstock.errors import DefinitionError
from penstock.spec.finding import Finding
from penstock.spec.place import Place

MARK = "# penstock: ignore[PS204] why"
ROOT = Path("/project")

# Pieces of YAML with a comment, or with a text that only looks like one.
PIECES = st.sampled_from(
    [
        f"a: 1  {MARK}",
        f'a: "x {MARK}"',
        f"a: 'x {MARK}'",
        f"a: 'it''s {MARK}'  {MARK}",
        "a: x#penstock:ignore[PS204]_why",
        f"a: [1, 2]{MARK}",
        f'a: "x"  {MARK}',
        f"a: |\n  text {MARK}\n  more",
        f"a: |-  {MARK}\n  text\n\n  {MARK}\n{MARK}",
        f"a: >2+ {MARK}\n   text {MARK}",
        f"a: one\n  two {MARK}",
        f'a: "one\n  {MARK}\n  two"',
        f"{MARK}",
        f"a: &anchor x {MARK}\nb: *anchor {MARK}",
        f"a: !!str 1 {MARK}",
        f"a:\n  - {MARK}\n  - x",
        f"a: {{b: 'x {MARK}', c: 1}} {MARK}",
        f"'k {MARK}': 1",
        f"a: {MARK}\n  b: 1",
        f"a: ''  # other {MARK}",
    ]
)


def other(text: str, line: int, column: int) -> str:
    """The text with another word at a place: what stands there is a comment if that changes nothing of the content.

    Taking a comment out would not do: behind a block scalar that keeps its ends, the empty line left over is content.
    """
    lines = text.split("\n")
    lines[line] = lines[line][:column] + lines[line][column:].replace("penstock", "another", 1)
    return "\n".join(lines)


def read(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        return type(error)


@given(st.lists(PIECES, min_size=1, max_size=5))
@example([f"a: >2+ {MARK}\n   text {MARK}", MARK])
def test_a_comment_is_what_yaml_does_not_read(pieces: list[str]) -> None:
    """Another word in a comment changes nothing of the content, in anything else it does."""
    text = "\n".join(piece.replace("a:", f"a{i}:").replace("'k", f"'k{i}") for i, piece in enumerate(pieces)) + "\n"
    text = text.replace("&anchor", "&x").replace("*anchor", "*x")
    content = read(text)
    assume(content is None or isinstance(content, dict))
    found = {(comment.line - 1, comment.column - 1) for comment in comments(text.encode())}
    for number, line in enumerate(text.split("\n")):
        for match in re.finditer(r"#\s?penstock", line):
            same = read(other(text, number, match.start())) == content
            assert ((number, match.start()) in found) == same, (text, number, match.start())


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (f"a: 1 {MARK}\nb: 2\n", 1),
        (f"{MARK}\na: 1\n", 2),
        (f"# about a\n{MARK}\n# more\na: 1\n", 4),
        (f"a:\n  {MARK}\n  b: 1\n", 3),
        (f"\ufeffa: 1 {MARK}\n", 1),
        (f"a: 1\r\nb: 2 {MARK}\r\n", 2),
        (f'a: "x\u2028y"\nb: 2 {MARK}\n', 3),
        (f"a: 1\n{MARK}", 2),
    ],
)
def test_a_comment_is_for_its_line_or_the_next(text: str, target: int) -> None:
    [comment] = comments(text.encode())
    assert comment.target == target
    assert comment.rules == ("PS204",)
    assert comment.reason == "why"


@pytest.mark.parametrize(
    ("comment", "rules", "reason"),
    [
        ("# penstock: ignore[PS204,PS101] both", ("PS204", "PS101"), "both"),
        ("#penstock:ignore[PS204 , PS101]", ("PS204", "PS101"), ""),
        ("# penstock: ignore", (), ""),
        ("# penstock: ignore[] nothing", (), "nothing"),
        ("# see above # penstock: ignore[PS204] x", ("PS204",), "x"),
    ],
)
def test_how_a_comment_is_written(comment: str, rules: tuple[str, ...], reason: str) -> None:
    [found] = comments(f"a: 1 {comment}\n".encode())
    assert (found.rules, found.reason) == (rules, reason)


@pytest.mark.parametrize("text", ["a: 1 # penstock: ignored", "a: 1 # penstock is nice", "# penstock: ignorePS1"])
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert comments(text.encode()) == ()


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_bytes_are_too_odd(before: bytes, after: bytes) -> None:
    comments(before + MARK.encode() + after)


@given(st.text(max_size=40))
def test_lines_are_counted_as_yaml_counts_them(text: str) -> None:
    quoted = yaml.safe_dump(text, default_style='"', allow_unicode=True)
    marks = [token.end_mark.line for token in yaml.scan(quoted) if isinstance(token, yaml.StreamEndToken)]
    assert marks == [len(lines_of(quoted)) - 1]


def applied(text: str, findings: list[Finding], toml: str = "", file: str = "/project/job.yml") -> list[str]:
    ignores = parse_ignores(toml, "penstock.toml", ROOT)
    suppressions = Suppressions(lambda _: text.encode(), lambda _: ignores)
    kept = [*suppressions.apply(findings, [file]), *suppressions.about_settings([ROOT])]
    return [f"{finding.place.line}:{finding.rule}" for finding in kept]


def finding(rule: str, line: int) -> Finding:
    return Finding(rule, "error", "message", Place("/project/job.yml", line, 4))


def test_only_that_rule_on_that_line_is_suppressed() -> None:
    text = f"a: 1\nb: 2 {MARK}\nc: 3\n"
    there = [finding("PS204", 1), finding("PS204", 2), finding("PS203", 2), finding("PS204", 3)]
    assert applied(text, there) == ["1:PS204", "2:PS203", "3:PS204"]


def test_what_is_wrong_with_a_comment_is_told() -> None:
    assert applied(f"a: 1 {MARK}\n", []) == ["1:PS892"]
    assert applied("a: 1 # penstock: ignore[PS204]\n", [finding("PS204", 1)]) == ["1:PS890"]
    assert applied("a: 1 # penstock: ignore[PS2O4] why\n", [finding("PS204", 1)]) == ["1:PS204", "1:PS891"]
    assert applied("a: 1 # penstock: ignore[] why\n", []) == ["1:PS891"]


TOML = """
[[check.ignore]]
path = "{path}"
rules = ["{rule}"]
reason = "{reason}"
"""


@pytest.mark.parametrize("path", ["job.yml", "*.yml", "**/job.yml", "/job.yml", "**"])
def test_settings_suppress_by_path(path: str) -> None:
    toml = TOML.format(path=path, rule="PS2*", reason="old")
    assert applied("a: 1\n", [finding("PS204", 1), finding("PS301", 1)], toml) == ["1:PS301"]


def test_settings_that_do_nothing_or_say_no_reason_are_told() -> None:
    told = applied("a: 1\n", [], TOML.format(path="other/**", rule="PS204", reason="old"))
    assert told == ["2:PS892"]
    told = applied("a: 1\n", [finding("PS204", 1)], TOML.format(path="job.yml", rule="PS204", reason=""))
    assert told == ["2:PS890"]
    told = applied("a: 1\n", [finding("PS204", 1)], TOML.format(path="job.yml", rule="XX1", reason="x"))
    assert told == ["1:PS204", "2:PS891"]


def test_settings_say_nothing_of_files_outside_of_their_project() -> None:
    ignores = parse_ignores(TOML.format(path="**", rule="PS2*", reason="x"), "penstock.toml", Path("/elsewhere"))
    suppressions = Suppressions(lambda _: b"", lambda _: ignores)
    assert len(suppressions.apply([finding("PS204", 1)], [])) == 1


def test_unused_settings_are_told_only_if_everything_was_looked_at() -> None:
    ignores = parse_ignores(TOML.format(path="**", rule="PS2*", reason="x"), "penstock.toml", ROOT)
    suppressions = Suppressions(lambda _: b"", lambda _: ignores)
    suppressions.apply([], ["/project/sub/job.yml"])
    assert list(suppressions.about_settings([ROOT / "sub"])) == []
    assert [told.rule for told in suppressions.about_settings([ROOT.parent])] == ["PS892"]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[[check.ignore]\n", "penstock.toml:1:15: this is not TOML: "),
        ("[check]\nignore = 3\n", "write what to ignore as"),
        ("check = 3\n", "write what to ignore as"),
        ('[[check.ignroe]]\npath = "x"\n', "[check] has no 'ignroe'. Did you mean 'ignore'?"),
        ("[check]\nignore = [1]\n", "is a table with"),
        ('\n[[check.ignore]]\nrules = ["PS1*"]\n', "penstock.toml:2:1: check.ignore needs a path"),
        ('[[check.ignore]]\npath = "x"\nrules = "PS1*"\n', "needs rules, a list"),
        ('[[check.ignore]]\npath = "x"\nrules = []\n', "needs rules, a list"),
        ('[[check.ignore]]\npath = "x"\nrule = ["PS1*"]\n', "has no 'rule'. Did you mean 'rules'?"),
    ],
)
def test_settings_of_another_form_are_refused(toml: str, message: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        parse_ignores(toml, "penstock.toml", ROOT)
    assert message in str(refused.value)


def test_other_settings_are_somebody_else_s() -> None:
    assert parse_ignores('[stages.dev]\nworkspace = "w"\n', "penstock.toml", ROOT) == Ignores(ROOT)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        (f"a: >-  {MARK}\n  x\n\n  y\nb: 1", 1, 4),
        (f"{MARK}\na: |\n  x\n  y\n\n\nb: 1", 2, 6),
        (f"a: |+  {MARK}\n  x", 1, 2),
        (f"{MARK}\na: one\n  two\nb: 1", 2, 3),
        (f"{MARK}\na: 'one\n  two'\nb: 1", 2, 3),
        (f"a: 1  {MARK}\nb: >-\n  x", 1, 1),
        (f"a:  {MARK}\n  b: |\n    x", 1, 1),
    ],
)
def test_a_comment_is_for_the_whole_text_that_begins_there(text: str, first: int, last: int) -> None:
    [comment] = comments(text.encode())
    assert (comment.target, comment.last) == (first, last)
