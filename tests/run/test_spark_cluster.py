"""A spark step on a standalone cluster of this machine: one master, two workers, all on loopback."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock.store.spark import local_spark

pytestmark = [pytest.mark.spark, pytest.mark.cluster]
PENSTOCK = Path(sys.executable).with_name("penstock")
PIPELINE = """\
type: pipeline
jobs:
  spread:
    type: spark
    code: ./src
    entry: {file: spread.py}
    args: --out ${{outputs.out}}
    outputs:
      out: {type: uri_folder, mode: direct}
    conf:
      spark.driver.cores: 1
      spark.driver.memory: 512m
      spark.executor.cores: 1
      spark.executor.memory: 512m
      spark.executor.instances: 2
    resources: {instance_type: standard_e4s_v3, runtime_version: "3.5"}
"""
SPREAD = """\
import argparse
import os
import time

from pyspark import BarrierTaskContext, SparkFiles
from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
parser.add_argument("--out")
args = parser.parse_args()
session = SparkSession.builder.getOrCreate()


def executor(_):
    context = BarrierTaskContext.get()
    context.barrier()  # both tasks run at the same time, so on two executors of one core each
    yield os.path.basename(os.path.dirname(SparkFiles.getRootDirectory())), os.getppid()


found = session.sparkContext.parallelize(range(2), 2).barrier().mapPartitions(executor).collect()
assert len(set(parent for _, parent in found)) == 2, found
session.createDataFrame([(session.sparkContext.master,)], ["master"]).coalesce(1).write.text(args.out)
"""
WAIT = """\
import time

from pyspark.sql import SparkSession

session = SparkSession.builder.getOrCreate()


def wait(_):
    print("waits", flush=True)
    time.sleep(600)
    yield 0


print("started", flush=True)
session.sparkContext.parallelize(range(2), 2).mapPartitions(wait).collect()
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(what: Callable[[], Any], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.1)
    return found


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.started: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._start("Master", "--port", str(self.port), "--webui-port", "0")
        until(lambda: "I have been elected leader" in self.log("Master-0"))
        for number in (1, 2):
            folder = self.folder / f"worker-{number}"
            self._start("Worker", "-c", "1", "-m", "1g", "-d", str(folder), "--webui-port", "0", self.url)
        for number in (1, 2):
            until(lambda number=number: "Successfully registered with master" in self.log(f"Worker-{number}"))

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def _start(self, what: str, *arguments: str) -> None:
        spark = local_spark()
        assert spark is not None
        kind = what.lower()
        line = [str(spark.home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}.{what}"]
        environment = {
            **os.environ,
            "SPARK_HOME": str(spark.home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_NO_DAEMONIZE": "1",
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
        }
        with (self.folder / f"{what}-{len(self.started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*line, "--host", "127.0.0.1", *arguments], stdout=log, stderr=subprocess.STDOUT, env=environment
            )
        self.started.append(process)

    def executors(self) -> list[psutil.Process]:
        """The processes that the workers have started and that still live."""
        found: list[psutil.Process] = []
        for process in self.started:
            with suppress(psutil.NoSuchProcess):
                found += psutil.Process(process.pid).children(recursive=True)
        return found

    def stop(self) -> None:
        below = self.executors()
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            process.wait(30)
        for process in below:
            with suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def project(folder: Path, script: str) -> Path:
    (folder / "src").mkdir()
    (folder / "src" / "spread.py").write_text(script)
    (folder / "pipeline.yml").write_text(PIPELINE)
    return folder / "pipeline.yml"


def test_two_executors_take_part(cluster: Cluster, tmp_path: Path, penstock: Callable[..., Any]) -> None:
    ended = penstock("run", project(tmp_path, SPREAD), "--spark-master", cluster.url, "--format", "json")
    nodes = ended.json["nodes"]
    assert ended.code == 0, ended.stderr + Path(nodes[0]["log"]).read_text()
    assert "mean nothing to" not in ended.stderr
    (written,) = Path(nodes[0]["outputs"]["out"]).glob("part-*")
    assert written.read_text().strip() == cluster.url
    launched = re.findall(r"Launching executor \S+ on worker (\S+)", cluster.log("Master-0"))
    assert len(set(launched)) == 2, "an executor on each worker"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["cancelled", "killed"])
def test_nothing_is_left_of_a_step_that_is_ended(cluster: Cluster, tmp_path: Path, number: signal.Signals) -> None:
    file, workspace = project(tmp_path, WAIT), tmp_path / "ws"
    line = [PENSTOCK, "run", file, "--workspace", workspace, "--spark-master", cluster.url]
    engine = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: any("started" in log.read_text() for log in workspace.glob("runs/*/nodes/*/attempt-1/std_log.txt")))
    own = until(lambda: psutil.Process(engine.pid).children(recursive=True))
    executors = until(cluster.executors)
    engine.send_signal(number)
    engine.wait(60)
    until(lambda: not any(process.is_running() and process.status() != "zombie" for process in own))
    until(lambda: not any(process.is_running() and process.status() != "zombie" for process in executors))
