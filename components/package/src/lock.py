"""What a package is served by: the part of the scoring lock that its model needs.

The snapshot holds the folder environments/scoring as `scoring/`: requirements.txt, in which every distribution is
pinned with its hashes, and distributions.json, which tells what each of them needs. `make lock` writes both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_steps.errors import StepError

FOLDER = Path(__file__).with_name("scoring")
SERVER = "azureml-inference-server-http"
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", re.ASCII)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})", re.ASCII)
_NOT_SCORING = ("mlflow", "mlflow-skinny")  # MLflow writes models; score.py reads them without it


@dataclass(frozen=True)
class Locked:
    """A distribution of the lock.

    Attributes:
        name: canonical, as in PEP 503.
        version: the one that is pinned.
        entry: its lines in requirements.txt, as they stand there.
        hashes: the SHA-256 of each of its files, 64 hex digits.
        license: as its metadata has it, or None.
        needs: the names of those that it needs itself.
    """

    name: str
    version: str
    entry: str
    hashes: tuple[str, ...]
    license: str | None
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Lock:
    """The whole lock; `python` is the version that it was made for, `3.11`."""

    python: str
    distributions: Mapping[str, Locked]


def read_lock() -> Lock:
    """Read what `FOLDER` holds. Raises StepError if a file is missing, or if the two do not fit each other."""
    try:
        described = json.loads((FOLDER / "distributions.json").read_text(encoding="utf-8"))
        entries = _entries((FOLDER / "requirements.txt").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StepError(f"{error.filename} is missing; the component includes environments/scoring") from None
    locked = {}
    for name, about in described["distributions"].items():
        entry = entries.get((name, about["version"]))
        if entry is None:
            raise StepError(f"the scoring lock does not pin {name}=={about['version']}; run make lock")
        hashes = tuple(sorted(_HASH.findall(entry)))
        locked[name] = Locked(name, about["version"], entry, hashes, about["license"], tuple(about["needs"]))
    return Lock(described["python"], locked)


def roots(lock: Lock, model: Path, scoring: Mapping[str, Any]) -> list[str]:
    """What is asked for by name: the libraries that this model is loaded and called with. The server comes on top.

    Args:
        lock: what there is to serve with.
        model: the model folder, whose requirements.txt says what it was trained with.
        scoring: the manifest's; a pickle needs no skops, a model whose rows are `array` no pandas.

    Raises:
        StepError: the model pins something loosely, that the lock has not, or in another version; all such are named.
    """
    needless = {*_NOT_SCORING}
    needless |= {"skops"} if scoring["serialization"] != "skops" else set()
    needless |= {"pandas"} if scoring.get("rows") == "array" else set()
    wanted = {name: version for name, version in _pins(model).items() if name not in needless}
    wrong = []
    for name, version in wanted.items():
        has = lock.distributions[name].version if name in lock.distributions else None
        if has is None:
            wrong.append(f"it needs {name}, which packages are not served with")
        elif has != version:
            wrong.append(f"it was trained with {name} {version}, packages are served with {has}")
    if wrong:
        raise StepError(
            f"the model does not fit the scoring lock (environments/scoring/requirements.in): {'; '.join(wrong)}. "
            "Train it in the environment of the lock, or change requirements.in and run make lock"
        )
    return sorted(wanted)


def closure(lock: Lock, names: Iterable[str]) -> list[Locked]:
    """The distributions of `names` and whatever they need, in the order of their names."""
    found: dict[str, Locked] = {}
    todo = [*names]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = lock.distributions[name]
            todo += found[name].needs
    return [found[name] for name in sorted(found)]


def _pins(model: Path) -> dict[str, str]:
    try:
        text = (model / "requirements.txt").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StepError("the model has no requirements.txt, which a package needs; train it again") from None
    lines = [line for line in (line.partition("#")[0].strip() for line in text.splitlines()) if line]
    loose = [line for line in lines if not _PIN.fullmatch(line)]
    if loose:
        raise StepError(f"the model's requirements do not pin {', '.join(loose)}; train the model again")
    return {_canonical(name): version for name, version in (line.split("==") for line in lines)}


def _entries(text: str) -> dict[tuple[str, str], str]:
    """The lines of each pin, by its name and version."""
    found: dict[tuple[str, str], str] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            lines.append(line)
            if not line.endswith("\\"):
                pin = _PIN.match(lines[0])
                if pin:
                    found[_canonical(pin[1]), pin[2]] = "\n".join(lines)
                lines = []
    return found


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
