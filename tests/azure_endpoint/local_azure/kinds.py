"""What kinds of resources there are, and what a path says of them.

The kinds are a closed list: what is not in it is refused, so that a client that asks for something that Azure has not,
or that nobody looks after here, does not go on with an empty answer.
"""

from __future__ import annotations

import re

from local_azure.errors import RefusedError, bad_request

_TYPE = "Microsoft.MachineLearningServices/"
_GROUPS = re.compile(
    r"/subscriptions/[^/]+(/resourceGroups(/[^/]+(/resources|/deployments/[^/]+/operations)?)?)?", re.IGNORECASE
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
# The kinds that are answered, and the model of the SDK that their bodies are.
MODELS = {
    "workspaces": "Workspace",
    "workspaces/codes": "CodeContainer",
    "workspaces/codes/versions": "CodeVersion",
    "workspaces/components": "ComponentContainer",
    "workspaces/components/versions": "ComponentVersion",
    "workspaces/environments": "EnvironmentContainer",
    "workspaces/environments/versions": "EnvironmentVersion",
    "workspaces/data": "DataContainer",
    "workspaces/data/versions": "DataVersionBase",
    "workspaces/models": "ModelContainer",
    "workspaces/models/versions": "ModelVersion",
    "workspaces/datastores": "Datastore",
    "workspaces/jobs": "JobBase",
    "workspaces/schedules": "Schedule",
    "workspaces/computes": "ComputeResource",
    "workspaces/onlineEndpoints": "OnlineEndpoint",
    "workspaces/onlineEndpoints/deployments": "OnlineDeployment",
    "workspaces/batchEndpoints": "BatchEndpoint",
    "workspaces/batchEndpoints/deployments": "BatchDeployment",
}
_IN_REGISTRIES = ("codes", "components", "environments", "data", "models")
MODELS |= {
    f"registries/{kind}{versions}": MODELS[f"workspaces/{kind}{versions}"]
    for kind in _IN_REGISTRIES
    for versions in ("", "/versions")
}
# What else a client finds here. Models have `registries` as well, whose body nobody puts.
_KINDS = {
    *MODELS,
    "registries",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.ContainerRegistry/registries/runs",
    "Microsoft.Insights/components",
    "Microsoft.KeyVault/vaults",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Resources/deployments",
    "Microsoft.Storage/storageAccounts",
}
LONG = {"workspaces", "workspaces/computes", "workspaces/schedules", "workspaces/onlineEndpoints"}
LONG |= {"Microsoft.Resources/deployments", "Microsoft.ContainerRegistry/registries"}
LONG |= {"workspaces/onlineEndpoints/deployments", "workspaces/batchEndpoints", "workspaces/batchEndpoints/deployments"}


def kind_of(path: str) -> str:
    """`workspaces/components/versions` of a path with these names in it; empty for a resource group.

    With the provider for what is not of Azure Machine Learning: `Microsoft.Resources/deployments`.
    """
    _, _, rest = path.partition(_TYPE)
    if rest:
        return _canonical("/".join(rest.split("/")[::2]))
    provider, *parts = path.partition("/providers/")[2].split("/")
    return _canonical("/".join([provider, *parts[::2]])) if provider else ""


def _canonical(kind: str) -> str:
    return next((each for each in _KINDS if each.lower() == kind.lower()), kind)


def check_kind(path: str) -> None:
    """Raise ARM's 404 for a path to something of a kind that is not in the list."""
    if kind_of(path) in _KINDS or _GROUPS.fullmatch(path) is not None:
        return
    namespace, _, kind = path.partition("/providers/")[2].partition("/")
    kind = "/".join(kind.split("/")[::2])
    raise RefusedError(
        404, "InvalidResourceType", f"The resource type '{kind}' could not be found in the namespace '{namespace}'."
    )


def check_name(path: str) -> None:
    """Raise a 400 for a name that nothing in a workspace or registry may have.

    "azure/machine-learning" at learn.microsoft.com, reference-yaml-environment and its like, leave it at the schema:
    letters, digits, `-`, `_`, `.`, a letter or digit first, at most 255.
    """
    names = path.partition(_TYPE)[2].split("/")[1::2]
    wrong = next((name for name in names[1:] if _NAME.fullmatch(name) is None), None)
    if wrong is not None:
        raise bad_request(f"The name '{wrong}' is invalid: 1 to 255 letters, digits, '-', '_', '.'; no sign first.")


def is_collection(path: str) -> bool:
    """Whether the last part of a path is a kind of things, not the name of one."""
    rest = path.partition("/providers/")[2] or path.partition("/subscriptions/")[2]
    return len(rest.split("/")) % 2 == 0


def owner_of(path: str) -> str:
    """The workspace or registry that a path is in."""
    head, provider, rest = path.partition(_TYPE)
    return head + provider + "/".join(rest.split("/")[:2])


def parent_of(path: str) -> str | None:
    """The resource that a resource or a collection is in; None for what is right in a group."""
    head, provider, rest = path.partition("/providers/")
    parts = rest.split("/")
    inside = parts[: len(parts) - (1 if is_collection(path) else 2)]
    return f"{head}{provider}{'/'.join(inside)}" if len(inside) > 1 else None
