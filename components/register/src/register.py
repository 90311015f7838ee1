"""On accept, adds the model to the registry as a new version with its lineage, and makes it the champion."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlparse

from penstock_steps import lineage, registry
from penstock_steps.decision import Decision, read_decision
from penstock_steps.errors import StepError, run_step
from penstock_steps.lineage import Component, Lineage, StepRecord
from penstock_steps.registration import Registration, write_registration
from penstock_steps.registry import Champion
from penstock_steps.skipped import write_skipped
from penstock_steps.tracking import URI_VARIABLE, has_store, job_run
from publication import Publication, Upload, publish, repair

COMPONENT = Component("register", "1.1.0")
_LONGEST_TAG = 100_000  # characters; mlflow 3.15, utils/validation.py, MAX_MODEL_REGISTRY_TAG_VALUE_LENGTH


def main() -> None:
    arguments = _arguments()
    model, judged = lineage.verify(arguments.model), lineage.verify(arguments.decision, component="evaluate")
    decision = read_decision(arguments.decision)
    if model.digest != decision.candidate["digest"]:
        raise StepError(
            f"{arguments.model} is not the model that was judged: its content digest is {model.digest}, the decision "
            f"is about {decision.candidate['digest']}; connect model and decision to the same run"
        )
    upstream = [model, judged, *_selection(arguments.selection, judged)]
    steps = lineage.merge(upstream)
    version = None
    if decision.accepted:
        version = _register(arguments, decision, judged, steps)
    else:
        if has_store():
            repair(registry.connect(), arguments.model_name)
        write_skipped([arguments.registration], f"rejected: {decision.sentence}")
        print(f"nothing is registered, for the decision is to reject: {decision.sentence}")
    own = lineage.record(
        COMPONENT,
        inputs={"model": model.digest, "decision": judged.digest},
        parameters={"model_name": arguments.model_name, "git_commit": arguments.git_commit},
        facts={"version": version},
    )
    lineage.write(arguments.registration, "registration", own, upstream)


def _selection(folder: Path | None, judged: Lineage) -> list[Lineage]:
    """The lineage of newest_data's selection, if there is one: it must be about the data that the gate checked."""
    if folder is None:
        return []
    selection = lineage.verify(folder, component="newest_data")
    chosen, gate = selection.steps["newest_data"], judged.steps.get("validate_data")
    checked = gate.inputs.get("data") if gate is not None else None
    if checked != chosen.inputs["data"]:
        raise StepError(
            f"{folder} is about {chosen.facts['file']} ({chosen.inputs['data']}), the model was made of {checked}; "
            "connect data and selection to the same run of newest_data"
        )
    return [selection]


def _register(
    arguments: argparse.Namespace, decision: Decision, judged: Lineage, steps: Mapping[str, StepRecord]
) -> str:
    name = arguments.model_name
    expected = Champion(**decision.champion) if decision.champion else None
    if expected is not None and expected.name != name:
        raise StepError(
            f"the decision compares with the champion of {expected.name}, the model is to be registered as {name}; "
            "give evaluate and register the same model_name"
        )
    identity = {
        registry.MODEL_DIGEST_TAG: decision.candidate["digest"],
        registry.DECISION_DIGEST_TAG: judged.digest,
        "run.evaluate": steps["evaluate"].run_id,
    }
    tags = {**version_tags(decision, steps, arguments.git_commit), **identity}
    client = registry.connect()
    publication = Publication(name, identity, tags, expected)
    version = publish(client, publication, lambda: _upload(arguments.model, arguments.decision))
    old = expected.version if expected else None
    write_registration(arguments.registration, Registration(name, version, decision.candidate["digest"], old))
    before = "as it was" if old == version else f"version {old} was before" if old else "the first"
    print(f"{name} version {version} is the champion, {before}")
    print(f"  because {decision.sentence}")
    return version


def version_tags(decision: Decision, steps: Mapping[str, StepRecord], git_commit: str | None) -> dict[str, str]:
    """What a version's tags say of its origin; one without a value is left out."""
    train, gate = steps["train"], steps.get("validate_data")
    chosen = steps["newest_data"].facts if "newest_data" in steps else {}
    suite = decision.suite or {}
    tags = {
        "data_digest": gate.inputs.get("data", "") if gate else "",
        "data_file": str(chosen.get("file", "")),
        "data_chosen_at": str(chosen.get("chosen_at", "")),
        "train_data_digest": train.inputs["train_data"],
        "test_data_digest": str(decision.data["digest"]),
        "suite": suite.get("name", ""),
        "suite_digest": suite.get("digest", ""),
        "suite_version": suite.get("version", ""),
        "estimator": str(train.parameters.get("estimator", "")),
        "target": str(train.parameters.get("target", "")),
        "task": str(train.parameters.get("task", "")),
        "environment.python": train.environment.get("python", ""),
        "environment.distributions": train.environment.get("distributions", ""),
        "root_run_id": train.root_run_id,
        "git_commit": git_commit or "",
        "previous_champion": decision.champion["version"] if decision.champion else "",
        **{f"component.{name}": step.version for name, step in steps.items()},
        f"component.{COMPONENT.name}": COMPONENT.version,
        **{f"run.{name}": step.run_id for name, step in steps.items()},
        **{f"metric.{name}": repr(value) for name, value in decision.metrics["candidate"].items()},
    }
    whole = json.dumps({name: asdict(step) for name, step in steps.items()}, sort_keys=True, separators=(",", ":"))
    if len(whole) <= _LONGEST_TAG and urlparse(os.environ.get(URI_VARIABLE, "")).scheme != "azureml":
        tags["lineage"] = whole  # Azure takes short tags only; there it is in the run's artifacts, as everywhere
    return {name: value for name, value in tags.items() if value}


def _upload(model: Path, decision: Path) -> Upload:
    """Log both folders to this step's run, so that the version outlives the folders of the pipeline run."""
    import mlflow  # takes seconds

    with job_run() as run:
        mlflow.log_artifacts(str(decision), "decision")
        mlflow.log_artifacts(str(model), "model")
        return Upload(f"{run.info.artifact_uri}/model", run.info.run_id)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the model that evaluate judged")
    parser.add_argument("--decision", type=Path, required=True, help="the decision of evaluate")
    parser.add_argument("--model-name", required=True, help="the registered model that gets the new version")
    parser.add_argument("--git-commit", help="the commit that the run was started from")
    parser.add_argument("--selection", type=Path, help="the selection of newest_data, if that chose the data")
    parser.add_argument("--registration", type=Path, required=True, help="the output folder")
    return parser.parse_args()


if __name__ == "__main__":
    run_step(main)
