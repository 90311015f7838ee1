"""`penstock provision`, from nothing to a workspace and back, by the real client, with this repository's own files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from provisioning import DEPLOYMENT, PROD, REPOSITORY, Changed, Provision

if TYPE_CHECKING:
    from local_azure import LocalAzure

PENSTOCK = Path(sys.executable).with_name("penstock")


def test_it_makes_what_is_missing_and_takes_away_what_it_made(provision: Provision, azure: LocalAzure) -> None:
    assert provision("--stage", "prod", "--dry-run") == dict.fromkeys([*PROD, DEPLOYMENT], "create")
    assert azure.writes() == []
    azure.faults.slow_operations = 2
    assert provision("--stage", "prod") == {**dict.fromkeys(PROD, "create"), DEPLOYMENT: "waits"}
    azure.requests.clear()
    assert provision("--stage", "prod") == {**dict.fromkeys(PROD, "unchanged"), DEPLOYMENT: "waits"}
    assert azure.writes() == []
    cluster = next(azure.documents.get(id_) for id_ in azure.documents if id_.endswith("/computes/cpu-cluster"))
    assert cluster is not None
    cluster["properties"]["properties"]["scaleSettings"]["maxNodeCount"] = 2
    assert provision("--stage", "prod")["compute cpu-cluster"] == "update"

    assert provision("--stage", "staging")["online endpoint diabetes-staging"] == "create"
    kept = provision("--stage", "prod", "--remove", "--yes")
    assert [kept[label] for label in PROD] == ["kept", "kept", "kept", "kept", "remove", "remove"], (
        "what another stage uses was removed"
    )


def test_a_batch_endpoint_runs_the_pipeline_that_was_published_last(provision: Provision, azure: LocalAzure) -> None:
    azure.reset()
    variables = {"AZURE_RESOURCE_GROUP": "rg-penstock", "AZURE_ML_WORKSPACE": "mlw-penstock"}
    assert provision("--stage", "prod", **variables)[DEPLOYMENT] == "waits"
    component = f"{azure.workspace}/components/batch_score_diabetes/versions"
    body = {"properties": {"componentSpec": {"type": "pipeline", "name": "batch_score_diabetes"}}}
    azure.documents.put(component.removesuffix("/versions"), {"properties": {}})
    azure.documents.put(f"{component}/1.0.0", body)
    assert provision("--stage", "prod", **variables)[DEPLOYMENT] == "create"
    endpoint = azure.documents.get(f"{azure.workspace}/batchEndpoints/diabetes-batch")
    assert endpoint is not None
    assert endpoint["properties"]["defaults"] == {"deploymentName": "batch-score"}
    azure.requests.clear()
    assert provision("--stage", "prod", **variables)[DEPLOYMENT] == "unchanged"
    assert azure.writes() == []
    azure.documents.put(f"{component}/1.0.1", body)
    assert provision("--stage", "prod", **variables)[DEPLOYMENT] == "update"
    deployment = azure.documents.get(f"{azure.workspace}/batchEndpoints/diabetes-batch/deployments/batch-score")
    assert deployment is not None
    assert deployment["properties"]["deploymentConfiguration"]["componentId"]["assetId"] == f"{component}/1.0.1"
    assert provision("--stage", "prod", "--remove", "--yes", **variables)[DEPLOYMENT] == "remove"


def test_a_batch_deployment_is_made_as_its_file_says(provision: Provision, changed: Changed) -> None:
    azure, variables = changed.azure, changed.variables
    changed.publish()
    provision("--stage", "prod", **variables)
    path = f"{azure.workspace}/batchEndpoints/diabetes-batch/deployments/batch-score"
    deployment = changed.document(path)
    deployment["tags"]["owner"] = "team-b"
    cluster = f"{azure.workspace}/computes/cpu-cluster"
    deployment["properties"]["deploymentConfiguration"]["settings"] = {
        "default_compute": cluster,
        "force_rerun": "true",
    }
    assert set(provision("--stage", "prod", **variables).values()) == {"unchanged"}, (
        "the cluster is the same, by its id"
    )

    azure.documents.put(f"{azure.workspace}/computes/large", changed.document(cluster))
    changed.file("endpoints/prod.batch.deployment.yml", "azureml:cpu-cluster", "azureml:large")
    changed.file("endpoints/prod.batch.deployment.yml", "type: pipeline", "type: pipeline\ndescription: Scores.")
    done = provision("--stage", "prod", **variables)
    assert {label for label, action in done.items() if action != "unchanged"} == {DEPLOYMENT}
    deployment = changed.document(path)
    assert deployment["properties"]["description"] == "Scores."
    settings = deployment["properties"]["deploymentConfiguration"]["settings"]
    assert settings == {"default_compute": "azureml:large", "force_rerun": "true"}
    assert deployment["tags"] == {"owner": "team-b", "penstock": "provisioned"}
    assert set(provision("--stage", "prod", **variables).values()) == {"unchanged"}


@pytest.mark.parametrize("default", [None, "by-hand"])
def test_a_batch_endpoint_that_has_lost_its_default_gets_it_back(
    provision: Provision, changed: Changed, default: str | None
) -> None:
    azure, variables = changed.azure, changed.variables
    changed.publish()
    provision("--stage", "prod", **variables)
    endpoint = changed.document(f"{azure.workspace}/batchEndpoints/diabetes-batch")
    endpoint["properties"]["defaults"] = {"deploymentName": default} if default else None
    done = provision("--stage", "prod", **variables)
    assert {label for label, action in done.items() if action != "unchanged"} == {DEPLOYMENT}
    endpoint = changed.document(endpoint["id"])
    assert endpoint["properties"]["defaults"] == {"deploymentName": "batch-score"}


def test_two_batch_deployments_do_not_take_the_default_from_each_other(provision: Provision, changed: Changed) -> None:
    variables = changed.variables
    changed.publish()
    first = changed.folder / ".azure/endpoints/prod.batch.deployment.yml"
    second = first.read_text(encoding="utf-8").replace("name: batch-score", "name: batch-second")
    first.with_name("prod.second.deployment.yml").write_text(second, encoding="utf-8")
    provision("--stage", "prod", **variables)
    assert set(provision("--stage", "prod", **variables).values()) == {"unchanged"}


def test_what_others_made_is_not_changed_either(provision: Provision, azure: LocalAzure) -> None:
    azure.reset()
    variables = {"AZURE_RESOURCE_GROUP": "rg-penstock", "AZURE_ML_WORKSPACE": "mlw-penstock"}
    provision("--stage", "prod", **variables)
    path = f"{azure.workspace}/computes/cpu-cluster"
    cluster = azure.documents.get(path)
    assert cluster is not None
    cluster["tags"] = {"owner": "team-b"}
    cluster["properties"]["properties"]["scaleSettings"]["maxNodeCount"] = 50
    azure.requests.clear()
    said = provision("--stage", "prod", fails=1, **variables)
    assert said.startswith("not as declared, and not made by penstock, so left alone: compute cpu-cluster")
    assert azure.writes() == []
    assert provision("--stage", "prod", "--remove", "--yes", **variables)["compute cpu-cluster"] == "kept"
    assert path in azure.documents


def test_an_update_keeps_the_tags_of_others(provision: Provision, azure: LocalAzure) -> None:
    azure.reset()
    variables = {"AZURE_RESOURCE_GROUP": "rg-penstock", "AZURE_ML_WORKSPACE": "mlw-penstock"}
    provision("--stage", "prod", **variables)
    cluster = azure.documents.get(f"{azure.workspace}/computes/cpu-cluster")
    assert cluster is not None
    cluster["tags"]["cost_center"] = "7"
    cluster["properties"]["properties"]["scaleSettings"]["maxNodeCount"] = 50
    assert provision("--stage", "prod", **variables)["compute cpu-cluster"] == "update"
    cluster = azure.documents.get(f"{azure.workspace}/computes/cpu-cluster")
    assert cluster is not None
    assert cluster["tags"] == {"cost_center": "7", "penstock": "provisioned"}


def test_an_update_of_an_endpoint_leaves_its_traffic_where_it_is(provision: Provision, changed: Changed) -> None:
    azure, variables = changed.azure, changed.variables
    provision("--stage", "prod", **variables)
    path = f"{azure.workspace}/onlineEndpoints/diabetes-prod"
    endpoint = changed.document(path)
    for name in ("v1", "v2"):
        serving = {"endpointComputeType": "Managed", "scaleSettings": {"scaleType": "Default"}}
        azure.documents.put(
            f"{path}/deployments/{name}", {"sku": {"name": "Default", "capacity": 1}, "properties": serving}
        )
    endpoint["tags"]["current"] = "v2"
    endpoint["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {f"{azure.group}/providers/x/i": {}}}
    endpoint["properties"] |= {
        "traffic": {"v2": 100},
        "mirrorTraffic": {"v1": 10},
        "publicNetworkAccess": "Disabled",
        "properties": {"note": "of a person"},
    }
    changed.file("endpoints/prod.yml", "The diabetes model, prod.", "Another description.")
    assert provision("--stage", "prod", **variables)["online endpoint diabetes-prod"] == "update"
    after = changed.document(path)
    assert after["properties"]["description"] == "Another description."
    assert after["properties"]["traffic"] == {"v2": 100}
    assert after["properties"]["mirrorTraffic"] == {"v1": 10}
    assert after["tags"] == {"current": "v2", "penstock": "provisioned"}
    assert after["identity"]["type"].lower() == "userassigned"
    assert list(after["identity"]["userAssignedIdentities"]) == [f"{azure.group}/providers/x/i"]
    assert after["properties"]["publicNetworkAccess"] == "Disabled"
    assert after["properties"]["properties"]["note"] == "of a person"
    assert provision("--stage", "prod", **variables)["online endpoint diabetes-prod"] == "unchanged"


def test_an_update_of_a_batch_endpoint_leaves_its_default_where_it_is(provision: Provision, changed: Changed) -> None:
    azure, variables = changed.azure, changed.variables
    provision("--stage", "prod", **variables)
    path = f"{azure.workspace}/batchEndpoints/diabetes-batch"
    azure.documents.put(f"{path}/deployments/by-hand", {"properties": {}})
    changed.document(path)["properties"]["defaults"] = {"deploymentName": "by-hand"}
    changed.file("endpoints/prod.batch.yml", "The champion of the diabetes model, over tables.", "Tables.")
    assert provision("--stage", "prod", **variables)["batch endpoint diabetes-batch"] == "update"
    after = changed.document(path)
    assert after["properties"]["description"] == "Tables."
    assert after["properties"]["defaults"] == {"deploymentName": "by-hand"}


def test_a_subscription_that_has_no_such_service_is_told(provision: Provision, azure: LocalAzure) -> None:
    azure.resources.unregistered.add("Microsoft.ContainerRegistry")
    said = provision("--stage", "prod", fails=1)
    assert said.startswith("container registry crnew: Azure says: The subscription is not registered to use namespace")
    assert "az provider register --namespace" in said
    assert [request.path.rpartition("/")[2] for request in azure.requests if request.method == "POST"][-1] == "register"


@pytest.mark.parametrize("kind", ["throttled", "unavailable", "lost_after", "conflict"])
def test_a_fault_on_the_way(provision: Provision, azure: LocalAzure, kind: Any) -> None:
    azure.reset()
    variables = {"AZURE_RESOURCE_GROUP": "rg-penstock", "AZURE_ML_WORKSPACE": "mlw-penstock"}
    azure.faults.add(r"PUT .*(registries|computes|onlineEndpoints)/", kind, times=1, retry_after="0")
    if kind == "conflict":
        said = provision("--stage", "prod", fails=1, **variables)
        assert said.startswith("container registry crnew: Azure says: Another operation is in progress")
    assert "create" in provision("--stage", "prod", **variables).values()
    assert azure.faults.unmet == []
    assert set(provision("--stage", "prod", **variables).values()) == {"unchanged", "waits"}


def test_what_a_file_lacks_is_told(provision: Provision, azure: LocalAzure, tmp_path: Path) -> None:
    said = provision(".azure/compute/kubernetes.yml", "--stage", "prod", fails=2)
    assert said == ".azure/compute/kubernetes.yml:6:14: the variable AZURE_KUBERNETES_ID is not set"
    said = provision("pipelines/retrain_diabetes.yml", "--stage", "prod", fails=2)
    assert said.startswith("pipelines/retrain_diabetes.yml: $schema says of nothing that can be provisioned what it is")
    assert azure.requests == []


def test_azure_s_client_and_check_take_all_of_it() -> None:
    """Of every file in .azure/, those of Kubernetes and Spark too."""
    from penstock.azure.declared import read_declared

    files = [path for path in sorted((REPOSITORY / ".azure").rglob("*.yml")) if "pipelines" not in path.parts]
    names = {"AZURE_KUBERNETES_ID": "/subscriptions/s/k", "AZURE_SPARK_POOL_ID": "/subscriptions/s/p"}
    kinds = {path.relative_to(REPOSITORY / ".azure").as_posix(): read_declared(path, names).kind for path in files}
    assert kinds == {
        "compute/cpu-cluster.yml": "compute",
        "compute/kubernetes.yml": "compute",
        "compute/spark-pool.yml": "compute",
        "endpoints/prod.batch.deployment.yml": "batch deployment",
        "endpoints/prod.batch.yml": "batch endpoint",
        "endpoints/prod.yml": "online endpoint",
        "endpoints/staging.yml": "online endpoint",
        "kubernetes/prod.yml": "online endpoint",
        "kubernetes/staging.yml": "online endpoint",
        "workspace.yml": "workspace",
    }
    done = subprocess.run([str(PENSTOCK), "check", *map(str, files)], capture_output=True, text=True, check=False)
    told = f"nothing wrong in {len(files)} Azure ML files\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", told), done.stdout
