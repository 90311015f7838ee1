"""The local Azure refuses what Azure refuses; else what passes through it would prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure_project import project

from penstock.azure.client import connect
from penstock.store.stages import read_stage

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from local_azure import LocalAzure

Send = Callable[..., requests.Response]
Put = Callable[..., tuple[int, str]]
VERSION = "api-version=2024-01-01"
IMAGE = {"properties": {"image": "ubuntu:22.04", "tags": {}}}
DEPLOYMENT = {"location": "westeurope", "properties": {"endpointComputeType": "Managed"}}
DATA = {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/a.csv"}}


@pytest.fixture(autouse=True)
def led_there(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def client(tmp_path: Path) -> MLClient:
    project(tmp_path)
    return connect(read_stage(tmp_path))


@pytest.fixture
def send(azure: LocalAzure) -> Send:
    """Send a request to a path of management.azure.com."""
    from azure.identity import DefaultAzureCredential

    token = DefaultAzureCredential().get_token("https://management.azure.com/.default").token

    def call(method: str, path: str, body: Any = None, token: str = token) -> requests.Response:
        url = f"https://management.azure.com{path}"
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, url, json=body, headers=headers, timeout=30)

    return call


@pytest.fixture
def put(azure: LocalAzure, send: Send) -> Put:
    """PUT a body to a path in the workspace; returns the status and the message of the answer."""

    def call(path: str, body: Any, workspace: str = azure.workspace, **more: str) -> tuple[int, str]:
        answer = send("PUT", f"{workspace}/{path}?{VERSION}", body, **more)
        return answer.status_code, str(answer.json().get("error", {}).get("message", ""))

    return call


def _component(**changes: Any) -> dict[str, Any]:
    spec = {"command": "true", "environment": "azureml:base:1", "name": "c", "type": "command", **changes}
    return {"properties": {"componentSpec": spec, "isAnonymous": False}}


def _job(**changes: Any) -> dict[str, Any]:
    node = {"componentId": "azureml:c:1", "type": "command", "inputs": {"n": {"value": 1, "job_input_type": "literal"}}}
    return {"properties": {"jobType": "Pipeline", "jobs": {"a": node}, "inputs": {}, **changes}}


def _bound(value: str) -> dict[str, Any]:
    ports = {"n": {"value": value, "job_input_type": "literal"}}
    return _job(jobs={"a": {"componentId": "azureml:c:1", "type": "command", "inputs": ports}})


def _of(component: str) -> dict[str, Any]:
    return _job(jobs={"a": {"componentId": component}})


def _schedule(job: dict[str, Any]) -> dict[str, Any]:
    action = {"actionType": "CreateJob", "jobDefinition": job["properties"]}
    return {"properties": {"trigger": {"triggerType": "Cron", "expression": "0 3 * * *"}, "action": action}}


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("environments/base/versions/2", {"properties": {"imag": "x"}}, 400, "imag: there is no such key"),
        ("environments/base/versions/2", {"properties": {"image": 7}}, 400, "properties.image: str is needed, not 7"),
        ("environments/base/versions/2", {}, 400, "properties: required in EnvironmentVersion"),
        ("environments/base/versions/2", {"properties": {"image": "x", "osType": "Mac"}}, 400, "'Mac' is none of"),
        ("environments/base/versions/1", {"properties": {"image": "debian"}}, 409, "it differs in image. Versions are"),
        ("data/d/versions/1", {"properties": {"dataType": "uri_file", "dataUri": "b.csv"}}, 409, "differs in dataUri"),
        ("data/d/versions/2", {"properties": {"dataType": "uri_file"}}, 400, "dataUri: required in UriFileDataVersion"),
        ("components/c/versions/2", _component(environment="azureml:other:1"), 404, "environments/other/versions/1"),
        ("components/c/versions/2", _component(environment="azureml:base:2"), 404, "environments/base/versions/2"),
        (
            "components/c/versions/2",
            _component(name="d"),
            400,
            "name of the componentSpec is d, that of the request is c",
        ),
        (
            "components/c/versions/2",
            _component(version="3"),
            400,
            "version of the componentSpec is 3, that of the request",
        ),
        ("components/c/versions/2", _component(comand="x"), 400, "is invalid: {'comand': ['Unknown field.']}"),
        ("components/c/versions/2", _component(inputs={"n": {"type": "text"}}), 400, "is invalid: {'inputs': {'n': "),
        ("components/c/versions/2", _component(type="nonsense"), 400, "Unsupported component type: nonsense"),
        ("jobs/j", _of("azureml:gone:1"), 404, "components/gone/versions/1"),
        ("jobs/j", _job(settings={"default_compute": "{ws}/computes/gpu"}), 404, "computes/gpu could not be found"),
        ("jobs/j", _bound("${{parent.inputs.gone}}"), 400, "there is no input gone"),
        ("jobs/j", _bound("${{parent.jobs.gone.outputs.o}}"), 400, "there is no node gone"),
        ("jobs/j", _bound("${{parent.jobs.a}}"), 400, "which names no output"),
        ("jobs/j", {"properties": {"jobType": "Pipeline", "jobs": []}}, 400, "properties.jobs: an object is needed"),
        ("jobs/j", _job(), 400, "Node a gives the input n, which its component azureml:c:1 has not"),
        ("schedules/s", _schedule(_job()), 400, "Node a gives the input n, which its component azureml:c:1 has not"),
        ("schedules/s", _schedule(_bound("${{parent.inputs.gone}}")), 400, "there is no input gone"),
        ("schedules/s", _schedule(_bound("${{parent.jobs.gone.outputs.o}}")), 400, "there is no node gone"),
        ("schedules/s", _schedule(_of("azureml:gone:1")), 404, "components/gone/versions/1 could not be found"),
        ("nonsense/x", IMAGE, 404, "The resource type 'workspaces/nonsense' could not be found in the namespace"),
        ("environments/base/versions/1/x/y", IMAGE, 404, "'workspaces/environments/versions/x' could not be found"),
        ("environments/b ad!/versions/1", IMAGE, 400, "The name 'b ad!' is invalid: 1 to 255 letters, digits"),
        ("environments/base/versions/-1", IMAGE, 400, "The name '-1' is invalid"),
        ("onlineEndpoints/gone/deployments/one", DEPLOYMENT, 404, "onlineEndpoints/gone could not be found."),
    ],
)
def test_what_is_refused(azure: LocalAzure, put: Put, path: str, body: Any, status: int, told: str) -> None:
    for there, good in (
        ("environments/base/versions/1", IMAGE),
        ("data/d/versions/1", DATA),
        ("components/c/versions/1", _component()),
    ):
        assert put(there, good)[0] == 201
    before = sorted(azure.documents)
    if "default_compute" in str(body):
        body["properties"]["settings"]["default_compute"] = f"{azure.workspace}/computes/gpu"
    answered, message = put(path, body)
    assert (answered, told in message) == (status, True), message
    assert sorted(azure.documents) == before
    assert put("environments/base/versions/1", IMAGE)[0] == 200  # the same once more is no fault


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "told"),
    [
        (
            "GET",
            "{ws}/nonsense",
            404,
            "InvalidResourceType",
            "'workspaces/nonsense' could not be found in the namespace",
        ),
        ("GET", "{ws}/nonsense/x", 404, "InvalidResourceType", "'workspaces/nonsense' could not be found"),
        ("GET", "{group}/nonsense", 404, "InvalidResourceType", "could not be found"),
        ("GET", "{ws}/models/gone/versions", 404, "ResourceNotFound", "models/gone could not be found"),
        ("GET", "{ws}/onlineEndpoints/gone/deployments", 404, "ResourceNotFound", "onlineEndpoints/gone could not be"),
        ("GET", "{ws}-not/models", 404, "ResourceNotFound", "mlw-penstock-not could not be found"),
        (
            "GET",
            "/subscriptions/1-2/resourceGroups",
            404,
            "SubscriptionNotFound",
            "The subscription '1-2' could not be",
        ),
        ("POST", "{ws}/onlineEndpoints/gone/listKeys", 404, "ResourceNotFound", "onlineEndpoints/gone could not be"),
        ("POST", "{ws}/datastores/gone/listSecrets", 404, "ResourceNotFound", "datastores/gone could not be found"),
        ("POST", "{ws}/listKeys", 404, "InvalidResourceType", "listKeys: not answered here"),
        ("POST", "{ws}/models/m/versions/1/listSecrets", 404, "InvalidResourceType", "listSecrets: not answered here"),
        ("POST", "{ws}-not/codes/c/versions/1/startPendingUpload", 404, "ResourceNotFound", "-not could not be found"),
    ],
)
def test_what_is_not_there(
    azure: LocalAzure, send: Send, method: str, path: str, status: int, code: str, told: str
) -> None:
    answer = send(method, f"{path.format(ws=azure.workspace, group=azure.group)}?{VERSION}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], told in error["message"]) == (status, code, True), error


def test_a_request_says_which_api_it_is_for(azure: LocalAzure, send: Send) -> None:
    answer = send("GET", azure.workspace)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "MissingApiVersionParameter")


def test_a_version_is_not_changed_by_a_patch(azure: LocalAzure, put: Put, send: Send) -> None:
    path = f"{azure.workspace}/environments/base/versions/1?{VERSION}"
    assert put("environments/base/versions/1", IMAGE)[0] == 201
    refused = send("PATCH", path, {"properties": {"image": "debian"}})
    assert (refused.status_code, "it differs in image" in refused.text) == (409, True), refused.text
    assert send("PATCH", path, {"properties": {"tags": {"n": "1"}}}).status_code == 200
    assert send("GET", path).json()["properties"] == {"image": "ubuntu:22.04", "tags": {"n": "1"}}


def test_who_may_not_and_what_is_not_there(azure: LocalAzure, put: Put) -> None:
    from local_azure.login import make_token

    assert put("environments/base/versions/1", IMAGE, token="nonsense")[0] == 401
    other = make_token("https://storage.azure.com")
    assert put("environments/base/versions/1", IMAGE, token=other)[0] == 401
    status, message = put("environments/base/versions/1", IMAGE, workspace=f"{azure.workspace}-not")
    assert (status, message) == (404, f"The resource {azure.workspace}-not could not be found.")
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://example.com", timeout=10)
    assert azure.refused == ["example.com"]


def test_models_and_data_pass_through_it(client: MLClient, tmp_path: Path) -> None:
    """Registered by the real client, their files in Azurite: found again, by their number and as the latest."""
    from azure.ai.ml.entities import Data, Model

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1 2 3")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    for version in ("1", "2"):
        made = client.models.create_or_update(Model(path=tmp_path / "model", name="m", tags={"n": version}))
        data = client.data.create_or_update(Data(path=tmp_path / "rows.csv", name="d", type="uri_file"))
        assert (made.version, data.version) == (version, version)
    latest = client.models.get("m", label="latest")
    assert (latest.version, latest.tags) == ("2", {"n": "2"})
    latest.tags["stage"] = "prod"
    client.models.create_or_update(latest)
    assert client.models.get("m", "2").tags == {"n": "2", "stage": "prod"}
    assert client.models.get("m", "1").tags == {"n": "1"}
    client.models.download("m", "2", download_path=str(tmp_path / "got"))
    assert [file.read_text() for file in (tmp_path / "got").rglob("weights")] == ["1 2 3"]
    assert client.data.get("d", label="latest").version == "2"


def test_a_fault_that_does_not_strike_as_often_as_was_said_is_told(azure: LocalAzure, send: Send) -> None:
    def ask() -> int:
        return send("GET", f"{azure.workspace}?{VERSION}").status_code

    twice = azure.faults.add("GET .*/workspaces/", "unavailable", times=2, after=1)
    told = [(ask(), azure.faults.unmet == []) for _ in range(4)]
    assert told == [(200, False), (503, False), (503, True), (200, True)]
    azure.faults.lift()
    lasting = azure.faults.add("GET .*/workspaces/", "unavailable", times=None)
    with pytest.raises(AssertionError, match="times=None"):
        azure.faults.lift()
    assert azure.faults.unmet == [lasting] != [twice]
    assert [ask(), ask(), ask()] == [503, 503, 503]
    azure.faults.lift()
    assert ask() == 200
