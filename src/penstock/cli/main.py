"""The command `penstock`: a verb is a module of this package, imported when it is called."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from typing import NoReturn

gc.set_threshold(50_000)  # what is imported stays: looking through it again and again takes a tenth of a short verb

import click  # noqa: E402

from penstock.errors import PenstockError  # noqa: E402

# verb -> one line of help, so that `penstock --help` imports no verb.
VERBS = {
    "asset": "Create and list the components, data, environments and models of the workspace.",
    "cancel": "Cancel jobs at Azure.",
    "check": "Tell what is wrong with Azure ML YAML, without an account.",
    "compile": "Write pipelines/X.yml from the azure.ai.ml pipelines in pipelines/X.py.",
    "diff": "Tell what two runs did differently, and why.",
    "endpoints": "List what is served on this machine; stop and start it.",
    "explain": "Tell what a run would reuse, what it would run, and why.",
    "logs": "Print what a node of a run printed.",
    "package": "Verify that a package is what was made.",
    "provision": "Create what a stage needs at Azure, or take it away.",
    "publish": "Publish environments, components and pipelines in versions by content.",
    "release": "Serve a package: to staging, and what has passed it to prod.",
    "rollback": "Serve what an endpoint served before.",
    "run": "Run a job YAML on this machine.",
    "runs": "List the runs of the workspace.",
    "schedule": "Carry out schedules on this machine, or set them up at Azure.",
    "show": "Show a run; or a model version and all that made it.",
    "smoke": "Test an endpoint by the contract of its package.",
    "snapshot": "List what code: uploads, and which ignore pattern keeps out the rest.",
    "submit": "Submit a job YAML to a workspace at Azure.",
}


class _Verbs(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"penstock.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - tells the type checker what a verb module exports
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from penstock.spec.finding import close_match

            close = close_match(args[0], VERBS)
            hint = f" Did you mean {close!r}?" if close else f" The commands are: {', '.join(VERBS)}."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="penstock", message="%(version)s")
def cli() -> None:
    """Check and run Azure Machine Learning v2 YAML on this machine, without an Azure account.

    Exit codes: 0 done, 1 a step failed or a gate said no, 2 the definition or the command line is wrong,
    3 a bug in penstock, 130 cancelled.
    """


def main() -> NoReturn:
    """Call the verb: turns exceptions into messages and exit codes."""
    # MLflow tells its makers what it is used for, unless it is told not to; a step's process inherits this
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    if "TF_BUILD" in os.environ or "GITHUB_ACTIONS" in os.environ:
        from penstock.cli.build_system import disarm_output

        disarm_output()
    try:
        code = cli.main(prog_name="penstock", standalone_mode=False)
    except PenstockError as error:
        click.echo(str(error), err=True)
        code = error.exit_code
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception:  # noqa: BLE001 - the last resort: a bug of ours, told as one
        import traceback

        traceback.print_exc()
        click.echo("This is a bug in penstock. Please report it with the lines above.", err=True)
        code = 3
    sys.exit(code if isinstance(code, int) else 0)


def program() -> NoReturn:
    """The console script: `main`, and the end of the process at once.

    To take the interpreter apart takes longer than a run that reuses all.
    """
    try:
        main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or 1
    os._exit(code)
