"""`penstock publish --check` and `--bump`: versions follow content."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from publishable import SHOUT, TALK, change, make_project

REPOSITORY = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
LOCK = "components/components.lock.json"
Publish = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def publish(project: Path) -> Publish:
    """`penstock publish` in the project."""

    def call(*arguments: str, cwd: Path = project) -> subprocess.CompletedProcess[str]:
        line = [str(PENSTOCK), "publish", *arguments]
        return subprocess.run(line, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)

    return call


def _texts(root: Path) -> dict[str, str]:
    return {str(file.relative_to(root)): file.read_text() for file in sorted(root.rglob("*")) if file.is_file()}


def test_the_lock_of_this_repository_is_current(publish: Publish) -> None:
    done = publish("--check", cwd=REPOSITORY)
    assert (done.returncode, done.stderr) == (0, f"{LOCK} is current\n"), done.stdout


def test_a_project_without_a_lock_gets_one(publish: Publish, project: Path) -> None:
    done = publish("--check")
    assert done.returncode == 2
    assert f"{SHOUT}:4:10: error: component shout 1.0.0 is new and not in the lock" in done.stdout
    assert f"{TALK}:1:1: error: pipeline talk 1.0.0 is new and not in the lock" in done.stdout
    assert done.stderr == f"{LOCK} is not current. Write what is needed: penstock publish --bump\n"
    before = _texts(project)
    done = publish("--bump")
    assert (done.returncode, done.stdout) == (0, f"wrote {LOCK}\n")
    after = _texts(project)
    assert after.pop(LOCK)
    assert after == before
    assert publish("--check").returncode == 0
    assert publish("--bump").stdout == "nothing has changed\n"


def test_what_has_changed_is_told_with_the_version_that_it_needs(publish: Publish, project: Path) -> None:
    publish("--bump")
    change(project / SHOUT, "inputs:\n", "inputs:\n  new: {type: string}\n")
    done = publish("--check")
    assert done.returncode == 2
    assert done.stdout.splitlines()[:2] == [
        f"{SHOUT}:4:10: error: component shout 1.0.0 stands for other content: "
        "it needs version 2.0.0 (major): the input 'new' is new and required",
        f"    breaks {TALK}:11:3: 'shout' gives no value to 'new'",
    ]
    found = json.loads(publish("--check", "--format", "json").stdout)
    assert found["current"] is False
    [shout] = [each for each in found["items"] if each["name"] == "shout"]
    assert shout == {
        "kind": "component",
        "name": "shout",
        "version": "1.0.0",
        "status": "changed",
        "needed": "2.0.0",
        "bump": "major",
        "reasons": ["the input 'new' is new and required"],
        "file": SHOUT,
        "line": 4,
        "column": 10,
        "breaks": [{"file": TALK, "line": 11, "column": 3, "message": "'shout' gives no value to 'new'"}],
    }


def test_bump_writes_the_version_wherever_it_stands_and_nothing_else(publish: Publish, project: Path) -> None:
    publish("--bump")
    with (project / "components/_shared/voice/__init__.py").open("a") as file:
        file.write("# a comment\n")
    with (project / "environments/other/environment.yml").open("a") as file:
        file.write("os_type: linux\n")
    before = _texts(project)
    done = publish("--bump")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:4] == [
        "environment other 1 -> 2 (patch): the definition changed",
        "component count 4 -> 5 (patch): its environment changed",
        "component shout 1.0.0 -> 1.0.1 (patch): the snapshot changed",
        "pipeline talk 1.0.0 -> 1.0.1 (patch): its nodes changed, or a component that they name",
    ]
    after = _texts(project)
    assert {name for name in after if after[name] != before[name]} == {
        SHOUT,
        LOCK,
        "components/shout/src/shout.py",
        "components/shout/CHANGELOG.md",
        "components/count/component.yml",
        "environments/other/environment.yml",
    }
    assert after[SHOUT] == before[SHOUT].replace("version: 1.0.0   # the one", "version: 1.0.1   # the one")
    assert after["components/shout/src/shout.py"] == 'COMPONENT = Component("shout", "1.0.1")\n'
    assert "## 1.0.1\n\n- patch: the snapshot changed.\n\n## 1.0.0" in after["components/shout/CHANGELOG.md"]
    assert after["environments/other/environment.yml"].startswith("name: other\nversion: '2'\n")
    lock = json.loads(after[LOCK])
    assert lock["pipelines"]["talk"]["version"] == "1.0.1"
    assert lock["components"]["count"]["version"] == "5"
    assert publish("--check").returncode == 0


def test_bump_keeps_line_ends_modes_links_and_bytes(publish: Publish, project: Path) -> None:
    source, changelog = project / "components/shout/src/shout.py", project / "components/shout/CHANGELOG.md"
    for file in (project / SHOUT, source, changelog):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    source.write_bytes(b"# -*- coding: latin-1 -*-  \xe4\r\n" + source.read_bytes())
    source.chmod(0o755)
    changelog.rename(project / "elsewhere.md")
    changelog.symlink_to(project / "elsewhere.md")
    publish("--bump")
    change_bytes = (project / SHOUT).read_bytes().replace(b"--tone", b"--colour")
    (project / SHOUT).write_bytes(change_bytes)
    before = {file: file.read_bytes() for file in (project / SHOUT, source, changelog)}
    assert publish("--bump").returncode == 0
    assert (project / SHOUT).read_bytes() == change_bytes.replace(b"version: 1.0.0 ", b"version: 1.0.1 ")
    assert source.read_bytes() == before[source].replace(b"1.0.0", b"1.0.1")
    assert stat.S_IMODE(source.stat().st_mode) == 0o755
    assert changelog.is_symlink()
    entry = b"## 1.0.1\r\n\r\n- patch: the command changed.\r\n\r\n## 1.0.0"
    assert changelog.read_bytes() == before[changelog].replace(b"## 1.0.0", entry)
    assert publish("--check").returncode == 0


@pytest.mark.parametrize("version", ["&v 1.0.0", "!!str 1.0.0"])
def test_bump_of_a_version_with_an_anchor_or_a_tag(publish: Publish, project: Path, version: str) -> None:
    change(project / SHOUT, "version: 1.0.0 ", f"version: {version} ")
    publish("--bump")
    change(project / SHOUT, "--tone", "--colour")
    assert publish("--bump").returncode == 0
    assert f"version: {version.replace('1.0.0', '1.0.1')} " in (project / SHOUT).read_text()


def test_what_bump_cannot_change_is_told_and_left(publish: Publish, project: Path) -> None:
    publish("--bump")
    change(project / SHOUT, "--tone", "--colour")
    changelog = project / "components/shout/CHANGELOG.md"
    changelog.write_bytes(b"# Changes\n\nf\xfcr\n")
    before = (project / SHOUT).read_bytes()
    done = publish("--bump")
    assert (done.returncode, done.stderr) == (
        2,
        "components/shout/CHANGELOG.md:3:2: this is not UTF-8 text; save it as UTF-8\n",
    )
    assert (project / SHOUT).read_bytes() == before
    changelog.unlink()
    change(project / SHOUT, "version: 1.0.0   # the one place of the version", "version: >-\n  1.0.0")
    done = publish("--bump")
    assert (done.returncode, done.stderr) == (
        2,
        f"{SHOUT}:4:10: the version 1.0.0 does not stand here as it is, so it cannot be changed; "
        "write version: 1.0.1\n",
    )


def test_bump_leaves_what_a_version_is_an_alias_of(publish: Publish, project: Path) -> None:
    change(project / SHOUT, "# says it loud\n", "tags: {first: &first 1.0.0}\n")
    change(project / SHOUT, "version: 1.0.0   #", "version: *first   #")
    change(project / SHOUT, "tags: {stage: test}\n", "")
    publish("--bump")
    change(project / SHOUT, "--tone", "--colour")
    done = publish("--bump")
    assert (done.returncode, done.stderr) == (
        2,
        f"{SHOUT}:4:1: the version 1.0.0 stands at {SHOUT}:1:15, and here is an alias of it; write version: 1.0.1\n",
    )


def test_a_version_that_was_raised_by_hand_is_settled_by_bump(publish: Publish, project: Path) -> None:
    publish("--bump")
    change(project / SHOUT, "--tone", "--colour")
    change(project / SHOUT, "version: 1.0.0 ", "version: 2.5.0 ")
    done = publish("--check")
    assert done.returncode == 2
    assert f"{SHOUT}:4:10: error: component shout 2.5.0 is not the version in the lock" in done.stdout
    assert publish("--bump").returncode == 0
    assert 'Component("shout", "2.5.0")' in (project / "components/shout/src/shout.py").read_text()
    assert "## 2.5.0\n\n- patch: the command changed; the snapshot" not in (project / SHOUT).read_text()
    assert "## 2.5.0\n\n- patch: the command changed.\n" in (project / "components/shout/CHANGELOG.md").read_text()
    assert publish("--check").returncode == 0


def test_what_names_the_old_version_is_told(publish: Publish, project: Path) -> None:
    change(project / TALK, "../components/shout/component.yml", "azureml:shout:1.0.0")
    publish("--bump")
    change(project / SHOUT, "--tone", "--colour")
    done = publish("--bump")
    assert f"{TALK}:13:16: this names the old version; change it if the new one is meant" in done.stdout
    assert "azureml:shout:1.0.0" in (project / TALK).read_text()


def test_a_part_of_the_project(publish: Publish, project: Path) -> None:
    publish("--bump")
    change(project / SHOUT, "--tone", "--colour")
    change(project / "components/count/component.yml", "python count.py", "python  ./count.py")
    assert publish("--check", "components/shout").stdout.count("error:") == 1
    assert publish("--check", ".").stdout == publish("--check").stdout
    assert publish("--bump", "components/shout").returncode == 0
    assert publish("--check", "components/shout").returncode == 0
    assert "component count 4 stands for other content" in publish("--check").stdout
    inside = publish("--check", "count", cwd=project / "components")
    assert inside.stdout.startswith(
        "../components/count/component.yml:3:10: error: component count 4 stands for other content"
    )


def test_what_is_gone_leaves_the_lock(publish: Publish, project: Path) -> None:
    publish("--bump")
    (project / TALK).unlink()
    done = publish("--check")
    assert (done.returncode, done.stdout) == (
        2,
        f"{LOCK}:1:1: error: the lock holds what is no longer here: pipeline talk\n",
    )
    publish("--bump")
    assert json.loads((project / LOCK).read_text())["pipelines"] == {}


def test_a_deprecated_component_is_told_to_its_users(publish: Publish, project: Path) -> None:
    publish("--bump")
    change(project / SHOUT, "{stage: test}", "{deprecated: use shout 2}")
    done = publish("--check")
    assert done.returncode == 0
    assert done.stdout == (
        f"{TALK}:13:16: warning: 'shout' uses component shout 1.0.0, which is deprecated: use shout 2\n"
    )
    line = [str(PENSTOCK), "check", TALK, "--format", "json"]
    found = json.loads(subprocess.run(line, cwd=project, capture_output=True, check=False).stdout)
    [told] = [finding for finding in found if finding["rule"] == "PS115"]
    assert (told["file"], told["line"], told["severity"]) == (TALK, 13, "warning")
    assert told["message"] == "'shout': shout is deprecated: use shout 2."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--check", "--bump"), "--check, --bump and --dry-run are three things to do; give one of them."),
        (("--check", "--stage", "dev"), "--check and --bump ask no stage; leave out --stage."),
        (("--check", "nowhere"), "nowhere: there is no such file or folder"),
        (("--check", "penstock.toml"), "penstock.toml: there is nothing to publish here"),
    ],
)
def test_a_wrong_command_line(publish: Publish, arguments: tuple[str, ...], message: str) -> None:
    done = publish(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_version_of_which_none_follows(publish: Publish, project: Path) -> None:
    change(project / SHOUT, "version: 1.0.0 ", "version: 2024-a ")
    publish("--bump")
    change(project / SHOUT, "--tone", "--colour")
    assert "it needs another version (patch): the command changed" in publish("--check").stdout
    done = publish("--bump")
    assert done.returncode == 2
    assert done.stderr == (
        f"{SHOUT}:4:10: component shout 2024-a: no version is known to follow '2024-a': it is neither "
        "MAJOR.MINOR.PATCH nor a number. Write another one here\n"
    )


def test_an_odd_version_after_one_in_order_is_told_and_put_right_by_bump(publish: Publish, project: Path) -> None:
    publish("--bump")
    change(project / SHOUT, "version: 1.0.0 ", "version: 1.0.1-rc.1 ")
    change(project / SHOUT, "--tone", "--colour")
    done = publish("--check")
    assert done.returncode == 2
    assert done.stdout.splitlines()[0] == (
        f"{SHOUT}:4:10: error: component shout 1.0.1-rc.1 is neither a whole number nor MAJOR.MINOR.PATCH as 1.0.0 "
        "was, so none is known to follow it: write 1.0.1 or higher"
    )
    assert publish("--bump").returncode == 0
    assert "version: 1.0.1 " in (project / SHOUT).read_text()
    assert publish("--check").returncode == 0


BROKEN = [
    ('{"format": 1, "components": {"a": {}}}', "1:1: Object missing required field `version`"),
    ('{\n<<<<<<< ours\n "format": 1\n', "2:1: this is not JSON: Expecting property name enclosed in double quotes"),
    ("{}", "1:1: its format is None, and this penstock reads 1"),
    ("\udcff", "1:1: this is not UTF-8 text"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_lock_that_cannot_be_read_is_written_anew_by_bump(
    publish: Publish, project: Path, text: str, message: str
) -> None:
    publish("--bump")
    good = (project / LOCK).read_bytes()
    (project / LOCK).write_bytes(text.encode("utf-8", "surrogateescape"))
    done = publish("--check")
    assert done.returncode == 2
    assert f"{LOCK}:{message}" in done.stderr
    assert done.stderr.endswith("penstock publish --bump\n")
    done = publish("--bump")
    assert (done.returncode, done.stderr) == (0, "")
    told, wrote = done.stdout.splitlines()
    assert told.startswith(f"{LOCK}:{message}")
    assert told.endswith(". It was taken for empty: nothing was compared, and pipelines begin at 1.0.0")
    assert wrote == f"wrote {LOCK}"
    assert (project / LOCK).read_bytes() == good
    assert publish("--check").returncode == 0


def test_a_lock_of_a_later_penstock_is_left_alone(publish: Publish, project: Path) -> None:
    (project / LOCK).write_text('{"format": 9}')
    done = publish("--bump")
    assert (done.returncode, done.stderr) == (
        2,
        f"{LOCK}:1:1: its format is 9, and this penstock reads 1; use the penstock that wrote it\n",
    )
    assert (project / LOCK).read_text() == '{"format": 9}'


def test_a_lock_may_be_laid_out_otherwise(publish: Publish, project: Path) -> None:
    publish("--bump")
    lock = json.loads((project / LOCK).read_text())
    (project / LOCK).write_text(json.dumps(lock, indent=4))
    assert publish("--check").returncode == 0


def test_a_lock_at_odds_with_itself_is_told(publish: Publish, project: Path) -> None:
    publish("--bump")
    lock = json.loads((project / LOCK).read_text())
    lock["components"]["shout"]["parts"]["code"] = "another"
    (project / LOCK).write_text(json.dumps(lock))
    done = publish("--check")
    assert done.returncode == 2
    assert done.stdout.startswith(f"{LOCK}:1:")
    assert "error: component shout: the lock does not say here what its digest stands for\n" in done.stdout
    assert publish("--bump").returncode == 0
    assert publish("--check").returncode == 0


@pytest.mark.parametrize("verb", ["--check", "--bump"])
def test_a_folder_in_place_of_the_lock(publish: Publish, project: Path, verb: str) -> None:
    (project / LOCK).mkdir()
    done = publish(verb)
    message = f"{LOCK}:1:1: here is a folder, and the lock has to be a file; remove it\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_nothing_is_published_while_versions_do_not_fit(publish: Publish) -> None:
    done = publish("--stage", "dev")
    assert done.returncode == 2
    assert "component shout 1.0.0 is new and not in the lock" in done.stderr
    assert "Nothing was published" in done.stderr


def test_check_imports_nothing_heavy(project: Path) -> None:
    code = (
        "import sys\nfrom penstock.cli.main import main\nsys.argv = ['penstock', 'publish', '--check']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print({'azure', 'mlflow', 'pandas', 'numpy', 'mldesigner'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
