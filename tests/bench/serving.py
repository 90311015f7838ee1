"""The serving part of `make bench`: requests a second, beside `mlflow models serve` and a plain FastAPI app, one model.

All three serve the model that the loop has trained, two workers each, and are asked in turn by wrk, on 16 connections,
for one row at a time; medians of the rounds count. Then one connection, and where the time goes.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import Report

from penstock.release import sockets
from penstock.release.local import SETTINGS
from penstock.store.venvs import Venvs
from penstock.store.workspace import Workspace

ROOT = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
JOB = ROOT / "pipelines" / "retrain_diabetes.yml"
ACTIVATE = ROOT / "src" / "penstock" / "release" / "activate.py"
CONNECTIONS, WORKERS, ROUNDS, SECONDS = 16, 2, 5, 3.0
READY_S = 120

FASTAPI = """
import json, sys
import pandas as pd, skops.io
from fastapi import FastAPI
scoring = json.load(open(MANIFEST))["scoring"]
model = skops.io.load(PACKAGE + "/" + scoring["file"], trusted=scoring["trusted"])
app = FastAPI()
@app.get("/")
def health():
    return "Healthy"
@app.post("/score")
def score(body: dict):
    table = body["input_data"]
    return model.predict(pd.DataFrame(table["data"], columns=table["columns"])).tolist()
"""
# What wrk tells of a run, as JSON.
REPORT = """
function done(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format('{"sent": %d, "seconds": %f, "failed": %d, "p50_ms": %f}\\n',
        summary.requests, summary.duration / 1e6, failed, latency:percentile(50) / 1000))
end
"""
NOTHING = "def init():\n    pass\n\n\ndef run(raw):\n    return []\n"
# What score.py does with a request, part by part, in the package's own environment.
PARTS = """
import json, sys, timeit
sys.path.insert(0, ".")
import score, numpy as np
score.init()
raw = open("sample_request.json").read()
columns, data = score._table(raw)
places = [columns.index(column["name"]) for column in score.COLUMNS]
rows = score._array(places, data) if score.TAKES_ARRAYS else score._frame(places, data)
parts = {
    "JSON": lambda: json.loads(raw),
    "shape of the request": lambda: score._columns_and_data(json.loads(raw)["input_data"]),
    "values": lambda: score._check_values(places, data),
    "array": lambda: score._array(places, data) if score.TAKES_ARRAYS else score._frame(places, data),
    "predict": lambda: score.MODEL.predict(rows),
    "all of run()": lambda: score.run(raw),
}
print(json.dumps({name: min(timeit.repeat(part, number=200, repeat=5)) / 200 * 1000 for name, part in parts.items()}))
"""


@dataclass(frozen=True)
class Served:
    """A server that runs: where, what it is asked, and how long it took to start."""

    url: str
    body: bytes
    headers: dict[str, str]
    start_s: float


@contextmanager
def running(line: list[str], url: str, body: bytes, key: str = "", **options: Any) -> Iterator[Served]:
    """A server from its start to its end. Its output goes nowhere."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    began = time.perf_counter()
    null = subprocess.DEVNULL
    process = subprocess.Popen(line, start_new_session=True, stdin=null, stdout=null, stderr=null, **options)
    try:
        while not _answers(request := urllib.request.Request(url, body, headers)):
            if process.poll() is not None or time.perf_counter() > began + READY_S:
                raise RuntimeError(f"{request.full_url} is not answered")
            time.sleep(0.02)
        yield Served(url, body, headers, time.perf_counter() - began)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(request: urllib.request.Request) -> bool:
    try:
        with urllib.request.urlopen(request, timeout=READY_S):
            return True
    except OSError:
        return False


def load(served: Served, connections: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and the median latency in ms, as wrk measures them. All must be answered with 200."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        told = {"method": "POST", "body": served.body.decode()}
        script.write("".join(f"wrk.{name} = {json.dumps(value)}\n" for name, value in told.items()) + REPORT)
        script.flush()
        headers = [f"-H{name}: {value}" for name, value in served.headers.items()]
        line = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", *headers, "-s", script.name, served.url]
        done = subprocess.run(line, capture_output=True, check=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["failed"] == 0, told
    return told["sent"] / told["seconds"], told["p50_ms"]


def measure(report: Report) -> None:
    """The whole way to prod; then the three servers in turn."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        workspace = Path(name)
        package, model = _to_prod(report, workspace)
        _stop(workspace)
        programs = Venvs(Workspace(workspace), lambda _: None).of_lock(package / "requirements.txt").programs
        body = (package / "sample_request.json").read_bytes()
        split = json.dumps({"dataframe_split": json.loads(body)["input_data"]}).encode()
        made: dict[str, Callable[[], Any]] = {
            "penstock": lambda: _package(package, programs, workspace, body),
            "mlflow": lambda: _mlflow(model, split),
            "FastAPI": lambda: _fastapi(package, workspace, body),
            "nothing": lambda: _package(_nothing(workspace), programs, workspace, body),
        }
        served = {who: servers.enter_context(start()) for who, start in made.items()}
        many: dict[str, list[tuple[float, float]]] = {who: [] for who in served}
        for _ in range(ROUNDS):
            for who, one in served.items():
                many[who].append(load(one, CONNECTIONS, SECONDS))
        rates = {who: statistics.median(rate for rate, _ in found) for who, found in many.items()}
        p50 = {who: statistics.median(latency for _, latency in found) for who, found in many.items()}
        own, note = rates["penstock"], f"{CONNECTIONS} connections, {rates['penstock']:.0f} requests/s"
        report.told("requests/s, penstock : mlflow", own / rates["mlflow"], f"{note}, mlflow {rates['mlflow']:.0f}")
        report.told("requests/s, penstock : FastAPI", own / rates["FastAPI"], f"FastAPI {rates['FastAPI']:.0f}")
        told = f"{p50['penstock']:.1f} ms, mlflow {p50['mlflow']:.0f} ms, FastAPI {p50['FastAPI']:.0f} ms"
        report.told("p50, mlflow : penstock", p50["mlflow"] / p50["penstock"], told)
        starts = {who: one.start_s for who, one in served.items()}
        told = f"{starts['penstock']:.1f} s, mlflow {starts['mlflow']:.1f} s, FastAPI {starts['FastAPI']:.1f} s"
        report.told("start, mlflow : penstock", starts["mlflow"] / starts["penstock"], told)
        alone = {who: load(served[who], 1, SECONDS)[1] for who in ("penstock", "nothing")}
        parts = json.loads(
            subprocess.run(
                [str(programs / "python"), "-B", "-c", PARTS], cwd=package, capture_output=True, check=True, text=True
            ).stdout.splitlines()[-1]
        )
        shown = ", ".join(f"{part} {value:.3f}" for part, value in parts.items())
        print(
            f"a request alone: {alone['penstock']:.2f} ms, of which the server itself {alone['nothing']:.2f} ms "
            f"(a score.py that does nothing); in ms: {shown}"
        )


def _to_prod(report: Report, workspace: Path) -> tuple[Path, Path]:
    """What `make run` does, in a fresh workspace: the loop, staging, prod. The package and the model's folder."""
    began = time.perf_counter()
    place = ["--workspace", str(workspace)]
    ridge = ["--set", "inputs.estimator=Ridge", "--format", "json"]
    own = str(PENSTOCK)
    done = subprocess.run([own, "run", str(JOB), *ridge, *place], capture_output=True, check=True)
    for stage in ("staging", "prod"):
        subprocess.run([own, "release", "last", "--to", stage, *place], capture_output=True, check=True)
    report.told("make run, to prod", time.perf_counter() - began, "a fresh workspace, its environment made too")
    outputs = json.loads(done.stdout)["outputs"]
    return Path(outputs["package"]), Path(outputs["model"])


def _stop(workspace: Path) -> None:
    line = [str(PENSTOCK), "endpoints", "stop", "--all", "--workspace", str(workspace)]
    subprocess.run(line, capture_output=True, check=True)


@contextmanager
def _package(package: Path, programs: Path, workspace: Path, body: bytes) -> Iterator[Served]:
    """As `penstock release` starts it: the inference server on a socket that it inherits, with settings and a key."""
    config, key = workspace / "gunicorn.conf.py", workspace / "key"
    config.write_text(SETTINGS)
    key.touch(mode=0o600)
    key.write_text("a-key\n")
    with closing(sockets.private()) as listening:
        number, port = listening.fileno(), sockets.port_of(listening)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK")},
            "AML_APP_ROOT": str(package),
            "AZUREML_MODEL_DIR": str(package),
            "GUNICORN_CMD_ARGS": f"--config {config}",
            "PENSTOCK_KEY_FILE": str(key),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        server = [str(programs / "python"), str(programs / "azmlinfsrv"), "--entry_script", "score.py"]
        line = [sys.executable, "-I", "-S", str(ACTIVATE), str(number), *server, "--worker_count", str(WORKERS)]
        url = f"http://127.0.0.1:{port}/score"
        with running(line, url, body, "a-key", cwd=package, env=environment, pass_fds=(number,)) as served:
            yield served


def _nothing(workspace: Path) -> Path:
    folder = workspace / "nothing"
    folder.mkdir()
    (folder / "score.py").write_text(NOTHING)
    return folder


@contextmanager
def _mlflow(model: Path, body: bytes) -> Iterator[Served]:
    port = _free_port()
    line = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "--env-manager", "local"]
    line += ["-m", str(model), "-h", "127.0.0.1", "-p", str(port), "-w", str(WORKERS)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with running(line, f"http://127.0.0.1:{port}/invocations", body, env={**os.environ, "PATH": path}) as served:
        yield served


@contextmanager
def _fastapi(package: Path, workspace: Path, body: bytes) -> Iterator[Served]:
    folder = workspace / "fastapi"
    folder.mkdir()
    names = {"PACKAGE": repr(str(package)), "MANIFEST": repr(str(package / "manifest.json"))}
    text = "".join(f"{name} = {value}\n" for name, value in names.items()) + FASTAPI
    (folder / "app.py").write_text(text)
    port = _free_port()
    line = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--workers", str(WORKERS)]
    url = f"http://127.0.0.1:{port}/score"
    with running([*line, "--log-level", "warning"], url, body, cwd=folder) as served:
        yield served


def _free_port() -> int:
    with closing(sockets.private()) as found:
        return sockets.port_of(found)
