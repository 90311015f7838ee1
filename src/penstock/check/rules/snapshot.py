"""PS6xx: what `code:` and `additional_includes:` upload."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from penstock.check.coded import coded
from penstock.check.memory import remembered
from penstock.check.rule import Told, rule
from penstock.check.snapshots import Snapshot, snapshot_of
from penstock.check.subject import Subject
from penstock.graph.coded import Coded, Scripted
from penstock.spec.files import SnapshotFile
from penstock.spec.place import Place

_LARGE = 100_000_000
_LARGE_FILE = 1_000_000
_SECRET = re.compile(
    r"(^|/)(\.env(\.(local|prod|production|dev|development|staging))?|id_(rsa|dsa|ecdsa|ed25519)|\.netrc|\.pypirc"
    r"|[^/]*\.(pfx|p12)|[^/]*(key|private)[^/]*\.pem|azureProfile\.json|msal_token_cache\.(json|bin)|accessTokens\.json"
    r"|\.azure/[^/]*(oken|rofile)[^/]*|\.aws/credentials|\.ssh/[^/]+|\.git-credentials)$"
)
_MACHINE_MADE = {".git", ".venv", "venv", "site-packages", "node_modules", ".ipynb_checkpoints", ".mypy_cache"}
_MACHINE_MADE |= {".pytest_cache", ".ruff_cache", ".tox", ".nox", "mlruns", ".eggs", ".idea", ".vscode", ".penstock"}
_DATA = {".csv", ".tsv", ".parquet", ".feather", ".arrow", ".avro", ".orc", ".jsonl", ".xlsx", ".npy", ".npz", ".zip"}
_DATA |= {".gz", ".tar", ".7z", ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".onnx", ".h5", ".keras", ".safetensors"}
_DATA |= {".ckpt", ".bin", ".pb", ".tflite", ".skops", ".mp4", ".wav", ".sqlite", ".db"}
_FIX = "Name it in .amlignore, or let code: be a smaller folder."


@rule("PS601", "A large snapshot", "warning")
def large(subject: Subject) -> Iterator[Told]:
    for component, snapshot in _snapshots(subject):
        sizes = {file: _size(subject, file.path) for file in snapshot.files}
        total = sum(sizes.values())
        if total > _LARGE:
            biggest = max(sizes, key=lambda file: (sizes[file], file.name))
            message = (
                f"{component.name}: the snapshot has {total / 1e6:.0f} MB in {len(sizes)} files; "
                f"the largest is '{biggest.name}' ({sizes[biggest] / 1e6:.0f} MB)."
            )
            yield Told(message, _place(component), _FIX)


@rule("PS602", "A file of secrets in the snapshot", "warning")
def secret_files(subject: Subject) -> Iterator[Told]:
    yield from _named(subject, lambda file: bool(_SECRET.search(file.name)), "what looks like secrets")


@rule("PS603", "Files in the snapshot that a tool has made", "warning")
def made_by_tools(subject: Subject) -> Iterator[Told]:
    for component, snapshot in _snapshots(subject):
        counts: dict[str, int] = {}
        for file in snapshot.files:
            folder = next((part for part in PurePosixPath(file.name).parts[:-1] if part in _MACHINE_MADE), None)
            if folder is not None:
                counts[folder] = counts.get(folder, 0) + 1
        if counts:
            told = ", ".join(f"{folder} ({count} file{'s' * (count > 1)})" for folder, count in sorted(counts.items()))
            yield Told(f"{component.name}: the snapshot holds {told}.", _place(component), _FIX)


@rule("PS604", "Data or a model in the snapshot", "warning")
def data_files(subject: Subject) -> Iterator[Told]:
    def is_data(file: SnapshotFile) -> bool:
        suffix = PurePosixPath(file.name).suffix.lower()
        return suffix in _DATA and _size(subject, file.path) > _LARGE_FILE

    fix = "Give it to the step as an input, so that it is uploaded once and has a version."
    yield from _named(subject, is_data, "data or models over 1 MB", fix)


@rule("PS605", "A symbolic link that leads nowhere")
def dead_links(subject: Subject) -> Iterator[Told]:
    def is_dead(file: SnapshotFile) -> bool:
        return subject.files.is_symlink(file.path) and not subject.files.is_file(file.path)

    yield from _named(subject, is_dead, "links to nothing or to a folder around them", "Remove the link.")


@rule("PS606", "A symbolic link out of the snapshot", "warning")
def links_out(subject: Subject) -> Iterator[Told]:
    for component, snapshot in _snapshots(subject):
        if isinstance(component, Scripted) and component.kind == "parallel":
            continue  # Azure's client knows no additional_includes there: a link is the way to share code
        roots = [
            os.path.normpath(component.folder / str(root))
            for root in (component.code.path, *(include.value for include in component.code.includes))
            if root is not None
        ]
        inside = [subject.files.real(Path(root)) for root in roots]
        links = {file.path.parents[depth] for file in snapshot.files for depth in range(file.name.count("/"))}
        links = {path for path in links if subject.files.is_symlink(path)}
        found = [
            file.name
            for file in snapshot.files
            if (subject.files.is_symlink(file.path) or links.intersection(file.path.parents))
            and subject.files.is_file(file.path)
            and not any(subject.files.real(file.path).is_relative_to(root) for root in inside)
        ]
        if found:
            message = f"{component.name}: the snapshot takes {_some(found)} from elsewhere, through a symbolic link."
            yield Told(message, _place(component), "Name what is meant in additional_includes:.")


@rule("PS607", "The snapshot is the whole repository", "warning")
def whole_repository(subject: Subject) -> Iterator[Told]:
    for component, _ in _snapshots(subject):
        if component.code.path is None:
            continue
        root = Path(os.path.normpath(component.folder / component.code.path))
        if subject.files.is_dir(root / ".git") or subject.files.is_file(root / ".git"):
            message = f"{component.name}: the code '{component.code.path}' is the root of the repository."
            fix = "Let code: be the step's own folder, and name what it shares in additional_includes:."
            yield Told(message, component.code.path_place, fix)


@rule("PS608", "An additional include that is in code: already")
def collision(subject: Subject) -> Iterator[Told]:
    for component in coded(subject):
        if component.code.path is None or snapshot_of(component, subject) is None:
            continue
        root = component.folder / component.code.path
        for include in component.code.includes:
            name = PurePosixPath(os.path.normpath(str(include.value))).name
            taken, source = root / name, component.folder / str(include.value)
            if name and subject.files.is_dir(root) and _exists(subject, taken) and not _same(subject, taken, source):
                message = (
                    f"{component.name}: '{name}' is in the code folder already; Azure's client refuses the include."
                )
                yield Told(message, include.place, "Remove the include, or rename one of the two.")


def _same(subject: Subject, taken: Path, source: Path) -> bool:
    """Whether what stands in the code folder is a link to the included thing itself: the client lets that pass."""
    return subject.files.is_symlink(taken) and subject.files.real(taken) == subject.files.real(source)


def _exists(subject: Subject, path: Path) -> bool:
    return subject.files.is_file(path) or subject.files.is_dir(path)


def _snapshots(subject: Subject) -> Iterator[tuple[Coded, Snapshot]]:
    for component in coded(subject):
        snapshot = snapshot_of(component, subject)
        if snapshot is not None and snapshot.files:
            yield component, snapshot


def _named(subject: Subject, look: Callable[[SnapshotFile], bool], what: str, fix: str = _FIX) -> Iterator[Told]:
    """Tell a component whose snapshot has files that `look` knows."""
    for component, snapshot in _snapshots(subject):
        found = [file.name for file in snapshot.files if look(file)]
        if found:
            yield Told(f"{component.name}: the snapshot holds {what}: {_some(found)}.", _place(component), fix)


def _some(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _place(component: Coded) -> Place:
    code = component.code
    return code.path_place if code.path is not None else code.includes[0].place


def _size(subject: Subject, path: Path) -> int:
    def look() -> int:
        try:
            return subject.files.size(path)
        except (OSError, ValueError):
            return 0

    return remembered(subject, ("size", path), look)
