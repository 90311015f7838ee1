"""The files of a package, each made from the model alone: two packages of the same version are the same bytes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from bill_of_materials import bill_of_materials
from contract import contract
from image import PORT, dockerfile
from lock import SERVER, closure, read_lock, roots
from openapi import PAGES, pages
from penstock_steps.digests import file_digest, folder_files
from penstock_steps.errors import StepError
from penstock_steps.lineage import Component
from penstock_steps.models import TRAINING_ROWS_FILE, model_file, python_version, signature_inputs, trusted_types
from penstock_steps.registration import Registration


def write_contents(package: Path, model: Path, registration: Registration, by: Component) -> dict[str, Any]:
    """Write all files of a package but its manifest, and return how score.py is to load the model.

    Args:
        package: the folder, made here.
        model: the model folder, verified.
        registration: the version that it is registered as.
        by: the component that makes the package.

    Raises:
        StepError: the model lacks its signature, its requirements or its input example, does not fit the lock that
            packages are served with, or cannot predict its input example.
    """
    _copy_model(model, package / "model")
    shutil.copyfile(Path(__file__).with_name("score.py"), package / "score.py")
    sample = sample_request(model)
    scoring = _scoring(package)
    _write_served_with(package, model, registration, scoring, by)
    _write_json(package / "sample_request.json", sample)
    _write_json(package / "contract.json", contract(model, sample))
    _write(package / "deployment.yml", yaml.safe_dump(deployment(registration), sort_keys=False, width=1000))
    for name, page in pages(registration, scoring["columns"], sample).items():
        _write_json(package / name, page)
    copied = ["manifest.json", "contract.json", "score.py", *PAGES]
    _write(package / "Dockerfile", dockerfile(python_version(model), copied))
    return scoring


def _copy_model(model: Path, copied: Path) -> None:
    for name, path in folder_files(model).items():  # without lineage.json
        if name != TRAINING_ROWS_FILE:
            (copied / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copied / name)


def _scoring(package: Path) -> dict[str, Any]:
    """How score.py loads the model and what it takes, as the manifest has it."""
    file = model_file(package / "model")
    return {
        "file": file.path.relative_to(package).as_posix(),
        "serialization": file.serialization,
        "trusted": trusted_types(file.trusted),
        "columns": [{"name": column["name"], "type": column["type"]} for column in signature_inputs(package / "model")],
    }


def _write_served_with(
    package: Path, model: Path, registration: Registration, scoring: dict[str, Any], by: Component
) -> None:
    """requirements.txt and the bill of materials."""
    lock = read_lock()
    trained = python_version(model)
    if trained.split(".")[:2] != lock.python.split("."):
        raise StepError(
            f"the model was trained with Python {trained}, packages are served with Python {lock.python}; "
            "train it in the environment of the component train"
        )
    names = roots(lock, model, scoring)
    parts = closure(lock, [SERVER, *names])
    _write(package / "requirements.txt", "\n".join(part.entry for part in parts))
    digest = file_digest(package / scoring["file"])
    bill = bill_of_materials(registration, {"name": scoring["file"], "digest": digest}, names, parts, by)
    _write(package / "sbom.json", bill)


def sample_request(model: Path) -> dict[str, Any]:
    """The model's input example as a request."""
    example = json.loads(_read(model / "input_example.json"))
    table = {"columns": example["columns"], "index": list(range(len(example["data"]))), "data": example["data"]}
    return {"input_data": table}


def deployment(registration: Registration) -> dict[str, Any]:
    """A managed online deployment of the package, as `az ml online-deployment create -f` takes it."""
    endpoint = endpoint_name(registration.model_name)
    health = {"port": PORT, "path": "/"}
    return {
        "$schema": "https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json",
        "name": f"version-{registration.version}",
        "endpoint_name": endpoint,
        "environment": {
            "name": f"{endpoint}-serving",
            "build": {"path": ".", "dockerfile_path": "Dockerfile"},
            "inference_config": {
                "liveness_route": dict(health),
                "readiness_route": dict(health),
                "scoring_route": {"port": PORT, "path": "/score"},
            },
        },
        "instance_type": "Standard_DS2_v2",
        "instance_count": 1,
        "tags": {"model": f"{registration.model_name}:{registration.version}", "digest": registration.model_digest},
    }


def endpoint_name(model_name: str) -> str:
    """A model's name as an endpoint's: 3 to 32 lower-case letters, digits and dashes, beginning with a letter.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas, limits of online endpoints.
    """
    dashed = re.sub(r"[^a-z0-9]+", "-", model_name.lower()).strip("-")
    named = dashed if dashed[:1].isalpha() and len(dashed) >= 3 else f"model-{dashed}"
    return named[:32].rstrip("-")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StepError(f"the model has no {path.name}, which a package needs; train it again") from None


def _write_json(path: Path, document: dict[str, Any]) -> None:
    _write(path, json.dumps(document, indent=2, ensure_ascii=False))


def _write(path: Path, text: str) -> None:
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
