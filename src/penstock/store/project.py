"""The project that a file belongs to, and its `penstock.toml`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import DefinitionError
from penstock.spec.settings import key_place, read_settings

FILE = "penstock.toml"
FOLDER = ".penstock"
_URI = '"https://host/data"'
_ROOT_MARKS = (FILE, ".git", FOLDER)


def project_root(start: Path) -> Path:
    """The closest folder from `start` upwards with penstock.toml, .git or .penstock in it; `start` if there is none."""
    return next(
        (folder for folder in (start, *start.parents) if any((folder / m).exists() for m in _ROOT_MARKS)), start
    )


def project_of(file: Path) -> Path:
    """The root (absolute) of the project that `file` lies in."""
    return project_root(Path(os.path.abspath(file)).parent)  # noqa: PTH100 - without following links


def settings_text(root: Path) -> str | None:
    """The text of the project's penstock.toml, None if it has none. Raises DefinitionError if it cannot be read."""
    path = root / FILE
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DefinitionError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DefinitionError(f"{path} is not UTF-8 text; save it as UTF-8") from None


def shown(path: Path) -> str:
    """A path as a person would write it: relative to the working directory if it lies below it."""
    here = Path(os.path.abspath(os.curdir))  # noqa: PTH100 - without following links
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a URI, or all that begins with it, stands for on this machine.

    `said` is where that is said; what an `option` says counts before what a file says.
    """

    path: Path
    said: str
    option: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """Where lies what only Azure and the web have: datastores by name, and other URIs by their beginnings."""

    datastores: Mapping[str, Mapped] = field(default_factory=dict)
    maps: Mapping[str, Mapped] = field(default_factory=dict)


def places_of(root: Path, options: tuple[str, ...] = ()) -> Places:
    """What penstock.toml says, and the options `--map URI=PATH`, which win. Raises DefinitionError.

    Paths count from the folder of penstock.toml, those of options from the working directory.
    """
    text, file = settings_text(root), shown(root / FILE)
    settings = read_settings(text, file) if text is not None else {}
    tables = {name: _paths(settings, name, text or "", file, root) for name in ("datastores", "map")}
    for option in options:
        uri, separator, path = option.rpartition("=")
        if not separator or not uri or not path:
            raise DefinitionError(f"--map {option}: write it as URI=PATH, for example --map https://host/data=./data")
        tables["map"][uri] = Mapped(Path(os.path.abspath(path)), f"--map {option}", option=True)  # noqa: PTH100
    return Places(tables["datastores"], tables["map"])


def _paths(settings: dict[str, Any], table: str, text: str, file: str, root: Path) -> dict[str, Mapped]:
    given = settings.get(table, {})
    example = f'[{table}] with {"NAME" if table == "datastores" else _URI} = "folder"'
    if not isinstance(given, dict):
        raise DefinitionError(f"{key_place(text, file, None, table)}: '{table}' is a table: write {example}")
    found = {}
    for key, path in given.items():
        place = key_place(text, file, table, key)
        if not isinstance(path, str) or not path:
            raise DefinitionError(f"{place}: '{key}' needs a path, as text: {example}")
        found[key] = Mapped(Path(os.path.normpath(root / path)), str(place))
    return found


def repository_of(folder: Path) -> Path:
    """The closest folder from `folder` (absolute) upwards that is a git repository; `folder` if there is none."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
