"""The build system that this process runs in: what it says of the build, and what it wants to be told.

Azure DevOps: https://learn.microsoft.com/azure/devops/pipelines/build/variables and
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands; GitHub Actions:
https://docs.github.com/actions/reference/workflow-commands-for-github-actions; Jenkins:
https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
"""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import click

# Azure DevOps obeys ##vso[...] and ##[...] in any case of letters, anywhere in a line; GitHub ::NAME ...:: at a line's
# beginning, and ##[...] anywhere.
_COMMANDS = re.compile(r"#(?=#\w*\[)|(?:^|(?<=[\r\n]))\s*:(?=:[A-Za-z])")


def disarmed(text: str) -> str:
    """A text in which the agent of a build system finds no command: a space is put into each."""
    return _COMMANDS.sub(lambda match: f"{match.group()} ", text)


class Disarmed(io.TextIOWrapper):
    """A stream that writes texts without commands, whoever they are of; `command` writes one of penstock's own."""

    def write(self, text: str, /) -> int:
        super().write(disarmed(text))
        return len(text)

    def command(self, text: str) -> None:
        """Write a line as it is."""
        super().write(f"{text}\n")
        self.flush()


def disarm_output() -> None:
    """From now on stdout and stderr command the build only where penstock means to.

    What is printed comes in part from others: the logs of steps, what an endpoint answers, what Azure says.
    """
    sys.stdout, sys.stderr = _disarmed(sys.stdout), _disarmed(sys.stderr)


def _disarmed(stream: TextIO) -> Disarmed:
    ascii_only = codecs.lookup(stream.encoding).name == "ascii"  # click would write past it, into the buffer
    return Disarmed(stream.buffer, "utf-8" if ascii_only else stream.encoding, stream.errors, line_buffering=True)


def _command(text: str) -> None:
    if isinstance(sys.stderr, Disarmed):
        sys.stderr.command(text)
    else:
        click.echo(text, err=True)


def build_tags(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Tags that lead from a job to the build that submitted it: `build`, `build_url` and `commit`; none elsewhere."""
    get = environment.get
    if get("TF_BUILD"):
        base = f"{get('SYSTEM_TEAMFOUNDATIONCOLLECTIONURI', '')}{get('SYSTEM_TEAMPROJECT', '')}"
        build = get("BUILD_BUILDID", "")
        found = {"build": build, "build_url": f"{base}/_build/results?buildId={build}"}
        found["commit"] = get("BUILD_SOURCEVERSION", "")
    elif get("GITHUB_ACTIONS"):
        build = get("GITHUB_RUN_ID", "")
        url = f"{get('GITHUB_SERVER_URL', '')}/{get('GITHUB_REPOSITORY', '')}/actions/runs/{build}"
        found = {"build": build, "build_url": url, "commit": get("GITHUB_SHA", "")}
    elif get("JENKINS_URL"):
        found = {"build": get("BUILD_TAG", ""), "build_url": get("BUILD_URL", ""), "commit": get("GIT_COMMIT", "")}
    else:
        return {}
    return {key: value for key, value in found.items() if value}


def tell_build(values: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> None:
    """Hand on values to the later steps of the build: variables in Azure DevOps, outputs in GitHub Actions.

    Azure has one variable for the steps of the same job, and one for other jobs, by the name of the step. Its agent
    reads logging commands from stderr too, and stdout may have to be one JSON document.
    """
    if environment.get("TF_BUILD"):
        for name, value in values.items():
            for scope in ("", ";isOutput=true"):
                _command(f"##vso[task.setvariable variable={name}{scope}]{_one_line(value)}")
    elif environment.get("GITHUB_OUTPUT"):
        with Path(environment["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
            output.writelines(f"{name}={_one_line(value)}\n" for name, value in values.items())


def link_build(label: str, url: str, text: str, environment: Mapping[str, str] = os.environ) -> None:
    """Leave a link on the build's own page, in its summary; in Azure DevOps the build gets tags, too."""
    link = f"[{label}]({url}): {_one_line(text)}\n\n"
    if environment.get("TF_BUILD"):
        for tag in (label, "-".join(text.split())):
            _command(f"##vso[build.addbuildtag]{_one_line(tag)}")
        if environment.get("AGENT_TEMPDIRECTORY"):  # which the agent empties after the job
            summary = Path(environment["AGENT_TEMPDIRECTORY"]) / f"{label}.md"
            summary.write_text(link, encoding="utf-8")
            _command(f"##vso[task.uploadsummary]{summary}")
    elif environment.get("GITHUB_STEP_SUMMARY"):
        with Path(environment["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as page:
            page.write(link)


def _one_line(text: str) -> str:
    """A value may not begin a logging command of its own."""
    return disarmed(" ".join(text.split()))
