"""`penstock.toml` of the project that a file belongs to."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.errors import DefinitionError
from penstock.store.workspace import project_root

FILE = "penstock.toml"


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
