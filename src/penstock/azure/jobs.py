"""Jobs in a workspace: submitted, followed to their end, cancelled; and what they decided."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from msgspec import Struct

from penstock.azure.client import AzureError, asking
from penstock.compile.client import quiet
from penstock.errors import DefinitionError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Job

# The words in which Azure says that a job is over.
COMPLETED, FAILED, CANCELED = "Completed", "Failed", "Canceled"
_ENDED = (COMPLETED, FAILED, CANCELED)
OVER = (*_ENDED, "NotResponding", "Paused")  # nobody knows when these go on, and waiting ends
DECISION_OUTPUT = "decision"
_FIRST_WAIT_S, _LONGEST_WAIT_S, _GROWTH = 1.0, 15.0, 1.3
_NEWEST = 100
_PATIENCE_S = 600
_NAME = re.compile(r"[^a-z0-9_]+")
_LONGEST_NAME = 200  # of 255: what Azure derives of it needs some


class Submitted(Struct, frozen=True):
    """A job that Azure has taken. `url`: its page in the Studio."""

    name: str
    url: str
    outputs: tuple[str, ...]


class NodeState(Struct, frozen=True):
    """A node of a job: its name in the pipeline, the name of its own job, its status in Azure's words."""

    name: str
    job: str
    status: str
    reused: bool = False


class Ended(Struct, frozen=True):
    """How a job ended. `logs`: what each node printed that failed; `why`: what Azure says where no node has."""

    status: str
    nodes: tuple[NodeState, ...]
    logs: Mapping[str, str]
    why: str = ""


class Pause:
    """A call sleeps: a second at first, longer each time, at most a quarter of a minute."""

    def __init__(self) -> None:
        self._next_s, self._began = _FIRST_WAIT_S, time.monotonic()

    def __call__(self) -> None:
        time.sleep(self._next_s)
        self._next_s = min(self._next_s * _GROWTH, _LONGEST_WAIT_S)

    @property
    def lasted_s(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._began


def load(file: Path, overrides: tuple[str, ...]) -> Job:
    """The job of a file as azure-ai-ml has it, with each `dotted.path=value` set. Raises DefinitionError."""
    with quiet():
        from azure.ai.ml import load_job

        changes = [{path: yaml.safe_load(value)} for path, _, value in (each.partition("=") for each in overrides)]
        try:
            return load_job(file, params_override=changes)
        except Exception as error:
            # of many types, TypeError among them
            raise DefinitionError(f"{file}: Azure's client refuses it: {str(error).strip()}") from error


def new_name(job: Job) -> str:
    """A name that no other job has; chosen here, so that to send the job once more is not to submit it twice."""
    base = _NAME.sub("_", str(job.experiment_name or job.display_name or "job").lower()).strip("_") or "job"
    stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime())
    return f"{base[:_LONGEST_NAME]}_{stamp}_{secrets.token_hex(3)}"


def submit(client: MLClient, job: Job, tags: Mapping[str, str]) -> Submitted:
    """Upload what the job needs, and submit it. `job.name` is set before.

    Raises:
        AzureError: it was not submitted; or nobody knows, and then the message says how to go on without a second job.
    """
    job.tags = {**(job.tags or {}), **tags}
    try:
        with asking(f"job {job.name}"):
            made = client.jobs.create_or_update(job)
    except AzureError as error:
        if error.status is not None and error.status < 500:
            raise
        made = _anyhow(client, str(job.name), error)
    return Submitted(str(made.name), made.studio_url or "", tuple(getattr(made, "outputs", None) or ()))


def _anyhow(client: MLClient, name: str, error: AzureError) -> Job:
    """The job whose submission got no answer, if Azure has taken it all the same."""
    again = f"it may have been submitted all the same; submit it again by this name (--name {name}), and it is one job"
    try:
        with asking(f"job {name}"):
            return client.jobs.get(name)
    except AzureError as other:
        if other.status == 404:
            raise error from None
        raise AzureError(f"{error}\n{again}", error.status) from None


def follow(client: MLClient, name: str, told: Callable[[NodeState], None], warned: Callable[[str], None]) -> Ended:
    """Wait until a job is over; `told` gets each change of a node.

    That Azure cannot be asked for a while is told by `warned` and waited out, for ten minutes.

    Raises:
        AzureError: it cannot be asked, for longer than that or for a reason that does not pass.
    """
    seen: dict[str, NodeState] = {}
    pause, lost_since = Pause(), None
    while True:
        try:
            status, nodes = _status(client, name), _nodes(client, name)
            lost_since = None
        except AzureError as error:
            if error.status not in (None, 401, 408, 429) and error.status < 500:
                raise
            if lost_since is None:
                lost_since = time.monotonic()
                warned(f"{error} The job goes on meanwhile.")
            elif time.monotonic() - lost_since > _PATIENCE_S:
                raise
        else:
            for node in nodes:
                if seen.get(node.job) != node:
                    told(node)
                    seen[node.job] = node
            if status in OVER:
                failed = [node for node in nodes if node.status == FAILED]
                why = _why(client, name) if status == FAILED and not failed else ""
                return Ended(status, tuple(nodes), {node.name: _log_end(client, node) for node in failed}, why)
        pause()


def cancel(client: MLClient, name: str) -> str:
    """Cancel a job, and wait until it is over; returns its last status. One that is over stays as it is."""
    with asking(f"job {name}"):
        if _status(client, name) not in _ENDED:
            client.jobs.begin_cancel(name).result()
    pause = Pause()
    while (status := _status(client, name)) not in OVER:
        pause()
    return status


def going_on(client: MLClient) -> list[str]:
    """The names of the jobs of the workspace, of its hundred newest, that are not over. Raises AzureError."""
    with asking(f"the jobs of {client.workspace_name}"):
        newest = itertools.islice(client.jobs.list(), _NEWEST)
        # The client has None for a job that it cannot read.
        return [job.name for job in newest if job is not None and _word(job.status) not in OVER]


def is_over(client: MLClient, name: str) -> bool:
    """Whether a job is over. Raises AzureError."""
    return _status(client, name) in OVER


def tagged(client: MLClient, tags: Mapping[str, str]) -> list[str]:
    """The names of the jobs that bear all of these tags (at least one) and are not over. Raises AzureError."""
    with asking(f"the jobs of {client.workspace_name}"):
        return [
            job.name
            for job in client.jobs.list(tag=next(iter(tags)))  # Azure looks for the key of one tag only
            if job is not None and _word(job.status) not in _ENDED and tags.items() <= (job.tags or {}).items()
        ]


def decision(client: MLClient, submitted: Submitted) -> dict[str, Any] | None:
    """What the job's output `decision` says (decision.json, as the component evaluate writes it); None without one."""
    from penstock_steps.decision import DECISION_FILE, read_decision
    from penstock_steps.errors import StepError

    if DECISION_OUTPUT not in submitted.outputs:
        return None
    with tempfile.TemporaryDirectory(prefix="penstock-") as temporary:
        with asking(f"job {submitted.name}, output {DECISION_OUTPUT}"):
            client.jobs.download(submitted.name, output_name=DECISION_OUTPUT, download_path=temporary)
        for file in Path(temporary).rglob(DECISION_FILE):
            try:
                found = read_decision(file.parent)
            except StepError:
                return None  # somebody else's
            return {"verdict": found.verdict, "reasons": list(found.reasons), "metrics": found.metrics}
    return None


def _status(client: MLClient, name: str) -> str:
    with asking(f"job {name}"):
        return _word(client.jobs.get(name).status)


def _word(status: Any) -> str:
    return str(getattr(status, "value", status))


def _nodes(client: MLClient, name: str) -> list[NodeState]:
    with asking(f"the nodes of job {name}"):
        return list(_node_states(client, name))


def _node_states(client: MLClient, name: str) -> Iterator[NodeState]:
    for child in client.jobs.list(parent_job_name=name):
        reused = (child.properties or {}).get("azureml.isreused") == "true"
        yield NodeState(child.display_name or child.name, child.name, _word(child.status), reused)


def _why(client: MLClient, name: str) -> str:
    """Why a job failed, of which no node had begun. The client tells so only to those who have it streamed."""
    from azure.ai.ml.exceptions import JobException

    try:
        with asking(f"the end of job {name}"), contextlib.redirect_stdout(io.StringIO()):
            try:
                client.jobs.stream(name)
            except JobException as error:
                return _message_in(str(error))
    except AzureError as error:
        return str(error)
    return ""


def _message_in(said: str) -> str:
    """Azure's message in what the client raises of a job that failed: words, and a document of the error."""
    _, brace, document = said.partition("{")
    try:
        return str(json.loads(brace + document)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return said


def _log_end(client: MLClient, node: NodeState) -> str:
    """What a node printed, or why that cannot be had."""
    with tempfile.TemporaryDirectory(prefix="penstock-") as temporary:
        try:
            with asking(f"the log of {node.name}"):
                client.jobs.download(node.job, download_path=temporary)
        except AzureError as error:
            return str(error)
        logs = sorted(Path(temporary).rglob("std_log*.txt"))
        return "".join(log.read_text(encoding="utf-8", errors="replace") for log in logs)
