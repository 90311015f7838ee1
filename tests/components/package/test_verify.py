"""`penstock package verify`: the command, on packages that the step made."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaged import Made

from penstock_steps.digests import file_digest

PENSTOCK = Path(sys.executable).with_name("penstock")


@pytest.fixture
def workspace(made: Made, tmp_path: Path) -> Path:
    """A workspace whose registry is the one that the package was registered in."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    shutil.copyfile(made.bench.uri.removeprefix("sqlite:///"), folder / "mlflow.db")
    return folder


@pytest.fixture
def package(made: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.package, tmp_path / "package"))


def verify(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [str(PENSTOCK), "package", "verify", *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done


def test_a_good_one_is_compared_with_the_registry(package: Path, workspace: Path) -> None:
    done = verify(package, "--workspace", workspace, "--format", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["verified"]
    assert said["digest"] == said["anchor"]["digest"] == file_digest(package / "manifest.json")
    assert said["model"]["name"] == "rent"


def test_every_file_that_differs_is_named(package: Path, workspace: Path) -> None:
    (package / "score.py").write_text("pass\n")
    (package / "model" / "more.py").touch()
    (package / "sbom.json").unlink()
    done = verify(package, "--workspace", workspace)
    assert done.returncode == 1
    for line in ("score.py was changed", "model/more.py is not listed", "sbom.json is missing"):
        assert line in done.stderr


def test_who_changes_file_and_manifest_is_refused(package: Path, workspace: Path) -> None:
    (package / "score.py").write_text("pass\n")
    manifest = json.loads((package / "manifest.json").read_text())
    manifest["files"]["score.py"] = file_digest(package / "score.py")
    (package / "manifest.json").write_text(json.dumps(manifest))
    done = verify(package, "--workspace", workspace)
    assert done.returncode == 1
    assert "manifest.json is another one than the registry in" in done.stderr
    assert verify(package, "--no-anchor").returncode == 0  # it agrees with itself
    assert verify(package, "--digest", file_digest(package / "manifest.json")).returncode == 0
    assert verify(package, "--digest", f"sha256:{'0' * 64}").returncode == 1


def test_without_an_anchor_it_is_not_verified(package: Path, tmp_path: Path) -> None:
    done = verify(package, "--workspace", tmp_path / "empty")
    assert done.returncode == 1
    assert "nothing outside tells its digest" in done.stderr
    assert not (tmp_path / "empty").exists()


def test_what_is_no_package_is_told(tmp_path: Path) -> None:
    assert verify(tmp_path / "nothing").returncode == 2
    done = verify(tmp_path)
    assert done.returncode == 1
    assert "is not a package: it has no manifest.json" in done.stderr
    done = verify(tmp_path, "--digest", "sha256:1")
    assert done.returncode in (1, 2)
