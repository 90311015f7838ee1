"""A case per feature: cases/X.py compiles to the committed cases/X.yml, and Azure's client sends the same for both."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import load_job

from penstock.compile.client import quiet
from penstock.compile.files import Compiled, compile_pipeline
from penstock.compile.rest import body, differences

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in CASES.glob("*.py"))


@pytest.fixture(scope="module", params=NAMES)
def compiled(request: pytest.FixtureRequest) -> Compiled:
    return compile_pipeline(CASES / f"{request.param}.py", CASES, request.param)


def _sent(text: str) -> dict[str, Any]:
    """What the client would send for this job YAML in the folder of the cases."""
    with quiet():
        return body(load_job(io.StringIO(text), relative_origin=str(CASES / "x.yml")), CASES)


def test_there_is_a_case_for_each_feature() -> None:
    features = {"data", "literals", "nested", "outputs", "parallel", "registered", "settings", "sweep"}
    assert features <= set(NAMES)


def test_the_compiled_text_is_the_committed_file(compiled: Compiled) -> None:
    for name, text in compiled.files.items():
        assert (CASES / name).read_text(encoding="utf-8") == text


def test_the_client_sends_the_same_for_the_python_and_the_yaml(compiled: Compiled) -> None:
    sent = _sent(compiled.files[f"{compiled.source.stem}.yml"])
    assert list(differences(compiled.body, sent)) == []
    assert sent == compiled.body
    assert sent["properties"]["jobs"]


def test_the_nodes_keep_the_order_of_the_python(compiled: Compiled) -> None:
    document = yaml.safe_load(compiled.files[f"{compiled.source.stem}.yml"])
    assert list(document["jobs"]) == list(compiled.body["properties"]["jobs"])


def test_no_path_of_this_machine_is_written(compiled: Compiled) -> None:
    for text in compiled.files.values():
        assert str(CASES) not in text
        assert str(Path.home()) not in text
        assert not re.search(r"(?m)(path|component|trial|code): /", text)


def test_the_first_line_says_where_the_file_comes_from(compiled: Compiled) -> None:
    for text in compiled.files.values():
        assert text.startswith(f"# generated from {compiled.source.name} by `penstock compile`")


# What the client gives a Spark node anyway.
DEFAULTS = {("jobs", "*", "identity")}


def test_every_change_of_the_yaml_is_seen_by_the_comparison() -> None:
    """The comparison takes out what differs by nature: this shows that it takes out nothing else."""
    tried: dict[Kind, str] = {}
    unseen = []
    for name in NAMES:
        document = yaml.safe_load((CASES / f"{name}.yml").read_text(encoding="utf-8"))
        sent = _sent(yaml.safe_dump(document, sort_keys=False))
        for kind, path in _leaves(document, document["jobs"]).items():
            if kind in tried:
                continue
            changed = yaml.safe_load(yaml.safe_dump(document, sort_keys=False))
            _change(changed, path)
            try:
                differ = list(differences(sent, _sent(yaml.safe_dump(changed, sort_keys=False))))
            except Exception:  # noqa: BLE001 - the client does not even load it: seen
                tried[kind] = "refused"
                continue
            tried[kind] = "compared"
            if not differ and kind[1] not in DEFAULTS:
                unseen.append(f"{name}: {'.'.join(map(str, path))}")
    assert unseen == []
    assert list(tried.values()).count("compared") > 60


Keys = tuple[Any, ...]


Kind = tuple[str, Keys, type]


def _leaves(value: Any, jobs: dict[str, Any], path: Keys = ()) -> dict[Kind, Keys]:
    """The path of one value of each kind: each setting once for each type of node, one input of each type."""
    found: dict[Kind, Keys] = {}
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "$schema":
                found |= _leaves(item, jobs, (*path, key))
    if not isinstance(value, dict) or len(path) > 1:
        names = {index + 1 for index, key in enumerate(path) if key in ("jobs", "inputs", "search_space")}
        node = jobs[path[1]]["type"] if path[0] == "jobs" else ""
        found[node, tuple("*" if index in names else key for index, key in enumerate(path)), type(value)] = path
    return found


def _change(document: Any, path: Keys) -> None:
    for key in path[:-1]:
        document = document[key]
    value = document[path[-1]]
    if isinstance(value, dict):
        del document[path[-1]]
    elif isinstance(value, bool):
        document[path[-1]] = not value
    elif isinstance(value, int | float):
        document[path[-1]] = value + 1
    elif isinstance(value, list):
        document[path[-1]] = [*value, *value]
    else:
        document[path[-1]] = f"{value}x"
