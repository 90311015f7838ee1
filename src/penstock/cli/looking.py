"""What the verbs that look back share: their options, and the workspace that they look into."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.store.workspace import Workspace

WORKSPACE = click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    help="The workspace folder.  [default: .penstock beside the project root]",
)
FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="What stdout gets."
)


def workspace_of(given: Path | None) -> Workspace:
    """The workspace that is given, or that of the project that the working directory is in."""
    from penstock.store.workspace import Workspace, workspace_folder

    return Workspace(workspace_folder(Path("penstock.toml"), given))


def print_json(document: Any) -> None:
    """The one document on stdout. A `##` that could begin a build system's command is written as JSON escapes it."""
    import json
    import re

    text = json.dumps(document, indent=2, ensure_ascii=False)
    click.echo(re.sub(r"#(?=#\w*\[)", r"\\u0023", text))
