"""Starts a step of the library the way a job does: as a process in a snapshot of its files."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
COMPONENTS = ROOT / "components"


@dataclass(frozen=True)
class Ended:
    """A finished step."""

    code: int
    stdout: str
    stderr: str


def snapshot(step: str, folder: Path) -> Path:
    """What `code:` and `additional_includes:` of the component put side by side."""
    made = shutil.copytree(COMPONENTS / step / "src", folder / step, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        COMPONENTS / "_shared" / "penstock_steps", made / "penstock_steps", ignore=shutil.ignore_patterns("__pycache__")
    )
    return made


def flags(**values: object) -> list[str]:
    """`min_rows=1` as `--min-rows 1`; None leaves a flag out."""
    pairs = [(f"--{name.replace('_', '-')}", str(value)) for name, value in values.items() if value is not None]
    return [text for pair in pairs for text in pair]


def start(code: Path, step: str, **values: object) -> Ended:
    """Run the entry point in its snapshot `code` to its end."""
    line = [sys.executable, f"{step}.py", *flags(**values)]
    done = subprocess.run(line, cwd=code, capture_output=True, text=True, check=False, timeout=120)
    return Ended(done.returncode, done.stdout, done.stderr)


def load(step: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The entry point as a module, beside its siblings; for cases too many to start a process for each."""
    source = COMPONENTS / step / "src"
    monkeypatch.syspath_prepend(source)
    spec = importlib.util.spec_from_file_location(step, source / f"{step}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
