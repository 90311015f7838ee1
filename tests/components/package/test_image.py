"""A package's Dockerfile makes an image that serves: built and run for real, without root (`make test-image`)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from images import Builder, Running
    from packaged import Made

pytestmark = pytest.mark.image


@dataclass
class Image:
    """An image of a package, and what it was made of."""

    builder: Builder
    id: str
    base: str
    package: Path
    context: Path
    wheels: Path

    @cached_property
    def container(self) -> tuple[str, Path]:
        """One to look at and to run other commands in: its name and its files."""
        return self.builder.container(self.id)

    @cached_property
    def added(self) -> Mapping[str, tuple[str, ...]]:
        """What the image has and its base has not, or otherwise; seen where nothing ran (that adds mount points)."""
        from images import tree

        before = tree(self.builder.container(self.base)[1])
        after = tree(self.builder.container(self.id)[1])
        assert set(before) <= set(after)
        return {path: what for path, what in after.items() if before.get(path) != what}


@pytest.fixture(scope="module")
def image(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    from images import builder, download

    folder = tmp_path_factory.mktemp("image")
    context, wheels = folder / "context", folder / "wheels"
    shutil.copytree(made.package, context)
    for path in [context, *context.rglob("*")]:  # as a careful umask leaves them: the image must not mind
        path.chmod(0o700 if path.is_dir() else 0o600)
    version = re.search(r"with Python (\d+\.\d+)", (made.package / "Dockerfile").read_text())
    assert version is not None
    download(made.package / "requirements.txt", wheels, version[1])
    with builder(folder / "images") as build:
        base = build.base()
        yield Image(build, build.build(context, base, wheels), base, made.package, context, wheels)


@pytest.fixture(scope="module")
def running(image: Image) -> Iterator[Running]:
    with image.builder.running(image.id) as container:
        container.server()
        yield container


def test_a_container_answers_what_the_contract_says(image: Image, running: Running) -> None:
    contract = json.loads((image.package / "contract.json").read_text())
    assert running.ask("/").status == 200
    for case in contract["cases"]:
        body = case["raw"] if "raw" in case else json.dumps(case["request"])
        answer = running.ask("/score", body.encode())
        assert answer.status == case["status"], case["name"]
        if "answer" in case:
            close = pytest.approx(case["answer"], rel=contract["tolerance"]["rtol"], abs=contract["tolerance"]["atol"])
            assert answer.body == close, case["name"]


def test_it_is_a_process_of_the_image_that_answers_and_it_is_nobody(image: Image, running: Running) -> None:
    assert len(running.servers()) >= 2  # who listens, and who answers
    for process in running.servers():
        here = Path(f"/proc/{process.pid}")
        for of_the_image in ("srv/package/manifest.json", "opt/scoring/pyvenv.cfg", "etc/debian_version"):
            assert (here / "root" / of_the_image).samefile(running.root / of_the_image)
        assert (here / "exe").samefile(running.root / "usr/bin/python3")
        assert (here / "cwd").samefile(running.root / "srv/package")
        assert not (here / "ns/net").samefile("/proc/self/ns/net")
        status = dict(line.split(":\t", 1) for line in (here / "status").read_text().splitlines() if ":\t" in line)
        assert status["Uid"].split() == status["Gid"].split() == ["1000"] * 4
        assert int(status["CapEff"], 16) == 0
    assert image.builder.inspect(image.id)["config"]["User"] == "1000:1000"


def test_it_may_write_nothing_of_what_it_runs(image: Image) -> None:
    name, _ = image.container
    for path in ("/srv/package/score.py", "/srv/package/new", "/opt/scoring/new", "/etc/new"):
        tried = image.builder.ended("run", "--isolation=chroot", name, "--", "sh", "-c", f": >>{path}")
        assert tried.returncode != 0, path
        assert "ermission denied" in tried.stderr


def test_the_package_is_in_it_as_it_was_made(image: Image) -> None:
    _, root = image.container
    inside = root / "srv" / "package"
    for path in inside.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (image.package / path.relative_to(inside)).read_bytes()
    assert (inside / "manifest.json").is_file()


def test_what_is_added_belongs_to_root_and_gives_no_rights(image: Image) -> None:
    for path, (mode, owner, *_) in image.added.items():
        assert path.startswith(("opt/scoring", "srv/package")) or path in {"opt", "srv"}, path
        assert owner == "0:0", path
        assert "s" not in mode.lower()[1:], path
        assert mode[0] == "l" or (mode[5], mode[8]) == ("-", "-"), path
        assert mode[0] == "l" or mode[7] == "r", path


def test_no_pip_is_added(image: Image) -> None:
    name, _ = image.container
    asked = image.builder.ended("run", "--isolation=chroot", name, "--", "python", "-m", "pip", "--version")
    assert asked.returncode != 0
    assert "No module named pip" in asked.stderr
    assert not [p for p in image.added if re.search(r"/(bin/pip|(pip|setuptools|ensurepip)(-[\d.]+\.dist-info)?$)", p)]


def test_nothing_of_the_machine_that_built_it_is_in_it(image: Image) -> None:
    known = image.builder.inspect(image.id)
    names = {setting.partition("=")[0] for setting in known["config"]["Env"]}
    assert names == {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    for of_this_machine in ("/mnt/wheels", str(image.wheels), str(image.context), str(image.builder.folder)):
        assert of_this_machine not in json.dumps(known)
    assert known["manifest"]["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert known["created"] == "1970-01-01T00:00:00Z"


def test_its_size_is_what_is_installed(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    base = sum(layer["size"] for layer in image.builder.inspect(image.base)["manifest"]["layers"])
    whole = sum(layer["size"] for layer in image.builder.inspect(image.id)["manifest"]["layers"])
    files = [path for path in image.package.rglob("*") if path.is_file()]
    needed = sum(path.stat().st_size for path in files)
    for wheel in image.wheels.iterdir():
        with zipfile.ZipFile(wheel) as archive:
            needed += sum(part.file_size for part in archive.infolist())
    with capsys.disabled():
        print(f"\nimage: {whole:,} bytes; its base: {base:,}; wheels and package hold {needed:,}")  # noqa: T201
    assert whole - base < 1.6 * needed  # the compiled modules, and what tar adds


def test_the_health_check_tells_a_server_from_none(image: Image, running: Running) -> None:
    found = re.search(r"^HEALTHCHECK .*CMD \\\n (\[.*\])$", (image.package / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    name, _ = image.container
    line = image.builder.line("run", "--isolation=chroot", name, "--", *json.loads(found[1]))
    beside = ["nsenter", f"--net=/proc/{running.server().pid}/ns/net", *line]
    alone = ["unshare", "--net", *line]
    codes = [subprocess.run(how, check=False, env=image.builder.environment).returncode for how in (beside, alone)]
    assert codes[0] == 0
    assert codes[1] != 0


def test_a_container_ends_when_it_is_told_to(image: Image) -> None:
    with image.builder.running(image.id) as container:
        server = container.server()
        assert container.ask("/").status == 200
        assert container.terminate() == 0
        assert not server.is_running()


def test_another_build_makes_the_same_image(image: Image) -> None:
    from images import tree

    again = image.builder.build(image.context, image.base, image.wheels)
    one, two = (tree(image.builder.container(built)[1]) for built in (image.id, again))
    assert {path for path in one.keys() | two.keys() if one.get(path) != two.get(path)} == set()
    assert again == image.id
