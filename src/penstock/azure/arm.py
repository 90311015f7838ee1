"""Azure Resource Manager itself, for what Azure ML's client does not make: resource groups and container registries.

https://learn.microsoft.com/rest/api/resources/resource-groups and
https://learn.microsoft.com/rest/api/containerregistry/registries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from penstock.azure.identity import credential

if TYPE_CHECKING:
    from azure.core.rest import HttpRequest
    from azure.mgmt.core import ARMPipelineClient

_HOST = "https://management.azure.com"
_POLLING_S = 5  # where Azure does not say when to ask again


class Arm:
    """Documents by their ids. Methods raise azure.core's exceptions: call them within `asking` of client.py."""

    def __init__(self) -> None:
        from azure.core.pipeline import policies
        from azure.mgmt.core import ARMPipelineClient
        from azure.mgmt.core.policies import ARMAutoResourceProviderRegistrationPolicy, ARMChallengeAuthenticationPolicy

        self._client: ARMPipelineClient[Any, Any] = ARMPipelineClient(
            _HOST,
            policies=[
                policies.RequestIdPolicy(),
                policies.UserAgentPolicy("penstock"),
                policies.RetryPolicy(),
                ARMAutoResourceProviderRegistrationPolicy(),  # a subscription begins without Azure's services
                ARMChallengeAuthenticationPolicy(credential(), f"{_HOST}/.default"),
            ],
        )

    def get(self, id_: str, version: str) -> dict[str, Any] | None:
        """The document, None if there is none. `version`: the API's, as a date."""
        from azure.core.exceptions import HttpResponseError

        try:
            return dict(self._send(self._request("GET", id_, version)).http_response.json())
        except HttpResponseError as error:
            if error.status_code == 404:
                return None
            raise

    def each(self, id_: str, version: str) -> Iterator[dict[str, Any]]:
        """The documents of a list, page by page; none if there is no such list."""
        page = self.get(id_, version)
        while page is not None:
            yield from page["value"]
            link = page.get("nextLink")
            page = self._send(self._request_of_page(link)).http_response.json() if link else None

    def put(self, id_: str, version: str, body: dict[str, Any]) -> None:
        """Create or change a document, and wait until that is done."""
        self._wait(self._send(self._request("PUT", id_, version, body)))

    def patch(self, id_: str, version: str, body: dict[str, Any]) -> None:
        """Change what the body names of a document, and wait until that is done."""
        self._wait(self._send(self._request("PATCH", id_, version, body)))

    def delete(self, id_: str, version: str) -> None:
        """Remove a document and what is in it, and wait until that is done. One that is gone already is removed."""
        from azure.core.exceptions import HttpResponseError

        try:
            self._wait(self._send(self._request("DELETE", id_, version)))
        except HttpResponseError as error:
            if error.status_code != 404:
                raise

    def _request(self, method: str, id_: str, version: str, body: dict[str, Any] | None = None) -> HttpRequest:
        from azure.core.rest import HttpRequest

        return HttpRequest(method, f"{_HOST}{id_}", params={"api-version": version}, json=body)

    @staticmethod
    def _request_of_page(link: str) -> HttpRequest:
        from azure.core.rest import HttpRequest

        return HttpRequest("GET", link)

    def _send(self, request: HttpRequest) -> Any:
        from azure.core.exceptions import HttpResponseError
        from azure.mgmt.core.exceptions import ARMErrorFormat

        answer = self._client._pipeline.run(request)
        if answer.http_response.status_code >= 400:
            raise HttpResponseError(response=answer.http_response, error_format=ARMErrorFormat)
        return answer

    def _wait(self, answer: Any) -> None:
        from azure.core.polling import LROPoller
        from azure.mgmt.core.polling.arm_polling import ARMPolling

        LROPoller(self._client, answer, lambda _: None, ARMPolling(timeout=_POLLING_S)).result()
