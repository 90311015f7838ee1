"""`lineage.json`: what made a step's output, carried from step to step.

Every output folder of every step holds one:

    {"format": 1,
     "output": {"component": "split_data", "port": "train", "digest": "sha256:..."},
     "steps":  {"validate_data": {...}, "split_data": {...}}}

`output.digest` is the content digest of the folder without lineage.json itself, so the next step can tell that what it
was handed is what was written. `steps` holds one record for each step so far, upstream ones copied along, so that the
last step of a loop knows them all.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from penstock_steps.digests import LINEAGE_FILE, content_digest, text_digest
from penstock_steps.errors import StepError

FORMAT = 1


@dataclass(frozen=True)
class Component:
    """A component's name and version, as its component.yml has them (a test compares)."""

    name: str
    version: str


@dataclass(frozen=True)
class StepRecord:
    """One step of the loop: which component ran, on what, and as which job.

    `inputs` maps data ports to content digests, `parameters` the other ports to their values, `facts` holds what the
    step found out (row counts, the suite's name, metrics). `run_id` and `root_run_id` are MLFLOW_RUN_ID and
    AZUREML_ROOT_RUN_ID, empty outside a job. `environment` is the Python version and a digest over the names and
    versions of all installed distributions.
    """

    component: str
    version: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]
    facts: Mapping[str, Any]
    run_id: str = ""
    root_run_id: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lineage:
    """A read lineage.json. `folder` is where it lay."""

    folder: Path
    component: str
    port: str
    digest: str
    steps: Mapping[str, StepRecord]


def record(
    component: Component,
    *,
    inputs: Mapping[str, str],
    parameters: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> StepRecord:
    """A record of the step that is running now, with the run ids and environment of this process."""
    return StepRecord(
        component=component.name,
        version=component.version,
        inputs=dict(inputs),
        parameters=dict(parameters),
        facts=dict(facts or {}),
        run_id=os.environ.get("MLFLOW_RUN_ID", ""),
        root_run_id=os.environ.get("AZUREML_ROOT_RUN_ID", ""),
        environment=_environment(),
    )


def write(output: Path, port: str, own: StepRecord, upstream: Iterable[Lineage] = ()) -> None:
    """Write lineage.json into the folder `output`, whose other files must all be written by now.

    Raises StepError if two of `upstream` disagree about a step: they come from different runs of it.
    """
    steps = merge(upstream)
    document = {
        "format": FORMAT,
        "output": {"component": own.component, "port": port, "digest": content_digest(output)},
        "steps": {name: asdict(step) for name, step in {**steps, own.component: own}.items()},
    }
    text = json.dumps(document, indent=2, sort_keys=True, default=str)
    (output / LINEAGE_FILE).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Lineage:
    """Read `folder`'s lineage.json without checking the folder's content.

    Raises StepError if there is none or it is not one of ours.
    """
    path = folder / LINEAGE_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        output = document["output"]
        steps = {name: StepRecord(**step) for name, step in document["steps"].items()}
        lineage = Lineage(folder, output["component"], output["port"], output["digest"], steps)
    except FileNotFoundError:
        raise StepError(
            f"{folder} has no {LINEAGE_FILE}, so nothing tells where its content comes from; "
            "connect the port to the output of a step of this library"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise StepError(f"{path} is not a lineage file ({error}); run the step that wrote it again") from None
    if document.get("format") != FORMAT:
        raise StepError(f"{path} has format {document.get('format')}, this step reads format {FORMAT}")
    return lineage


def verify(folder: Path, *, component: str | None = None) -> Lineage:
    """Read `folder`'s lineage.json and check that the folder still holds what it records.

    Raises StepError if the content has changed since, or if `component` is given and another one wrote it.
    """
    lineage = read(folder)
    if component is not None and lineage.component != component:
        raise StepError(
            f"{folder} was written by {lineage.component}, not by {component}; connect the port to {component}"
        )
    found = content_digest(folder)
    if found != lineage.digest:
        raise StepError(
            f"{folder} is not what {lineage.component} wrote: its content digest is {found}, "
            f"{LINEAGE_FILE} records {lineage.digest}. Something changed it after the step ended; "
            "run the pipeline again"
        )
    return lineage


def merge(upstream: Iterable[Lineage]) -> dict[str, StepRecord]:
    """The step records of all of `upstream` by component name.

    Raises StepError if two of them hold different records (run ids and environment aside) for the same component.
    """
    merged: dict[str, tuple[StepRecord, Path]] = {}
    for lineage in upstream:
        for name, step in lineage.steps.items():
            known = merged.setdefault(name, (step, lineage.folder))
            if _what_it_did(known[0]) != _what_it_did(step):
                raise StepError(
                    f"{known[1]} and {lineage.folder} come from different runs of {name}; "
                    "connect both ports to outputs of the same run"
                )
    return {name: step for name, (step, _) in merged.items()}


def _what_it_did(step: StepRecord) -> tuple[Any, ...]:
    return (step.component, step.version, step.inputs, step.parameters)


@cache
def _environment() -> Mapping[str, str]:
    """Told by the names of the .dist-info folders on the path (PEP 376), for reading all their files takes 0.2 s."""
    installed: dict[str, str] = {}
    for folder in sys.path:
        for info in Path(folder or ".").glob("*.dist-info"):
            name, _, version = info.stem.partition("-")
            installed.setdefault(name.lower().replace("_", "-"), version)
    listing = "".join(f"{name}=={version}\n" for name, version in sorted(installed.items()))
    return {"python": platform.python_version(), "distributions": text_digest(listing)}
