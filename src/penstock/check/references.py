"""The grammar of references to what a workspace or a registry holds: `azureml:name:version`, `azureml://...`. Pure.

Sources: the patterns of azure-ai-ml 1.35 (constants/_common.py, _utils/_arm_id_utils.py) and what its operations
refuse when a job is submitted.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from penstock.spec.finding import close_match

PREFIX = "azureml:"
ReferenceKind = Literal["environment", "component", "data", "model", "compute"]


class Problem(Struct, frozen=True):
    """Why a reference is none. `what`: its form, or the missing version; `fix` is the way out."""

    what: Literal["uri", "form", "version"]
    message: str
    fix: str


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_VERSION = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_URIS = {
    "datastores": "azureml://datastores/NAME/paths/PATH",
    "jobs": "azureml://jobs/JOB/outputs/PORT/paths/PATH",
    "registries": "azureml://registries/REGISTRY/TYPE/NAME/versions/VERSION",
    "subscriptions": "azureml://subscriptions/ID/resourcegroups/GROUP/workspaces/NAME/datastores/NAME/paths/PATH",
}
_OTHER_URIS = ("locations", "resourcegroups", "resourceGroups", "models", "data", "feeds", "artifacts", "environments")
_ALL_URIS = (*_URIS, *_OTHER_URIS, "components", "virtualclusters", "virtualClusters", "codes", "workspaces")


def problem_of(text: str, kind: ReferenceKind) -> Problem | None:
    """What is wrong with a reference to something of a kind; None if nothing is, or it is no `azureml:` reference."""
    if not text.startswith(PREFIX) or "${{" in text:
        return None
    rest = text.removeprefix(PREFIX)
    if rest.startswith("//"):
        return _uri(rest.removeprefix("//"))
    if rest.startswith("/"):
        if re.match(r"/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/[^/]+/.+", rest):
            return None
        return Problem("form", "is neither a name nor a resource id", f"Write {_example(kind)}.")
    if kind == "compute":
        return _compute(rest)
    return _named(rest, kind)


def _compute(name: str) -> Problem | None:
    if name and not re.search(r"\s", name):
        return None
    return Problem("form", "is no name of a compute", "Write azureml:NAME.")


def _named(rest: str, kind: ReferenceKind) -> Problem | None:
    first = re.split(r"[:@/]", rest, maxsplit=1)[0]
    if kind in ("data", "model") and first in _URIS and "/" in rest:
        return Problem("form", "lacks the two slashes of a URI", f"Write azureml://{rest}.")
    found = re.fullmatch(r"([^:@]*)(?:([:@])(.*))?", rest, re.DOTALL)
    name, separator, version = found.groups() if found else ("", None, None)
    if not _NAME.fullmatch(name or ""):
        return Problem("form", "has no name that Azure ML takes", f"Write {_example(kind)}.")
    if separator is None:
        return Problem("version", "has neither a version nor a label", f"Write azureml:{name}:VERSION, or ...@latest.")
    if not _VERSION.fullmatch(version or ""):
        what = "version" if separator == ":" else "label"
        return Problem("form", f"has no {what} that Azure ML takes", f"Write {_example(kind)}.")
    return None


def _example(kind: ReferenceKind) -> str:
    return "azureml:NAME" if kind == "compute" else "azureml:NAME:VERSION or azureml:NAME@LABEL"


def _uri(rest: str) -> Problem | None:
    parts = rest.split("/")
    first = parts[0]
    if first not in _URIS:
        if first in _ALL_URIS or "." in first:
            return None
        close = close_match(first, _ALL_URIS)
        fix = f"Did you mean 'azureml://{close}/'?" if close else f"Write {_URIS['datastores']}, for example."
        return Problem("uri", f"is no URI of Azure ML: none begins with azureml://{first}", fix)
    good = {"datastores": _datastore, "jobs": _job, "registries": _registry, "subscriptions": _subscription}[first]
    if good(parts) and not re.search(r"\s", "/".join(parts[:4])):
        return None
    return Problem("uri", "is not of the form of such a URI", f"Write {_URIS[first]}.")


def _datastore(parts: list[str]) -> bool:
    return len(parts) >= 3 and bool(parts[1]) and parts[2] in ("paths", "ExperimentRun")


def _job(parts: list[str]) -> bool:
    good = len(parts) >= 4 and bool(parts[1]) and parts[2] == "outputs" and bool(parts[3])
    return good and (len(parts) == 4 or parts[4] in ("paths", ""))


def _registry(parts: list[str]) -> bool:
    if len(parts) == 4 and parts[2] == "components":  # the newest one
        return all(parts)
    return len(parts) == 6 and all(parts) and parts[4] in ("versions", "labels")


def _subscription(parts: list[str]) -> bool:
    good = len(parts) >= 6 and bool(parts[1]) and parts[2].lower() == "resourcegroups"
    if not good or parts[4] == "providers":
        return good
    if parts[4] != "workspaces":
        return False
    if parts[6:7] == ["datastores"]:
        return len(parts) >= 9 and parts[8] == "paths"
    return True
