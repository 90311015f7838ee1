"""Single faults put into good files of every kind, with azure-ai-ml as the oracle.

Whatever PS005 to PS009 call an error the client refuses, and whatever the client refuses is an error of some rule. The
good files are those of tests/check/structure. Of all faults (9,000) each run looks at the same few hundred; to look at
all set PER_FILE to a large number.
"""

from __future__ import annotations

import copy
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure_says import refusal

from penstock.check import check
from penstock.check.subject import Subject, read_subject
from penstock.spec.finding import Finding
from penstock.spec.kind import Kind
from penstock.store.files import Disk

GOOD = Path(__file__).parent / "structure"
FILES = sorted(path.name for path in GOOD.glob("*.yml") if path.name != "conda.yml")
PER_FILE = 25
STRUCTURE = ("PS005", "PS006", "PS007", "PS009", "PS010")
VALUES: list[Any] = [
    None,
    3,
    3.7,
    "abc",
    "3",
    True,
    [1],
    ["a"],
    {"a": 1},
    "${{parent.inputs.rate}}",
    "file:./conda.yml",
]

# Refused by the service, not by the client: (what penstock says, why it is an error all the same).
ONLY_THE_SERVICE = {
    "'version' takes a version": "the client makes text of any version of a component: '[1]', which is none",
}
# Refused by the client, and by no rule (yet): (what the client says, what it is about).
ONLY_THE_CLIENT = {
    r"trying to specify a conda file|existing environments": "a file: that is no environment",
    r"'type' must be specified|Not supporting non file": "create_job: of a remote job, and with file:",
    r"The name for a deployment must": "the name of a deployment",
    r"Can't find (directory|file)|No such file or directory|doesn't exist": "files that only other rules look at",
    r"existing (models|components)": "a model or a component by a path that does not exist",
    r"If version is specified, name must be": "data with a version and no name",
    r"NotImplementedError|storage_config": "monitors without input data, storage accounts of a registry",
    r"spark\.driver\.cores, spark|referenced in args|only 'direct' is": "the demands of a spark job",
    r"compute or resources must|standard_e4s_v3": "where a spark job runs",
    r"Value '\w+' passed is not in set \['path', 'custom_model'": "a plain value for a data_transfer node",
    r"Invalid data binding expression": "an expression in a command that names no port",
    r"must follow regex rule": "${{ }} for a mini-batch size",
}


def paths(tree: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*prefix, key)
        yield from paths(value, (*prefix, key))


def faults(tree: Any) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    for path in paths(tree):
        if path == ("$schema",):
            continue
        yield "delete", path, None
        if isinstance(path[-1], str):
            yield "rename", path, f"{path[-1]}x"
        yield from (("set", path, value) for value in VALUES)


def put_in(tree: Any, fault: tuple[str, tuple[Any, ...], Any]) -> Any:
    how, path, value = fault
    changed = copy.deepcopy(tree)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if how == "delete":
        del inner[path[-1]]
    elif how == "rename":
        renamed = {value if key == path[-1] else key: item for key, item in inner.items()}
        inner.clear()
        inner.update(renamed)
    else:
        inner[path[-1]] = copy.deepcopy(value)
    return changed


def own_errors(file: Path) -> tuple[Kind, list[Finding]] | None:
    subject = read_subject(file, Disk())
    if not isinstance(subject, Subject):
        return None
    return subject.kind, [
        finding for finding in check(subject) if finding.severity == "error" or finding.rule == "PS010"
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOOD, tmp_path / "good"))


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_good_before(name: str, folder: Path) -> None:
    content = yaml.safe_load((folder / name).read_text())
    found = own_errors(folder / name)
    assert found is not None
    kind, errors = found
    assert [str(error) for error in errors] == []
    assert refusal(folder / name, kind, content) == ""


@pytest.mark.parametrize("name", FILES)
def test_both_refuse_the_same(name: str, folder: Path) -> None:
    content = yaml.safe_load((folder / name).read_text())
    every = list(faults(content))
    chosen = random.Random(name).sample(every, min(PER_FILE, len(every)))
    wrong = [problem for fault in chosen if (problem := disagreement(content, fault, folder / name))]
    assert not wrong, "\n".join(wrong)


def disagreement(content: Any, fault: tuple[str, tuple[Any, ...], Any], file: Path) -> str:
    changed = put_in(content, fault)
    file.write_text(yaml.safe_dump(changed, sort_keys=False))
    found = own_errors(file)
    if found is None:  # no longer to be recognised as Azure ML's
        return ""
    kind, errors = found
    azure = refusal(file, kind, changed)
    structural = [error for error in errors if error.rule in STRUCTURE]
    # Outside of pipelines the client takes some bindings or not, depending on what it has loaded before.
    unsure = "${{" in str(fault[2]) and kind.type != "pipeline"
    if azure and not errors and not unsure and not any(re.search(known, azure) for known in ONLY_THE_CLIENT):
        return f"{fault}: only azure-ai-ml refuses it: {azure[:300]}"
    if not azure and not unsure and any(not error.message.startswith(tuple(ONLY_THE_SERVICE)) for error in structural):
        return f"{fault}: only penstock refuses it: {[str(error) for error in structural]}"
    return ""
