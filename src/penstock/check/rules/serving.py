"""PS94x: endpoints and deployments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.graph.coded import scalar
from penstock.spec.kind import Kind
from penstock.spec.source import Scalar, scalar_text

# "Managed online endpoint" and "batch endpoint" YAML references, key name.
_ENDPOINT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")


@rule("PS941", "An endpoint name that Azure does not take")
def endpoint_name(subject: Subject) -> Iterator[Told]:
    key = {"endpoint": "name", "deployment": "endpoint_name"}.get(subject.kind.family)
    name = scalar(subject.root, key) if key else None
    if name is not None and not _ENDPOINT_NAME.fullmatch(scalar_text(name)):
        fix = "Use 3 to 32 letters, digits and dashes; begin with a letter and do not end with a dash."
        yield Told(f"'{scalar_text(name)}' cannot be the name of an endpoint.", name.place, fix)


@rule("PS942", "Traffic that does not add up")
def traffic(subject: Subject) -> Iterator[Told]:
    shares = subject.root.mapping("traffic") if subject.kind.family == "endpoint" else None
    values = [entry.value for entry in shares or ()]
    numbers = [node.value for node in values if isinstance(node, Scalar) and isinstance(node.value, int)]
    if shares is not None and len(numbers) == len(values) and sum(numbers) not in (0, 100):
        message = f"the traffic adds up to {sum(numbers)} %; Azure takes 100, or 0 for none at all."
        yield Told(message, subject.root.key_place("traffic"))


@rule("PS944", "Scaling that a managed endpoint does not have", azure_only=True)
def managed_scaling(subject: Subject) -> Iterator[Told]:
    # "CLI (v2) managed online deployment YAML schema": only the scale type `default` is supported.
    managed = subject.kind == Kind("deployment", "managed_online") and subject.root.text("type") != "kubernetes"
    kind = scalar(subject.root.mapping("scale_settings"), "type") if managed else None
    if kind is not None and scalar_text(kind) == "target_utilization":
        fix = "Write instance_count:, and let Azure Monitor's autoscale change it."
        yield Told("a managed deployment cannot scale by its utilization itself.", kind.place, fix)


@rule("PS946", "A deployment that lacks a part", azure_only=True)
def lacks_part(subject: Subject) -> Iterator[Told]:
    if subject.kind.family != "deployment" or subject.kind.type not in ("managed_online", "kubernetes_online", "batch"):
        return
    root = subject.root
    configuration = root.mapping("code_configuration")
    if configuration is not None:
        for key, other in (("scoring_script", "code"), ("code", "scoring_script")):
            if configuration.get(key) is None and configuration.get(other) is not None:
                message = f"code_configuration has {other}: but no {key}:, and Azure's client cannot do without."
                yield Told(message, root.key_place("code_configuration"), f"Add {key}:.")
    if subject.kind.type == "batch" and not {"model", "component", "job_definition"} & set(root.entries):
        yield Told("the batch deployment names no model.", root.place, "Add model: azureml:NAME:VERSION.")
    if root.get("environment") is None and _needs_environment(subject):
        fix = "Add environment: azureml:NAME:VERSION; only an MLflow model without a script of yours needs none."
        yield Told("the deployment names no environment.", root.place, fix)


def _needs_environment(subject: Subject) -> bool:
    """Whether it is online with a script of its own: then an MLflow model needs one too.

    Source: "Deploy MLflow models to online endpoints", Customize. A model of a registry may bring what it needs.
    """
    if subject.kind.type == "batch" or subject.root.mapping("code_configuration") is None:
        return False
    return not (subject.root.text("model") or "").startswith("azureml://registries/")


@rule("PS949", "A sampling rate that is none", azure_only=True)
def sampling_rate(subject: Subject) -> Iterator[Told]:
    rate = scalar(subject.root.mapping("data_collector"), "sampling_rate")
    value = rate.value if rate is not None and subject.kind.family == "deployment" else None
    if rate is not None and isinstance(value, int | float) and not 0 <= value <= 1:
        yield Told(f"the sampling_rate must be within 0 and 1, not {rate.text}.", rate.place, "1.0 is all data.")
