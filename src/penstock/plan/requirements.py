"""What of a conda file pip can install: the requirements of a virtual environment. Pure."""

from __future__ import annotations

import os
import re
from pathlib import Path

from msgspec import Struct

from penstock.graph.coded import Coded
from penstock.spec.files import Files
from penstock.spec.source import Mapping, Node, Scalar, Sequence, parse, scalar_text

# What conda names otherwise than the Python package index.
_NAMES = {
    "pytorch": "torch",
    "py-xgboost": "xgboost",
    "matplotlib-base": "matplotlib",
    "opencv": "opencv-python",
    "py-opencv": "opencv-python",
    "pytables": "tables",
    "msgpack-python": "msgpack",
    "python-dateutil": "python-dateutil",
}
# What is no Python package, or is there with every interpreter.
_LEFT_OUT = {"pip", "cudatoolkit", "cuda", "cudnn", "pytorch-cuda", "gcc", "gxx", "cmake", "make", "openmpi", "mpi"}
_LEFT_OUT |= {"libgcc", "libgcc-ng", "libstdcxx-ng", "openssl", "git", "openjdk", "nodejs", "r-base", "mkl", "blas"}
_CONDA = re.compile(r"(?:[\w.-]+(?:/[\w-]+)?::)?(?P<name>[A-Za-z0-9_][\w.-]*)\s*(?P<version>[^\[]*)(?:\[.*\])?")


class Requirements(Struct, frozen=True):
    """A virtual environment's content.

    Attributes:
        python: the interpreter's version as the file says it, None if any will do.
        lines: requirements as pip reads them; relative paths in them count from `folder`.
        left_out: what conda would install and pip cannot.
    """

    python: str | None
    lines: tuple[str, ...]
    left_out: tuple[str, ...]
    folder: Path


def requirements_of(component: Coded, files: Files) -> Requirements | None:
    """What the component's environment installs; None if it names no conda file. Raises OSError."""
    node, folder = component.environment, component.folder
    if isinstance(node, Scalar) and scalar_text(node).startswith("file:"):
        path = Path(os.path.normpath(folder / scalar_text(node).removeprefix("file:")))
        node, folder = parse(files.read(path), str(path)).root, path.parent
    conda = node.get("conda_file") if isinstance(node, Mapping) else None
    if isinstance(conda, Scalar) and conda.value is not None:
        path = Path(os.path.normpath(folder / scalar_text(conda).removeprefix("file:")))
        conda, folder = parse(files.read(path), str(path)).root, path.parent
    return read_requirements(conda, folder) if isinstance(conda, Mapping) else None


def read_requirements(conda: Mapping, folder: Path) -> Requirements:
    """The requirements in the content of a conda file."""
    python: str | None = None
    lines: list[str] = []
    left_out: list[str] = []
    for item in _items(conda.get("dependencies")):
        if isinstance(item, Mapping):
            lines += [scalar_text(line).strip() for line in _items(item.get("pip")) if isinstance(line, Scalar)]
            continue
        text = scalar_text(item).strip() if isinstance(item, Scalar) else ""
        found = _CONDA.fullmatch(text)
        if found is None:
            left_out.append(text)
        elif found["name"].lower() == "python":
            python = found["version"].strip().lstrip("=~").strip() or None
        elif found["name"].lower() in _LEFT_OUT:
            left_out += [] if found["name"].lower() == "pip" else [text]
        else:
            name = found["name"].lower()
            lines.append(_NAMES.get(name, name) + _version(found["version"].strip()))
    return Requirements(python, tuple(lines), tuple(left_out), folder)


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _version(conda: str) -> str:
    """A version of conda as pip says it: `=1.2` is `==1.2.*`, a build string is dropped, `|` has no counterpart.

    Source: conda's "Package match specifications" (conda documentation).
    """
    if not conda or "|" in conda:
        return ""
    if conda.startswith("==") or conda[0] in "<>!~":
        return conda.replace(" ", "").replace("=*", "")
    version = conda.lstrip("=").strip().split("=")[0].split()[0]
    exact = conda.startswith("==") or version.endswith("*") or version.count(".") >= 2
    return f"=={version}" if exact else f"=={version}.*"
