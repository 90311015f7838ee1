"""`registration.json`: which model version register made. Written by register, read by package."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from penstock_steps.errors import StepError

REGISTRATION_FILE = "registration.json"


@dataclass(frozen=True)
class Registration:
    """A registered version: its model's content digest, and the version that was champion before (None: none was)."""

    model_name: str
    version: str
    model_digest: str
    previous_champion: str | None


def write_registration(folder: Path, registration: Registration) -> None:
    """Write registration.json into `folder`, making the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(registration), indent=2, ensure_ascii=False)
    (folder / REGISTRATION_FILE).write_text(text + "\n", encoding="utf-8")


def read_registration(folder: Path) -> Registration:
    """Read `folder`'s registration.json. Raises StepError if there is none or it is not one."""
    path = folder / REGISTRATION_FILE
    try:
        return Registration(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise StepError(f"{folder} has no {REGISTRATION_FILE}; connect the port to the output of register") from None
    except (ValueError, TypeError) as error:
        raise StepError(f"{path} is not a registration ({error}); run register again") from None
