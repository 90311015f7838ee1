"""Runs every folder of tests/cases: `pipeline.yml` by `penstock run`, compared with `expect.yml`.

expect.yml:
    needs: spark                   skipped on a machine without
    assets: [shout.yml, ...]       `penstock asset create` of each file of the case before, or of [file, arguments...]
    datastores: {name: {file: text}}   of the workspace, before
    args: [...]                    more arguments
    exit: 0                        the exit code
    run: completed                 the run's status
    nodes: {name: completed}       or {name: {status, attempts, reason: part of it, log: part(s) of it,
                                   outputs: {port: content}}}
    count: 3                       how many nodes the summary tells of
    outputs: {name: content}       of the pipeline; content is the text of a file, or {file: text} of a folder
    findings: [{rule, line, column}]   of a definition that is refused: all errors, in order
    stderr: [parts of it]
    again: {name: reused}          of every node, when the same is run once more
    files: {path: text}            of the workspace, afterwards; `*` stands for a part of the path
    absent: [paths in the run's folder that must not exist]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

CASES = sorted(path.parent for path in (Path(__file__).parents[1] / "cases").glob("*/expect.yml"))


def content(path: Path) -> Any:
    if path.is_file():
        return path.read_text()
    return {file.relative_to(path).as_posix(): file.read_text() for file in path.rglob("*") if file.is_file()}


def parts(wanted: Any) -> list[str]:
    return [wanted] if isinstance(wanted, str) else list(wanted)


def check_node(node: dict[str, Any], wanted: Any) -> None:
    wanted = {"status": wanted} if isinstance(wanted, str) else wanted
    assert node["status"] == wanted["status"], node
    assert wanted.get("reason", "") in node["reason"]
    assert wanted.get("attempts", node["attempts"]) == node["attempts"], node
    for part in parts(wanted.get("log", [])):
        assert part in Path(node["log"]).read_text()
    if "outputs" in wanted:
        assert {port: content(Path(path)) for port, path in node["outputs"].items()} == wanted["outputs"]


def again(expect: dict[str, Any], case: Path, penstock: Callable[..., Any], way: tuple[str, ...]) -> dict[str, str]:
    """How each node ends when the same is run once more; nothing of it if the case does not ask."""
    if "again" not in expect:
        return {}
    ended = penstock("run", case / "pipeline.yml", "--format", "json", *way, *expect.get("args", []))
    found = {node["name"]: node["status"] for node in ended.json["nodes"]}
    assert set(found) == set(expect["again"])
    return found


def prepare(expect: dict[str, Any], case: Path, penstock: Callable[..., Any], workspace: Path) -> None:
    """Make what the workspace has before the run."""
    for named in expect.get("assets", []):
        file, *arguments = parts(named)
        created = penstock("asset", "create", case / file, *arguments, "--workspace", workspace)
        assert created.code == 0, created.stderr
    for store, files in expect.get("datastores", {}).items():
        for name, text in files.items():
            path = workspace / "datastores" / store / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def check_files(expect: dict[str, Any], workspace: Path) -> None:
    for pattern, text in expect.get("files", {}).items():
        (found,) = workspace.glob(pattern)
        assert found.read_text() == text


def test_there_are_cases() -> None:
    assert len(CASES) >= 120


def case_of(folder: Path) -> Any:
    needs = yaml.safe_load((folder / "expect.yml").read_text()).get("needs")
    return pytest.param(folder, id=folder.name, marks=[getattr(pytest.mark, needs)] if needs else [])


FRESH = pytest.param(("--no-warm",), id="fresh", marks=pytest.mark.both_ways)


@pytest.mark.parametrize("way", [pytest.param((), id="warm"), FRESH])
@pytest.mark.parametrize("case", [case_of(folder) for folder in CASES])
def test_case(case: Path, way: tuple[str, ...], penstock: Callable[..., Any], workspace: Path) -> None:
    """Both ways of starting a step come to the same."""
    expect = yaml.safe_load((case / "expect.yml").read_text())
    if way and "needs" in expect:
        pytest.skip("its programs are started the same way either way")
    prepare(expect, case, penstock, workspace)
    ended = penstock("run", case / "pipeline.yml", "--format", "json", *way, *expect.get("args", []))
    assert ended.code == expect["exit"], ended.stderr
    assert "a bug in penstock" not in ended.stderr  # a traceback of the step's own code may be there
    for part in expect.get("stderr", []):
        assert part in ended.stderr
    if expect["exit"] == 2:
        assert not (workspace / "runs").exists(), "a wrong definition starts nothing"
        errors = [f for f in ended.json["findings"] if f["severity"] == "error"] if ended.stdout else []
        found = [{key: f[key] for key in ("rule", "line", "column")} for f in errors]
        assert found == expect.get("findings", []), ended.stderr
        return
    result = ended.json
    assert result["status"] == expect.get("run", "completed" if expect["exit"] == 0 else "failed")
    nodes = {node["name"]: node for node in result["nodes"]}
    for name, wanted in expect["nodes"].items():
        check_node(nodes[name], wanted)
    assert len(nodes) == expect.get("count", len(nodes)), list(nodes)
    for name, wanted in expect.get("outputs", {}).items():
        assert content(Path(result["outputs"][name])) == wanted
    check_files(expect, workspace)
    for name, status in again(expect, case, penstock, way).items():
        assert expect["again"][name] == status
    for path in expect.get("absent", []):
        assert not (workspace / "runs" / result["run"] / path).exists()
