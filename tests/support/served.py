"""A workspace with packages of several model versions, good ones and bad ones, and what is served from it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_side import Bench, regression_table

from penstock.release import processes
from penstock_steps.manifest import MANIFEST_FILE, read_manifest, write_manifest
from penstock_steps.registration import Registration

PENSTOCK = Path(sys.executable).with_name("penstock")
LOAD = Path(__file__).with_name("load.py")
COLUMNS = ["area", "rooms", "floor", "y"]


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass
class Traffic:
    """What a client saw while something went on; filled in at its end."""

    sent: int = 0
    failed: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0


class Shop:
    """A workspace of two versions of the model rent, packaged and registered; the second is the better one."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.workspace = bench.folder
        table = regression_table(200)[COLUMNS].fillna(3.0)
        train, test = bench.split(table)
        self.packages: dict[str, Path] = {}
        for version, alpha in (("1", 100_000.0), ("2", 1.0)):
            parameters = json.dumps({"alpha": alpha})
            model = bench.train(train, f"model-{version}", estimator="Ridge", parameters=parameters)
            decision = bench.evaluate(model, test, f"decision-{version}")
            registration = bench.register(model, decision, f"registration-{version}")
            package = bench.folder / f"package-{version}"
            bench.main("package", model=model, decision=decision, registration=registration, package=package)
            assert read_manifest(package).model["version"] == version
            self.packages[version] = package

    def answer_of(self, version: str) -> str:
        """What a version answers to its sample request, as the server writes it."""
        contract = json.loads((self.packages[version] / "contract.json").read_text())
        return json.dumps([round(value, 6) for value in contract["cases"][0]["answer"]])

    def changed(self, name: str, change: Callable[[Path], None]) -> Path:
        """A copy of the second version's package, changed, packaged as such and registered as another version.

        Another version becomes the champion, as register would have it.
        """
        package = self.workspace / "changed" / name
        shutil.copytree(self.packages["2"], package)
        before = read_manifest(package)
        change(package)
        (package / MANIFEST_FILE).unlink()
        client, source = self.bench.client, (self.packages["2"] / "model").as_uri()
        version = str(client.create_model_version("rent", source).version)
        registration = Registration(
            model_name="rent", version=version, model_digest=before.model_digest, previous_champion="2"
        )
        digest = write_manifest(package, registration, before.scoring)
        client.set_model_version_tag("rent", version, "package_digest", digest)
        client.set_model_version_tag("rent", version, "role", "champion")
        client.set_registered_model_tag("rent", "champion", version)
        return package

    def penstock(self, *arguments: str | Path) -> Ended:
        line = [PENSTOCK, *arguments, "--workspace", self.workspace]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
        assert "This is a bug in penstock" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def release(self, package: Path, stage: str, *options: str) -> Ended:
        return self.penstock("release", package, "--to", stage, *options)

    def endpoint(self, name: str) -> dict[str, Any]:
        [found] = [one for one in self.penstock("endpoints", "--format", "json").json if one["endpoint"] == name]
        return dict(found)

    def key(self, name: str) -> Path:
        return self.workspace / "endpoints" / name / "key"

    def roles(self) -> dict[str, str | None]:
        return {version: tags.get("role") for version, tags in self.bench.versions().items()}

    @contextmanager
    def traffic(self, name: str, per_second: int = 200, body: Path | None = None) -> Iterator[Traffic]:
        """Requests to an endpoint from another process while this lasts: the sample, or another `body`."""
        seen = Traffic()
        url, sample = self.endpoint(name)["url"], body or self.packages["1"] / "sample_request.json"
        line = [sys.executable, LOAD, url, self.key(name), sample, str(per_second)]
        with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
            assert load.stdin is not None
            assert load.stdout is not None
            assert load.stdout.readline() == "sending\n"
            try:
                yield seen
            finally:
                load.stdin.close()
                for name_, value in json.loads(load.stdout.read()).items():
                    setattr(seen, name_, value)

    def killed(self, line: list[str | Path], after_s: float) -> bool:
        """Start a verb and kill it with SIGKILL; False if it ended before."""
        whole = [PENSTOCK, *line, "--workspace", self.workspace]
        with subprocess.Popen(whole, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(after_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                return True
        return False

    def close(self) -> None:
        """End all that serves."""
        end_all(self.workspace)


def end_all(workspace: Path) -> None:
    """End whatever serves the endpoints of a workspace."""
    for folder in (workspace / "endpoints").glob("*"):
        for process in processes.belonging_to(folder):
            processes.end(process, 5.0)
        assert processes.belonging_to(folder) == []


def rounded(answers: dict[str, int]) -> set[str]:
    """The answers that traffic has seen, as `Shop.answer_of` has them."""
    return {json.dumps([round(value, 6) for value in json.loads(text)]) for text in answers}
