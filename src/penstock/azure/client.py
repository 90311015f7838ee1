"""Azure's client for a stage, and its many exceptions as one message each."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from penstock.azure.identity import credential
from penstock.compile.client import quiet
from penstock.errors import RunError
from penstock.store.stages import Stage

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

# status of an answer -> what to do about it.
_WAYS_OUT = {
    401: "Sign in again (az login), or look at the service connection.",
    403: "Give the identity which runs this the role AzureML Data Scientist on the workspace.",
    404: "Look at the names in penstock.toml and in the file, or create it first.",
    409: "Somebody else is changing the same thing; try again.",
    429: "Azure throttles; try again later.",
}
_NOT_REGISTERED = "MissingSubscriptionRegistration"


class AzureError(RunError):
    """Azure refused, or could not be reached. `status` is that of its answer, None if there was none."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


def connect(stage: Stage, *, registry: bool = False) -> MLClient:
    """The client of a stage's workspace, or of its registry, with the identity that identity.py finds.

    No request is made yet. Nothing is told to Microsoft but what is asked of the workspace (no telemetry).

    Raises:
        AzureError: the packages of `penstock[azure]` are not installed.
    """
    with quiet():
        try:
            from azure.ai.ml import MLClient

            identity = credential()
        except ImportError as error:
            raise AzureError(f"{error}; install them: pip install 'penstock[azure]'", None) from None
        options: dict[str, Any] = {"enable_telemetry": False, "show_progress": sys.stderr.isatty()}
        if registry:
            return MLClient(identity, registry_name=stage.registry, **options)
        return MLClient(identity, stage.subscription, stage.resource_group, stage.workspace, **options)


@contextlib.contextmanager
def asking(what: str) -> Iterator[None]:
    """Around what asks Azure: its exceptions become an AzureError, "WHAT: what Azure said (its code). The way out".

    `what` names the object: "component train 1.1.0".
    """
    from azure.ai.ml.exceptions import MlException
    from azure.core.exceptions import AzureError as CoreError
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    try:
        with quiet(), _unprinted():
            yield
    except HttpResponseError as error:
        status = error.status_code
        if isinstance(error, ClientAuthenticationError) and status is None:
            raise AzureError(f"{what}: cannot sign in to Azure: {_said(error)}. {_WAYS_OUT[401]}", 401) from None
        if status is None or status < 400:  # a long-running operation has failed, the answer itself has not
            raise AzureError(f"{what}: Azure says: {_said(error)}.", None) from None
        way_out = _WAYS_OUT.get(status, "Try again." if status >= 500 else "")
        if getattr(error.error, "code", None) == _NOT_REGISTERED:
            way_out = "Who owns the subscription registers it: az provider register --namespace NAMESPACE."
        raise AzureError(f"{what}: Azure says: {_said(error)} ({status}). {way_out}".rstrip(), status) from None
    except MlException as error:
        raise AzureError(f"{what}: Azure's client refuses it: {_said(error)}", 400) from None
    except CoreError as error:
        raise AzureError(f"{what}: Azure cannot be reached: {_said(error)}. Try again.", None) from None


@contextlib.contextmanager
def _unprinted() -> Iterator[None]:
    """The client prints dots to stdout while it waits, and blank lines to stderr after uploads."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        if not sys.stderr.isatty():
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        yield


def _said(error: Exception) -> str:
    """What Azure said, in one line: its error's message without the envelope."""
    inner = getattr(getattr(error, "error", None), "message", None)
    text = inner or getattr(error, "message", None) or str(error)
    first = re.split(r"\n(?:Code|Message|Content|Additional|Target|Exception|To mitigate)\b", str(text).strip())[0]
    return re.sub(r"\s+", " ", first).strip().rstrip(".")
