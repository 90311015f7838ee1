"""The files of a package, each made from the model alone: two packages of the same version are the same bytes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from penstock_steps.digests import folder_files
from penstock_steps.errors import StepError
from penstock_steps.models import TRAINING_ROWS_FILE, model_file, python_version, signature_inputs, trusted_types
from penstock_steps.registration import Registration

SERVER = "azureml-inference-server-http==1.5.1"
_PORT = 5001
_DOCKERFILE = """\
FROM python:{python}-slim-bookworm
RUN useradd --create-home --uid 1000 scoring
WORKDIR /srv/package
COPY requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt
COPY manifest.json score.py ./
COPY model ./model
USER 1000
EXPOSE {port}
HEALTHCHECK CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/')"
CMD ["azmlinfsrv", "--entry_script", "score.py", "--port", "{port}"]
"""


def write_contents(package: Path, model: Path, registration: Registration) -> dict[str, Any]:
    """Write all files of a package but its manifest, and return how score.py is to load the model.

    Args:
        package: the folder, made here.
        model: the model folder, verified.
        registration: the version that it is registered as.

    Raises:
        StepError: the model lacks its signature, its requirements or its input example.
    """
    copied = package / "model"
    for name, path in folder_files(model).items():  # without lineage.json
        if name != TRAINING_ROWS_FILE:
            (copied / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copied / name)
    shutil.copyfile(Path(__file__).with_name("score.py"), package / "score.py")
    _write(package / "requirements.txt", "\n".join(requirements(model)))
    _write(package / "Dockerfile", _DOCKERFILE.format(python=python_version(model), port=_PORT).rstrip())
    _write(package / "sample_request.json", json.dumps(sample_request(model), indent=2, ensure_ascii=False))
    _write(package / "deployment.yml", yaml.safe_dump(deployment(registration), sort_keys=False).rstrip())
    file = model_file(copied)
    return {
        "file": file.path.relative_to(package).as_posix(),
        "serialization": file.serialization,
        "trusted": trusted_types(file.trusted),
        "columns": [{"name": column["name"], "type": column["type"]} for column in signature_inputs(copied)],
    }


def requirements(model: Path) -> list[str]:
    """What scoring needs, pinned: the model's own requirements without MLflow, and the server."""
    lines = _read(model / "requirements.txt").split()
    kept = [line for line in lines if re.split(r"[=<>!~\[; ]", line, maxsplit=1)[0] not in ("mlflow", "mlflow-skinny")]
    loose = [line for line in kept if "==" not in line]
    if loose:
        raise StepError(f"the model's requirements do not pin {', '.join(loose)}; train the model again")
    return sorted([*kept, SERVER])


def sample_request(model: Path) -> dict[str, Any]:
    """The model's input example as a request."""
    example = json.loads(_read(model / "input_example.json"))
    table = {"columns": example["columns"], "index": list(range(len(example["data"]))), "data": example["data"]}
    return {"input_data": table}


def deployment(registration: Registration) -> dict[str, Any]:
    """A managed online deployment of the package, as `az ml online-deployment create -f` takes it."""
    endpoint = endpoint_name(registration.model_name)
    health = {"port": _PORT, "path": "/"}
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
                "scoring_route": {"port": _PORT, "path": "/score"},
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


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
