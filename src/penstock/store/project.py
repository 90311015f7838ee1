"""The project that a file belongs to, and its `penstock.toml`."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.errors import DefinitionError

FILE = "penstock.toml"
FOLDER = ".penstock"
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


def repository_of(folder: Path) -> Path:
    """The closest folder from `folder` (absolute) upwards that is a git repository; `folder` if there is none."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
