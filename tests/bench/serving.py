"""The serving part of `make bench`: requests a second, beside `mlflow models serve` and a plain FastAPI app, one model.

All three serve the model that the loop has trained, two workers each, and are asked by a process of its own on 16
connections for one row at a time, in turn; medians of the rounds count. Then one connection, and where the time goes.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import Report

from penstock.release import sockets
from penstock.release.http import health
from penstock.store.venvs import Venvs
from penstock.store.workspace import Workspace

ROOT = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
JOB = ROOT / "pipelines" / "retrain_diabetes.yml"
ACTIVATE = ROOT / "src" / "penstock" / "release" / "activate.py"
CONNECTIONS, WORKERS, ROUNDS, SECONDS = 16, 2, 3, 3.0
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

    port: int
    path: str
    body: bytes
    start_s: float


@contextmanager
def running(line: list[str], port: int, path: str, body: bytes, **options: Any) -> Iterator[Served]:
    """A server from its start to its end. Its output goes nowhere."""
    began = time.perf_counter()
    null = subprocess.DEVNULL
    process = subprocess.Popen(line, start_new_session=True, stdin=null, stdout=null, stderr=null, **options)
    try:
        while not health(f"http://127.0.0.1:{port}") and not _is_up(port, path, body):
            if process.poll() is not None or time.perf_counter() > began + READY_S:
                raise RuntimeError(f"{line[0]} does not start")
            time.sleep(0.02)
        yield Served(port, path, body, time.perf_counter() - began)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_up(port: int, path: str, body: bytes) -> bool:
    try:
        return asyncio.run(_asked(port, path, body, 1, 0.0))[1] > 0
    except (OSError, RuntimeError):
        return False


async def _asked(port: int, path: str, body: bytes, connections: int, seconds: float) -> tuple[list[float], int]:
    """Latencies in seconds, and how many were answered with 200; each connection asks once at least."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    taken: list[float] = []
    good = 0
    end = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal good
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            is_open = True
            while is_open:
                began = time.perf_counter()
                writer.write(request)
                answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = next(line for line in answer.splitlines() if line.startswith("content-length:"))
                await reader.readexactly(int(length[15:]))
                taken.append(time.perf_counter() - began)
                good += " 200 " in answer.splitlines()[0]
                if time.perf_counter() >= end:
                    writer.close()
                    return
                is_open = "connection: close" not in answer
            writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return taken, good


def load(served: Served, connections: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and the median latency in ms; asked by another process. All must be answered with 200."""
    line = [sys.executable, __file__, str(served.port), served.path, str(connections), str(seconds)]
    done = subprocess.run(line, input=served.body, capture_output=True, check=True)
    told = json.loads(done.stdout)
    assert told["good"] == told["sent"], told
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
            "penstock": lambda: _package(package, programs, body),
            "mlflow": lambda: _mlflow(model, split),
            "FastAPI": lambda: _fastapi(package, workspace, body),
            "nothing": lambda: _package(_nothing(workspace), programs, body),
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
def _package(package: Path, programs: Path, body: bytes) -> Iterator[Served]:
    """As `penstock release` starts it: the inference server on a socket that it inherits."""
    with closing(sockets.private()) as listening:
        number, port = listening.fileno(), sockets.port_of(listening)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK")},
            "AML_APP_ROOT": str(package),
            "AZUREML_MODEL_DIR": str(package),
            "GUNICORN_CMD_ARGS": "--no-control-socket",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        server = [str(programs / "python"), str(programs / "azmlinfsrv"), "--entry_script", "score.py"]
        line = [sys.executable, "-I", "-S", str(ACTIVATE), str(number), *server, "--worker_count", str(WORKERS)]
        with running(line, port, "/score", body, cwd=package, env=environment, pass_fds=(number,)) as served:
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
    with running(line, port, "/invocations", body, env={**os.environ, "PATH": path}) as served:
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
    with running([*line, "--log-level", "warning"], port, "/score", body, cwd=folder) as served:
        yield served


def _free_port() -> int:
    with closing(sockets.private()) as found:
        return sockets.port_of(found)


def _client(port: int, path: str, connections: int, seconds: float) -> None:
    body = sys.stdin.buffer.read()
    asyncio.run(_asked(port, path, body, connections, 0.3))  # warm
    began = time.perf_counter()
    taken, good = asyncio.run(_asked(port, path, body, connections, seconds))
    spent = time.perf_counter() - began
    print(json.dumps({"sent": len(taken), "good": good, "seconds": spent, "p50_ms": statistics.median(taken) * 1000}))


if __name__ == "__main__":
    _client(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
