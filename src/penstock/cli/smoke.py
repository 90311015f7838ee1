"""`penstock smoke`: does an endpoint do what the contract of its package says?"""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.looking import FORMAT, WORKSPACE


@click.command()
@click.argument("endpoint")
@WORKSPACE
@FORMAT
def command(endpoint: str, workspace: Path | None, form: str) -> None:
    """Ask ENDPOINT what the contract of its package has answers to, bad requests too, without a key and with another.

    Exit code 1 if an answer is not as it should be, or takes too long.
    """
    from penstock.cli.looking import print_json, workspace_of
    from penstock.cli.serving import serving
    from penstock.cli.summary import table
    from penstock.errors import RunError

    with serving(workspace_of(workspace)) as endpoints:
        checks = endpoints.smoke(endpoint)
    wrong = [check for check in checks if check.problem is not None]
    if form == "json":
        told = [{"check": one.name, "problem": one.problem, "seconds": one.seconds} for one in checks]
        print_json({"endpoint": endpoint, "passed": not wrong, "checks": told})
    else:
        rows = [(one.name, one.problem or "ok", f"{one.seconds * 1000:.1f} ms") for one in checks]
        click.echo("\n".join(table([("CHECK", "ANSWER", "TIME"), *rows])))
    if wrong:
        raise RunError(f"{endpoint} fails the smoke test: {len(wrong)} of {len(checks)} checks")
