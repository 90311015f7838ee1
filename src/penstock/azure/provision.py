"""A stage's own resources: looked at, made, and taken away again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from penstock.azure.arm import Arm
from penstock.azure.batch import BatchDeployment
from penstock.azure.client import asking
from penstock.azure.declared import TAG, TAG_VALUE, Declared, Found, differences, is_ours, named_by, noted, removed_from
from penstock.azure.workspace import WorkspaceOfStage
from penstock.store.stages import Stage

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_GROUPS, _REGISTRIES, _COMPUTES = "2021-04-01", "2023-07-01", "2024-04-01"
# What Azure adds by itself to a group with Application Insights.
_OF_INSIGHTS = {"microsoft.alertsmanagement/smartdetectoralertrules", "microsoft.insights/actiongroups"}
# What Azure fills in or what releases change.
_OF_RELEASES = ("traffic", "mirror_traffic")
_NOT_COMPARED = {"tags", "properties", "location", "compute", *_OF_RELEASES}
# What an update takes over from what is there, where the file is silent: a PUT replaces all of it.
_UNDECLARED = {"compute": ("description", "identity")}
_UNDECLARED_OF_ENDPOINT = ("description", "identity", "properties", "public_network_access", "defaults")


class Resource(Protocol):
    """One thing at Azure."""

    @property
    def label(self) -> str:
        """Its kind and name, for a person."""
        ...

    def look(self) -> Found | None:
        """What there is of it; None if nothing. Raises azure.core's exceptions, as the other methods."""
        ...

    def waits_for(self) -> str:
        """What has to be done by others before it can be made; empty if nothing."""
        ...

    def make(self) -> None:
        """Create it, or make it as declared."""
        ...

    def left_in_it(self) -> list[str]:
        """What would go with it that is not its own."""
        ...

    def leave(self) -> None:
        """Leave it to the other stages that use it."""
        ...

    def remove(self) -> None:
        """Take it away."""
        ...


class Step(Struct, frozen=True):
    """What is to be done with a resource: create, update, remove or nothing (unchanged, kept, absent, waits).

    `leaves`: it is kept for other stages, and this one uses it no more.
    """

    resource: Resource
    action: str
    why: str = ""
    leaves: bool = False


class Group:
    """The resource group."""

    def __init__(self, arm: Arm, stage: Stage) -> None:
        self._arm, self._stage = arm, stage
        self._id = f"/subscriptions/{stage.subscription}/resourceGroups/{stage.resource_group}"
        self.label = f"resource group {stage.resource_group}"

    def look(self) -> Found | None:
        return _found(self._arm.get(self._id, _GROUPS))

    def waits_for(self) -> str:
        return ""

    def make(self) -> None:
        self._arm.put(self._id, _GROUPS, {"location": self._stage.location, "tags": {TAG: TAG_VALUE}})

    def left_in_it(self) -> list[str]:
        found = self._arm.each(f"{self._id}/resources", _GROUPS)
        return [f"{each['type']} {each['name']}" for each in found if str(each["type"]).lower() not in _OF_INSIGHTS]

    def leave(self) -> None:
        """No other stage is known to use it."""

    def remove(self) -> None:
        self._arm.delete(self._id, _GROUPS)


class Registry:
    """The container registry, without an administrator's password: identities push and pull."""

    def __init__(self, arm: Arm, stage: Stage) -> None:
        self._arm, self._stage = arm, stage
        self.id = registry_id(stage)
        self.label = f"container registry {stage.container_registry}"

    def look(self) -> Found | None:
        return _found(self._arm.get(self.id, _REGISTRIES))

    def waits_for(self) -> str:
        return ""

    def make(self) -> None:
        body = {"sku": {"name": "Basic"}, "properties": {"adminUserEnabled": False}, "tags": {TAG: TAG_VALUE}}
        self._arm.put(self.id, _REGISTRIES, {"location": self._stage.location, **body})

    def left_in_it(self) -> list[str]:
        return []

    def leave(self) -> None:
        """No other stage is known to use it."""

    def remove(self) -> None:
        self._arm.delete(self.id, _REGISTRIES)


class OfWorkspace:
    """What a file declares in the workspace: a compute target, an endpoint.

    `others`: the stages in the same workspace. A compute target is theirs, too, if they name it, until they are
    removed; a tag of it says which have been.
    """

    def __init__(self, client: MLClient, arm: Arm, stage: Stage, declared: Declared, others: Sequence[Stage]) -> None:
        self._client, self._arm, self._stage, self._declared = client, arm, stage, declared
        self._entity = declared.entity
        self._entity.tags = {**(self._entity.tags or {}), TAG: TAG_VALUE}
        self.label = f"{declared.kind} {self._entity.name}"
        self._others = [each.name for each in others if declared.kind == "compute" and declared.name in named_by(each)]

    def look(self) -> Found | None:
        there = self._there()
        if there is None:
            return None
        found, removed = differences(_plain(self._entity), _plain(there)), removed_from(there.tags)
        if self._stage.name in removed:
            found.append(f"stage {self._stage.name} was removed from it")
        return Found(is_ours(there.tags), tuple(found), tuple(each for each in self._others if each not in removed))

    def waits_for(self) -> str:
        return ""

    def make(self) -> None:
        """An update keeps what releases have changed, what others have noted, and what is not declared."""
        there = self._there()
        if there is not None:
            self._take_over(there)
        self._operations.begin_create_or_update(self._entity).result()

    def left_in_it(self) -> list[str]:
        return []

    def remove(self) -> None:
        name = self._entity.name
        if self._declared.kind == "compute":
            attached = self._entity.type not in {"amlcompute", "computeinstance"}
            self._client.compute.begin_delete(name, action="Detach" if attached else "Delete").result()
        else:
            self._operations.begin_delete(name).result()

    def leave(self) -> None:
        """Note that the stage uses it no more. All else stays as it is, whatever the file says by now."""
        id_ = f"{self._stage.workspace_id}/computes/{self._entity.name}"
        there = self._arm.get(id_, _COMPUTES) or {}
        tags = there.get("tags") or {}
        if self._stage.name in removed_from(tags):
            return
        kept = {key: value for key, value in there.items() if key in {"identity", "location", "properties", "sku"}}
        self._arm.put(id_, _COMPUTES, {**kept, "tags": noted(tags, self._stage.name, is_removed=True)})

    def _there(self) -> Any | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return self._operations.get(self._entity.name)
        except ResourceNotFoundError:
            return None

    def _take_over(self, there: Any) -> None:
        entity = self._entity
        entity.tags = {**noted(there.tags, self._stage.name, is_removed=False), **entity.tags}
        undeclared = _UNDECLARED.get(self._declared.kind, _UNDECLARED_OF_ENDPOINT)
        for key in (*_OF_RELEASES, *undeclared):
            if hasattr(entity, key) and (key in _OF_RELEASES or not getattr(entity, key)):
                setattr(entity, key, getattr(there, key, None))

    @property
    def _operations(self) -> Any:
        return {
            "compute": self._client.compute,
            "online endpoint": self._client.online_endpoints,
            "batch endpoint": self._client.batch_endpoints,
        }[self._declared.kind]


def registry_id(stage: Stage) -> str:
    """The ARM id of a stage's container registry."""
    group = f"/subscriptions/{stage.subscription}/resourceGroups/{stage.resource_group}"
    return f"{group}/providers/Microsoft.ContainerRegistry/registries/{stage.container_registry}"


def resources_of(
    client: MLClient, arm: Arm, stage: Stage, declared: Sequence[Declared], others: Sequence[Stage] = ()
) -> list[Resource]:
    """All of a stage, each after what it needs. `others`: the stages in the same workspace, which a removal minds."""
    registry: list[Resource] = [Registry(arm, stage)] if stage.container_registry else []
    return [Group(arm, stage), *registry, *(of_workspace(client, arm, stage, each, others) for each in declared)]


def of_workspace(
    client: MLClient, arm: Arm, stage: Stage, declared: Declared, others: Sequence[Stage] = ()
) -> Resource:
    """The workspace, or something in it."""
    if declared.kind == "workspace":
        registry = registry_id(stage) if stage.container_registry else ""
        return WorkspaceOfStage(client, arm, stage, declared, registry, others)
    if declared.kind == "batch deployment":
        return BatchDeployment(client, arm, stage, declared)
    return OfWorkspace(client, arm, stage, declared, others)


def plan(resources: Sequence[Resource]) -> list[Step]:
    """What has to be made. Raises AzureError."""
    steps = []
    for resource, found in _looked_at(resources):
        if found is None or found.is_gone:
            steps.append(Step(resource, "create"))
        elif found.differences and not found.is_ours:
            steps.append(Step(resource, "kept", f"somebody else made it: {'; '.join(found.differences)}"))
        elif found.differences:
            steps.append(Step(resource, "update", "; ".join(found.differences)))
        else:
            steps.append(Step(resource, "unchanged"))
    return steps


def removal(resources: Sequence[Resource]) -> list[Step]:
    """What has to be taken away, in that order: what penstock made, and nothing else. Raises AzureError."""
    steps: list[Step] = []
    for resource, found in reversed(_looked_at(resources)):
        if found is None:
            steps.append(Step(resource, "absent"))
        elif not found.is_ours:
            steps.append(Step(resource, "kept", "somebody else made it"))
        elif found.users:
            steps.append(Step(resource, "kept", _told(found.users), leaves=True))
        else:
            steps.append(_unless_kept(Step(resource, "remove"), steps))
    return steps


def _looked_at(resources: Sequence[Resource]) -> list[tuple[Resource, Found | None]]:
    """What there is of each; in what is not there is nothing."""
    looked, parent_is_there = [], True
    for resource in resources:
        found = None
        if parent_is_there:
            with asking(resource.label):
                found = resource.look()
        looked.append((resource, found))
        if (found is None or found.is_gone) and _holds_others(resource):
            parent_is_there = False
    return looked


def carry_out(steps: Sequence[Step], told: Callable[[Step], None]) -> list[Step]:
    """Do it, one after the other, and return what was done; `told` gets each step then.

    What still holds something that was not to be removed is kept, the workspace of another stage's endpoint, say; and
    with it all that comes after, which it needs.

    Raises:
        AzureError: one of them failed. Those before it are done, and to call it all again goes on from there.
    """
    done: list[Step] = []
    for step in steps:
        step = _unless_kept(step, done)  # noqa: PLW2901
        with asking(step.resource.label):
            why = step.resource.waits_for() if step.action in {"create", "update"} else ""
            if why:
                step = Step(step.resource, "waits", why)  # noqa: PLW2901
            elif step.action in {"create", "update"}:
                step.resource.make()
            elif step.action == "remove":
                left = step.resource.left_in_it()
                if left:
                    step = Step(step.resource, "kept", f"there is {', '.join(left)}")  # noqa: PLW2901
                else:
                    step.resource.remove()
            elif step.leaves:
                step.resource.leave()
        done.append(step)
        told(step)
    return done


def _unless_kept(step: Step, before: Sequence[Step]) -> Step:
    """What is to be removed stays if something stays that needs it."""
    keeper = next((each.resource.label for each in before if each.action == "kept"), None)
    if keeper is None or step.action != "remove":
        return step
    return Step(step.resource, "kept", f"{keeper} is kept")


def _told(users: Sequence[str]) -> str:
    if len(users) == 1:
        return f"stage {users[0]} uses it, until penstock provision --stage {users[0]} --remove"
    return (
        f"stages {', '.join(users)} use it, until the last of them is removed: penstock provision --stage NAME --remove"
    )


def _holds_others(resource: Resource) -> bool:
    return isinstance(resource, Group | WorkspaceOfStage)


def _found(document: dict[str, Any] | None) -> Found | None:
    if document is None:
        return None
    return Found(is_ours(document.get("tags")))


def _plain(entity: Any) -> dict[str, Any]:
    """An entity as its YAML would be."""
    dumped: dict[str, Any] = entity._to_dict()
    return {key: value for key, value in dumped.items() if key not in _NOT_COMPARED}
