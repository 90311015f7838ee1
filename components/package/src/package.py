"""On accept, builds the folder that is deployed: model, scoring script, requirements, Dockerfile and manifest."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from acr import build, find_registry, repository_of
from contents import write_contents
from penstock_steps import lineage, registry, tracking
from penstock_steps.decision import read_decision
from penstock_steps.errors import StepError, run_step
from penstock_steps.lineage import Component
from penstock_steps.manifest import write_manifest
from penstock_steps.registration import Registration, read_registration
from penstock_steps.skipped import skipped_reason, write_skipped

COMPONENT = Component("package", "1.3.3")
IMAGE_TAG = "image"
RUN_TAG = "package_run_id"


def main() -> None:
    arguments = _arguments()
    model = lineage.verify(arguments.model, component="train")
    judged = lineage.verify(arguments.decision, component="evaluate")
    registered = lineage.verify(arguments.registration, component="register")
    decision = read_decision(arguments.decision)
    if registered.steps["register"].inputs["decision"] != judged.digest:
        raise StepError(
            f"{arguments.registration} was made for another decision than {arguments.decision}; "
            "connect both ports to the same run"
        )
    if model.digest != decision.candidate["digest"]:
        raise StepError(
            f"{arguments.model} is not the model that was judged: its content digest is {model.digest}, the decision "
            f"is about {decision.candidate['digest']}; connect model and decision to the same run"
        )
    skipped = skipped_reason(arguments.registration)
    facts = {}
    if skipped is None:
        registration = read_registration(arguments.registration)
        if registration.model_digest != model.digest:
            raise StepError(
                f"{arguments.registration} is about the model {registration.model_digest}, {arguments.model} is "
                f"{model.digest}; connect both ports to the same run"
            )
        facts["package_digest"] = digest = _package(arguments.package, arguments.model, registration)
        if arguments.registry:
            facts["image"] = _image(arguments, registration, digest)
        _record(registration, digest, facts.get("image"))
    else:
        write_skipped([arguments.package], skipped)
        print(f"nothing is packaged: {skipped}")
    own = lineage.record(
        COMPONENT,
        inputs={"model": model.digest, "decision": judged.digest, "registration": registered.digest},
        parameters={},
        facts=facts,
    )
    lineage.write(arguments.package, "package", own, [model, judged, registered])


def _package(package: Path, model: Path, registration: Registration) -> str:
    """Build the package and return its manifest's digest."""
    if package.is_dir() and any(package.iterdir()):
        raise StepError(f"--package {package} is not empty; give a folder that is new or empty")
    scoring = write_contents(package, model, registration, COMPONENT)
    digest = write_manifest(package, registration, scoring)
    print(f"package of {registration.model_name} version {registration.version}: {digest} (the digest of its manifest)")
    return digest


def _image(arguments: argparse.Namespace, registration: Registration, digest: str) -> str:
    """Have the image built, unless the version has one of this very package; returns it by its digest."""
    name, version = registration.model_name, registration.version
    where = find_registry(arguments.registry)
    repository = repository_of(arguments.repository, name)
    before = registry.version_tags(registry.connect(), name, version) if tracking.has_store() else {}
    there = before.get(IMAGE_TAG, "")
    if there.startswith(f"{where.server}/{repository}@") and before.get(registry.PACKAGE_DIGEST_TAG) == digest:
        print(f"version {version} of {name} has its image already: {there}")
        return there
    image = build(where, repository, arguments.package, digest)
    print(f"image of {name} version {version}: {image}")
    return image


def _record(registration: Registration, digest: str, image: str | None) -> None:
    """Tell the model version of its package. The digest comes last: without it, the version is not finished.

    So whatever ends this step on the way, a build that fails too, the next run of the same model makes it good
    (`is_unfinished` of evaluate).
    """
    if not tracking.has_store():
        print(f"{tracking.URI_VARIABLE} is not set: the digest is not written to the model version, keep it yourself")
        return
    client = registry.connect()
    run = os.environ.get("AZUREML_ROOT_RUN_ID", "")
    tags = {RUN_TAG: run, **({IMAGE_TAG: image} if image else {}), registry.PACKAGE_DIGEST_TAG: digest}
    for tag, value in tags.items():
        registry.set_version_tag(client, registration.model_name, registration.version, tag, value)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the model that evaluate judged")
    parser.add_argument("--decision", type=Path, required=True, help="the decision of evaluate")
    parser.add_argument("--registration", type=Path, required=True, help="the registration of register")
    parser.add_argument("--registry", help="where the image is built: a container registry's name or ARM id")
    parser.add_argument("--repository", help="its repository; the model's name by default")
    parser.add_argument("--package", type=Path, required=True, help="the output folder")
    return parser.parse_args()


if __name__ == "__main__":
    run_step(main)
