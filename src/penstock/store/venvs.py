"""Virtual environments of conda files, made by uv: cache/envs/<content>/, shared by nodes and runs, made once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from penstock.errors import RunError
from penstock.plan.requirements import Requirements
from penstock.store.workspace import Workspace

_TAIL_LINES = 15


class Venv(Struct, frozen=True):
    """A virtual environment. `lock` is what is installed in it, line by line."""

    path: Path
    lock: str

    @property
    def programs(self) -> Path:
        return self.path / "bin"

    @property
    def interpreter(self) -> str:
        """One line that changes when anything installed does."""
        return f"venv {hashlib.sha256(self.lock.encode()).hexdigest()}"


class Venvs:
    """The virtual environments of a workspace."""

    def __init__(self, workspace: Workspace, told: Callable[[str], None]) -> None:
        self._root = workspace.cache / "envs"
        self._told = told
        self._uv = _find_uv()

    def of(self, wanted: Requirements) -> Venv:
        """The environment, made now if it is not there. Raises RunError with uv's words if it cannot be made."""
        folder = self._root / _name(wanted)
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the one that comes second finds it made
            if not (folder / "lock.txt").exists():
                shutil.rmtree(folder, ignore_errors=True)  # a machine that died while it was made
                self._make(folder, wanted)
        return Venv(folder, (folder / "lock.txt").read_text(encoding="utf-8"))

    def of_lock(self, lock: Path) -> Venv:
        """That of a requirements file whose every line has its hashes. Raises OSError, and RunError as `of`."""
        lines = tuple(lock.read_text(encoding="utf-8").splitlines())
        return self.of(Requirements(None, lines, (), lock.parent))

    def made(self, wanted: Requirements) -> Venv | None:
        """The environment, if it is there."""
        lock = self._root / _name(wanted) / "lock.txt"
        return Venv(lock.parent, lock.read_text(encoding="utf-8")) if lock.exists() else None

    def _make(self, folder: Path, wanted: Requirements) -> None:
        count = sum("==" in line or "@" in line or not line.startswith((" ", "-", "#")) for line in wanted.lines)
        self._told(f"making the environment of {wanted.folder} ({count} requirements), once")
        python = wanted.python or f"{sys.version_info.major}.{sys.version_info.minor}"
        self._run(["venv", "--quiet", "--python", python, str(folder)], wanted.folder)
        listed = folder / "requirements.txt"
        listed.write_text("".join(f"{line}\n" for line in wanted.lines), encoding="utf-8")
        interpreter = str(folder / "bin" / "python")
        if wanted.lines:
            # a lock is installed to be served by: many starts, none of which writes into it
            is_lock = any("--hash=" in line for line in wanted.lines)
            options = ["--require-hashes", "--compile-bytecode"] if is_lock else []
            line = ["pip", "install", "--quiet", "--python", interpreter, *options, "-r", str(listed)]
            self._run(line, wanted.folder)
        frozen = self._run(["pip", "freeze", "--quiet", "--python", interpreter], wanted.folder)
        version = subprocess.run([interpreter, "-VV"], capture_output=True, text=True, check=True).stdout
        temporary = folder / ".lock.txt"
        temporary.write_text(version + frozen, encoding="utf-8")
        temporary.rename(folder / "lock.txt")  # last: what has no lock is not whole

    def _run(self, arguments: list[str], folder: Path) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        done = subprocess.run(
            [self._uv, *arguments], capture_output=True, text=True, check=False, cwd=folder, env=environment
        )
        if done.returncode != 0:
            said = "\n".join(f"    {line}" for line in done.stderr.strip().splitlines()[-_TAIL_LINES:])
            raise RunError(f"the environment of {folder} cannot be made (uv {arguments[0]}):\n{said}")
        return done.stdout


def _name(wanted: Requirements) -> str:
    """Equal content, equal name; what files of the folder say is part of it."""
    named = [wanted.folder / word for line in wanted.lines for word in line.split()]
    contents = [path.read_text(encoding="utf-8") for path in named if path.suffix == ".txt" and path.is_file()]
    text = json.dumps([wanted.python, wanted.lines, contents, sys.platform, sys.version_info[:2]])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _find_uv() -> str:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which("uv", path=places)
    if found is None:
        raise RunError("environments are made with uv, which is not on this machine: pip install uv")
    return found
