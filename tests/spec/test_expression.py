"""The expression language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.expression import parse_template
from penstock.spec.place import Place

HERE = Place("x.yml", 3, 5)


def render(text: str, **values: str) -> str:
    return parse_template(text, HERE, command=True).render(lambda reference: values.get(reference.path[-1]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run ${{inputs.a}}", "run 1"),
        ("run ${{ inputs.a }}/${{inputs.a}}", "run 1/1"),
        ("x $[[--a ${{inputs.a}}]] y", "x --a 1 y"),
        ("x $[[--b ${{inputs.b}}]] y", "x  y"),
        ("x $[[--a ${{inputs.a}} --b ${{inputs.b}}]] y", "x  y"),
        ("a\n$[[\n --b ${{inputs.b}}\n]]\nz", "a\n\nz"),
        ("$HOME ${HOME} $(date) [[ -e x ]] {{x}}", "$HOME ${HOME} $(date) [[ -e x ]] {{x}}"),
        ("$[[--always]]", "--always"),
    ],
)
def test_rendering(text: str, expected: str) -> None:
    assert render(text, a="1") == expected


def test_a_value_is_not_read_again() -> None:
    assert render("echo ${{inputs.a}}", a="${{inputs.b}}", b="no") == "echo ${{inputs.b}}"


def test_optional_parts_are_of_commands_only() -> None:
    template = parse_template("$[[x ${{parent.inputs.a}}]]", HERE)
    assert template.render(lambda _: "1") == "$[[x 1]]"


@given(st.text(alphabet=st.characters(exclude_characters="$", exclude_categories=["Cs"])))
def test_text_without_expressions_stays_as_it_is(text: str) -> None:
    template = parse_template(text, HERE, command=True)
    assert template.render(lambda _: None) == text
    assert template.binding is None


@given(st.lists(st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True), min_size=1, max_size=5))
def test_a_whole_text_reference_is_a_binding(path: list[str]) -> None:
    reference = parse_template("${{ " + ".".join(path) + " }}", HERE).binding
    assert reference is not None
    assert list(reference.path) == path
