"""What a conda file brings: the packages that conda and pip are told to install. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

from penstock.spec.place import Place
from penstock.spec.source import Mapping, Node, Scalar, Sequence, scalar_text


class Package(Struct, frozen=True):
    """A package as a conda file names it.

    `name` is in small letters with `-`; `pinned`: to one version, nearly; `extras`: with what its extras bring.
    """

    name: str
    pinned: bool
    extras: bool
    place: Place


class Conda(Struct, frozen=True):
    """A conda file. `local` are files that it points at; `opaque`: it also brings what it does not name."""

    packages: tuple[Package, ...]
    local: tuple[Scalar, ...]
    opaque: bool


def read_conda(root: Node | None) -> Conda | str:
    """The conda file with the content `root`, or what is wrong with it, in words."""
    if not isinstance(root, Mapping):
        return "is no conda file: it is not an object with dependencies:"
    listed = root.get("dependencies")
    if not isinstance(listed, Sequence) or not listed.items:
        return "has no dependencies:" if listed is None else "has no list of packages below dependencies:"
    reader = _Reader()
    for item in listed.items:
        reader.dependency(item)
    return Conda(tuple(reader.packages), tuple(reader.local), reader.opaque)


_CONDA = re.compile(r"(?:[\w.-]+(?:/[\w-]+)?::)?([A-Za-z0-9_][\w.-]*)\s*(.*)", re.DOTALL)
_PIP = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*([^;]*)(?:;.*)?", re.DOTALL)


class _Reader:
    def __init__(self) -> None:
        self.packages: list[Package] = []
        self.local: list[Scalar] = []
        self.opaque = False

    def dependency(self, item: Node) -> None:
        if isinstance(item, Scalar):
            self._conda(item)
        elif isinstance(item, Mapping):
            listed = item.get("pip")
            for requirement in listed.items if isinstance(listed, Sequence) else ():
                if isinstance(requirement, Scalar):
                    self._pip(requirement)
                else:
                    self.opaque = True
            self.opaque = self.opaque or set(item.entries) != {"pip"}
        else:
            self.opaque = True

    def _conda(self, item: Scalar) -> None:
        found = _CONDA.fullmatch(scalar_text(item).strip())
        if found is None:
            self.opaque = True
            return
        version = found.group(2).strip()
        pinned = bool(version) and version[0] not in "<>!~" and "*" not in version.split("=")[-1][:1]
        self.packages.append(Package(normalized(found.group(1)), pinned, False, item.place))

    def _pip(self, item: Scalar) -> None:
        text = scalar_text(item).strip()
        if text.startswith("-"):
            self._pip_option(item, text)
            return
        found = _PIP.fullmatch(text)
        if text.startswith((".", "/", "file:")) or (text.endswith(".whl") and "://" not in text):
            self.local.append(item)
            self.opaque = True
        elif found is None or "://" in text.partition("@")[0]:
            self.opaque = True
        else:
            version = found.group(2).strip()
            if version.startswith("@"):
                self.opaque = True
            pinned = version.startswith(("==", "@", "~=")) or re.search(r"<\s*\d", version) is not None
            self.packages.append(Package(normalized(found.group(1)), pinned, "[" in text, item.place))

    def _pip_option(self, item: Scalar, text: str) -> None:
        option, _, value = text.replace("=", " ", 1).partition(" ")
        value = value.strip()
        if option in ("-r", "--requirement", "-e", "--editable", "-c", "--constraint"):
            self.opaque = self.opaque or option not in ("-c", "--constraint")
            if not value.startswith(("git+", "http:", "https:")) and "://" not in value:
                self.local.append(item)
        elif option.startswith(("-r", "-e")) and not option.startswith("--"):
            self.opaque = True


def normalized(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
