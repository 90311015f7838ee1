"""Builds and runs images with buildah: no daemon, no registry, and nothing left outside the folder that is given."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ctypes import CDLL, get_errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
BASE = ROOT / ".tools" / "image" / "base.tar"
PIP = ROOT / ".tools" / "bin" / "python"
SETUP = "`make setup-image` sets it up, for root on Debian"
# Network, processes and mounts of its own: port and processes of a container are nobody else's, and go when it goes.
APART = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]


def lacking() -> str | None:
    """Why images cannot be built here, or None."""
    if os.geteuid() != 0:
        return f"images are built by root only; {SETUP}"
    missing = [name for name in ("buildah", "unshare", "ip") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found; {SETUP}"
    if not BASE.is_file():
        return f"no base image ({BASE.relative_to(ROOT)}); {SETUP}"
    tried = subprocess.run([*APART, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"this machine allows no namespaces: {tried.stderr.strip()}"


def _listens(pid: int, port: int) -> bool:
    """Whether a process holds the socket that listens on a port of its own network (psutil knows this one's only)."""
    here = Path("/proc") / str(pid)
    rows = [line.split() for line in (here / "net" / "tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].partition(":")[2], 16) == port}
    return any(str(entry.readlink()) in sockets for entry in (here / "fd").iterdir())


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


@dataclass
class Running:
    """A container that runs its image's own command."""

    process: subprocess.Popen[bytes]
    root: Path
    log: Path
    port: int
    _inside: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._inside = ThreadPoolExecutor(1, initializer=self._enter)

    def _enter(self) -> None:
        """Put this thread, and it alone, into the container's network."""
        with Path(f"/proc/{self.server().pid}/ns/net").open("rb") as space:
            if CDLL(None, use_errno=True).setns(space.fileno(), 0) != 0:
                raise OSError(get_errno(), "setns")

    def servers(self) -> list[psutil.Process]:
        """The image's processes, the first that it started first."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [process for process in below if process.name().startswith(("azmlinfsrv", "python"))]

    def server(self, seconds: float = 60) -> psutil.Process:
        """The process that listens."""
        for _ in range(int(seconds * 10)):
            for process in self.servers():
                if _listens(process.pid, self.port):
                    return process
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"nobody listens on {self.port}:\n{self.log.read_text()}")

    def ask(self, path: str, body: bytes | None = None) -> Answer:
        return self._inside.submit(self._ask, path, body).result(timeout=60)

    def _ask(self, path: str, body: bytes | None) -> Answer:
        assert threading.current_thread() is not threading.main_thread()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                text, status = answer.read(), answer.status
        except urllib.error.HTTPError as error:
            text, status = error.read(), error.code
        return Answer(status, json.loads(text) if text[:1] in b"[{" else text.decode())

    def terminate(self) -> int:
        """What `docker stop` does: SIGTERM to the image's first process. Returns the exit code of `buildah run`."""
        first = self.servers()[0]
        first.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def close(self) -> None:
        self._inside.shutdown()
        self.process.kill()  # what it has below goes with it
        self.process.wait(timeout=30)


@dataclass(frozen=True)
class Builder:
    """Images and containers in a folder of their own."""

    folder: Path

    def line(self, *arguments: str | Path) -> list[str]:
        store = ["--storage-driver", "vfs", "--root", self.folder / "root", "--runroot", self.folder / "runroot"]
        return [str(part) for part in ["buildah", *store, *arguments]]

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(self.folder / "tmp")}

    def ended(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        line = self.line(*arguments)
        return subprocess.run(line, capture_output=True, text=True, check=False, env=self.environment)

    def __call__(self, *arguments: str | Path) -> str:
        done = self.ended(*arguments)
        assert done.returncode == 0, f"buildah {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()

    def base(self) -> str:
        """The image that BASE holds the files of."""
        container = self("from", "scratch")
        self("add", container, BASE, "/")
        return self("commit", "--quiet", "--rm", container, "localhost/penstock-test-base")

    def build(self, package: Path, base: str, wheels: Path) -> str:
        """The image of a package, by its own Dockerfile; pip takes wheels of a folder that it does not hold."""
        settings = self.folder / "pip.conf"
        settings.write_text("[global]\nno-index = true\nfind-links = /mnt/wheels\n")
        mounts = [f"--volume={settings}:/etc/pip.conf:ro", f"--volume={wheels}:/mnt/wheels:ro"]
        how = ["--isolation=chroot", "--no-cache", "--timestamp=0", f"--build-arg=BASE={base}"]
        written = self.folder / "image-id"
        self("build", *how, *mounts, f"--iidfile={written}", package)
        return written.read_text().strip().removeprefix("sha256:")

    def inspect(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("inspect", "--type=image", image))
        return {**found["OCIv1"], "manifest": json.loads(found["Manifest"])}

    def container(self, image: str) -> tuple[str, Path]:
        """A container of an image, and the folder with its files, which are copied: some seconds for each."""
        name = self("from", "--pull-never", image)
        return name, Path(self("mount", name))

    @contextmanager
    def running(self, image: str) -> Iterator[Running]:
        """Run an image's command as `docker run` would; its network has a loopback and nothing else."""
        name, root = self.container(image)
        config = self.inspect(image)["config"]
        [port] = [int(re.sub("/tcp$", "", port)) for port in config["ExposedPorts"]]
        log = self.folder / f"{name}.log"
        line = self.line("run", "--isolation=chroot", name, "--", *config["Cmd"])
        started = [*APART, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *line]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                started, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self.environment
            )
        running = Running(process, root, log, port)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def builder(folder: Path) -> Iterator[Builder]:
    """A builder whose images, gigabytes as vfs keeps them, are removed at the end."""
    (folder / "tmp").mkdir(parents=True)
    made = Builder(folder)
    try:
        yield made
    finally:
        made.ended("rm", "--all")
        shutil.rmtree(folder)


def download(requirements: Path, wheels: Path, python: str) -> None:
    """The wheels of a lock, from wherever this machine's pip takes them; the hashes are checked."""
    what = ["--require-hashes", "--no-deps", "--only-binary=:all:", f"--python-version={python}"]
    line = [PIP, "-m", "pip", "download", "--quiet", *what, "--requirement", requirements, "--dest", wheels]
    subprocess.run(line, check=True)


def tree(root: Path) -> Mapping[str, tuple[str, ...]]:
    """What lies below a folder: kind and rights, owner, size, digest or target of each path."""
    found = {}
    for folder, _, names in os.walk(root):
        for path in [Path(folder), *(Path(folder) / name for name in names)]:
            known = path.lstat()
            what = "-"
            if stat.S_ISLNK(known.st_mode):
                what = str(path.readlink())
            elif stat.S_ISREG(known.st_mode):
                what = hashlib.sha256(path.read_bytes()).hexdigest()
            owner = f"{known.st_uid}:{known.st_gid}"
            size = str(known.st_size if stat.S_ISREG(known.st_mode) else 0)
            found[path.relative_to(root).as_posix()] = (stat.filemode(known.st_mode), owner, size, what)
    return found
