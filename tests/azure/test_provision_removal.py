"""`penstock provision --remove`: what is taken away, what stays for others, and a removal that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from provisioning import PROD, Changed, Provision

if TYPE_CHECKING:
    from local_azure import LocalAzure


CLUSTER, WORKSPACE = "compute cpu-cluster", PROD[2]
REMOVE = ("--remove", "--yes")


@pytest.mark.parametrize("order", [("dev", "staging", "prod"), ("prod", "staging", "dev")])
def test_a_cluster_goes_with_the_last_stage_that_uses_it(
    provision: Provision, azure: LocalAzure, order: tuple[str, str, str]
) -> None:
    """The stage dev was not provisioned: its jobs run on the cluster that the others have made."""
    provision("--stage", "prod")
    provision("--stage", "staging")
    first, second, last = order
    planned = provision("--stage", first, "--remove", "--dry-run")
    done = provision("--stage", first, *REMOVE)
    assert planned == done
    left = [stage for stage in ("dev", "staging", "prod") if stage != first]
    told = (
        f"stages {', '.join(left)} use it, until the last of them is removed: penstock provision --stage NAME --remove"
    )
    group, registry, workspace = PROD[:3]
    assert (done.why[CLUSTER], done.why[workspace]) == (told, told)
    assert [done.why[label] for label in (group, registry)] == [f"{CLUSTER} is kept"] * 2
    done = provision("--stage", second, *REMOVE)
    assert done[CLUSTER] == "kept"
    assert done.why[CLUSTER] == f"stage {last} uses it, until penstock provision --stage {last} --remove"
    assert provision("--stage", last, "--remove", "--dry-run")[CLUSTER] == "remove"
    assert set(provision("--stage", last, *REMOVE).values()) <= {"remove", "absent"}
    assert list(azure.documents) == []


def test_a_stage_that_comes_back_uses_the_cluster_again(provision: Provision, azure: LocalAzure) -> None:
    provision("--stage", "prod")
    id_ = next(each for each in azure.documents if each.endswith("/computes/cpu-cluster"))
    before = azure.documents.get(id_)
    provision("--stage", "prod", *REMOVE)
    after = azure.documents.get(id_)
    assert before is not None
    assert after is not None
    assert (after["properties"], after["identity"]) == (before["properties"], before["identity"])
    azure.requests.clear()
    provision("--stage", "prod", *REMOVE)
    assert azure.writes() == [], "it was noted before"
    done = provision("--stage", "prod")
    for label in (CLUSTER, WORKSPACE):
        assert (done[label], done.why[label]) == ("update", "stage prod was removed from it")
    assert set(provision("--stage", "prod").values()) == {"unchanged", "waits"}
    provision("--stage", "dev", *REMOVE)
    assert provision("--stage", "staging", *REMOVE)[CLUSTER] == "kept"
    assert provision("--stage", "prod", *REMOVE)[CLUSTER] == "remove"


def test_a_workspace_goes_with_the_last_stage_in_it_too(provision: Provision, changed: Changed) -> None:
    """Of the other stages none names a compute target: their jobs are serverless."""
    changed.azure.documents.clear()
    text = (changed.folder / "penstock.toml").read_text(encoding="utf-8")
    others, name, prod = text.partition("[stages.prod]")
    (changed.folder / "penstock.toml").write_text(
        others.replace("azureml:cpu-cluster", "azureml:serverless") + name + prod, encoding="utf-8"
    )
    provision("--stage", "prod")
    done = provision("--stage", "prod", *REMOVE)
    assert (done[CLUSTER], done[WORKSPACE]) == ("remove", "kept")
    assert provision("--stage", "dev", *REMOVE)[WORKSPACE] == "kept"
    provision("--stage", "staging", *REMOVE)
    assert list(changed.azure.documents) == []


def test_a_stage_in_another_workspace_does_not_count(provision: Provision, changed: Changed) -> None:
    """Nor does one whose workspace is a variable that is not set here."""
    changed.azure.documents.clear()
    changed.file("penstock.toml", "$AZURE_ML_WORKSPACE", "$OTHER_WORKSPACE")
    prod = changed.folder / "penstock.toml"
    before, name, after = prod.read_text(encoding="utf-8").partition("[stages.prod]")
    before = before.replace("$OTHER_WORKSPACE", "mlw-other", 1)
    prod.write_text(before + name + after.replace("$OTHER_WORKSPACE", "$AZURE_ML_WORKSPACE"), encoding="utf-8")
    provision("--stage", "prod")
    assert provision("--stage", "prod", *REMOVE)[CLUSTER] == "remove"
    assert list(changed.azure.documents) == []


def test_what_others_made_is_not_taken_away(provision: Provision, changed: Changed) -> None:
    azure, variables = changed.azure, changed.variables
    changed.only_prod()
    provision("--stage", "prod", **variables)
    done = provision("--stage", "prod", "--remove", "--yes", **variables)
    assert [label for label, action in done.items() if action == "kept"] == [
        "workspace mlw-penstock",
        "container registry crnew",
        "resource group rg-penstock",
    ]
    assert azure.workspace in azure.documents


def test_what_was_made_with_the_workspace_goes_with_it_and_the_registry_of_others_stays(
    provision: Provision, changed: Changed
) -> None:
    azure = changed.azure
    azure.documents.clear()
    changed.only_prod()
    group = f"/subscriptions/{azure.environment['AZURE_SUBSCRIPTION_ID']}/resourceGroups/rg-new"
    registry = f"{group}/providers/Microsoft.ContainerRegistry/registries/crnew"
    azure.documents.put(group, {"location": "westeurope"})
    azure.documents.put(registry, {"location": "westeurope"})
    provision("--stage", "prod")
    made = {path.split("/providers/")[1].partition("/")[0] for path in azure.documents if "/providers/" in path}
    assert made >= {"Microsoft.Storage", "Microsoft.KeyVault", "Microsoft.Insights", "Microsoft.OperationalInsights"}
    done = provision("--stage", "prod", "--remove", "--yes")
    assert [label for label, action in done.items() if action == "kept"] == [PROD[1], PROD[0]]
    assert [path for path in azure.documents if "deployments" not in path] == [group, registry]
    assert provision("--stage", "prod")["workspace mlw-new"] == "create", "its name is free again"


@pytest.mark.parametrize(
    "what", ["storageAccounts", "vaults", "components", "Microsoft.OperationalInsights/workspaces"]
)
def test_a_removal_that_was_cut_off_after_the_workspace_goes_on(
    provision: Provision, changed: Changed, what: str
) -> None:
    azure = changed.azure
    azure.documents.clear()
    changed.only_prod()
    provision("--stage", "prod")
    azure.faults.add(f"(?i)DELETE .*/{what}/", "forbidden")
    said = provision("--stage", "prod", *REMOVE, fails=1)
    assert str(said).startswith("workspace mlw-new: Azure says: The client does not have authorization")
    azure.faults.lift()
    assert not [path for path in azure.documents if "/Microsoft.MachineLearningServices/" in path]
    done = provision("--stage", "prod", *REMOVE)
    assert [done[label] for label in PROD[:4]] == ["remove", "remove", "remove", "absent"]
    assert list(azure.documents) == []


def test_what_a_removal_has_left_is_no_obstacle_and_goes_with_the_next(provision: Provision, changed: Changed) -> None:
    azure = changed.azure
    azure.documents.clear()
    changed.only_prod()
    provision("--stage", "prod")
    azure.faults.add("(?i)DELETE .*/vaults/", "forbidden")
    provision("--stage", "prod", *REMOVE, fails=1)
    azure.faults.lift()
    assert provision("--stage", "prod")["workspace mlw-new"] == "create"
    assert sum("/vaults/" in path for path in azure.documents) == 2
    assert set(provision("--stage", "prod", *REMOVE).values()) <= {"remove", "absent"}
    assert list(azure.documents) == []


def test_what_was_made_with_another_workspace_stays(provision: Provision, changed: Changed) -> None:
    azure = changed.azure
    azure.documents.clear()
    changed.only_prod()
    provision("--stage", "prod", AZURE_ML_WORKSPACE="mlw-other", AZURE_CONTAINER_REGISTRY="crother")
    theirs = list(azure.documents)
    provision("--stage", "prod")
    done = provision("--stage", "prod", *REMOVE)
    assert (done["workspace mlw-new"], done["resource group rg-new"]) == ("remove", "kept")
    assert [path for path in theirs if path not in azure.documents] == []


def test_a_workspace_that_azure_does_not_remove_keeps_its_data(provision: Provision, changed: Changed) -> None:
    azure = changed.azure
    azure.documents.clear()
    changed.only_prod()
    provision("--stage", "prod")
    azure.faults.add("(?i)DELETE .*/Microsoft.MachineLearningServices/workspaces/mlw-new$", "forbidden")
    provision("--stage", "prod", *REMOVE, fails=1)
    kinds = {path.split("/providers/")[1].partition("/")[0] for path in azure.documents if "/providers/" in path}
    assert kinds >= {"Microsoft.Storage", "Microsoft.KeyVault", "Microsoft.Insights", "Microsoft.OperationalInsights"}
