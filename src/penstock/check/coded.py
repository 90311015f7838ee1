"""What of a subject has code and an environment: a step of any type, or a deployment."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.check.memory import remembered
from penstock.check.subject import Subject
from penstock.graph.coded import Coded, Scripted, ScriptKind, code_at, scalar, scripted_of, variables_at
from penstock.spec.model import OtherComponent
from penstock.spec.source import Mapping


def coded(subject: Subject) -> tuple[Coded, ...]:
    """All in a subject that has code and an environment."""
    return (*subject.commands(), *scripted(subject))


def scripted(subject: Subject, *kinds: ScriptKind) -> tuple[Scripted, ...]:
    """The steps and the deployment in a subject that name a script; of these kinds, if any are given."""

    def find() -> tuple[Scripted, ...]:
        return tuple(_all(subject))

    found = remembered(subject, ("scripted", subject.file, id(subject.root)), find)
    return tuple(one for one in found if one.kind in kinds) if kinds else found


def _all(subject: Subject) -> Iterator[Scripted]:
    for component in subject.components():
        found = scripted_of(component) if isinstance(component, OtherComponent) else None
        if found is not None:
            yield found
    kind: dict[str, ScriptKind] = {"managed_online": "online", "kubernetes_online": "online", "batch": "batch"}
    if subject.kind.family == "deployment" and subject.kind.type in kind:
        yield _deployment(subject, kind[subject.kind.type])


def _deployment(subject: Subject, kind: ScriptKind) -> Scripted:
    configuration = subject.root.mapping("code_configuration") or Mapping(subject.root.place, {})
    return Scripted(
        name="the deployment",
        kind=kind,
        folder=subject.folder,
        code=code_at(configuration),
        environment=subject.root.get("environment"),
        environment_variables=variables_at(subject.root),
        script=scalar(configuration, "scoring_script"),
        source=configuration,
        place=subject.root.place,
    )
