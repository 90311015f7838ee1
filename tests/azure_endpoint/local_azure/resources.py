"""management.azure.com: documents of Azure Machine Learning and the resource groups that they are in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import flask

from local_azure import login
from local_azure.bodies import problems
from local_azure.documents import Document, Documents
from local_azure.errors import RefusedError, bad_request, conflict, not_found
from local_azure.kinds import LONG, MODELS, check_kind, check_name, is_collection, kind_of, owner_of, parent_of
from local_azure.operations import Operations
from local_azure.references import check_references

_TOP_LEVEL = 8  # slashes in the id of what is right in a group
_PAGE = 3  # of a group's resources; Azure's pages are longer
_CHANGEABLE = {"tags", "description", "properties", "isArchived", "isAnonymous", "provisioningState", "stage"}
_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")

Hook = Callable[[str, Document], None]


class Resources:
    """The answers of management.azure.com. Other modules hang what happens after a write, or an action, on it.

    `written[kind]` is called with the path and the document after a PUT or PATCH was kept (in the operation, for kinds
    that take long; what it raises fails the operation); `removed[kind]` before a document goes; `found[kind]` answers a
    GET of what no document is kept for, None if it cannot either; `actions[KIND/name]` answers POST .../name.
    """

    def __init__(self, subscription: str, documents: Documents, operations: Operations) -> None:
        self._subscription, self.documents, self.operations = subscription, documents, operations
        self.checked: dict[str, Hook] = {}
        self.written: dict[str, Hook] = {}
        self.removed: dict[str, Hook] = {}
        self.found: dict[str, Callable[[str], Any]] = {}
        self.actions: dict[str, Callable[[str, Any], Any]] = {}
        self.soft_deleted: set[str] = set()  # workspaces that were not purged, in lower case: their names are taken
        self.unregistered: set[str] = set()
        """Namespaces that the subscription does not have, and that nobody here may register: `Microsoft.Storage`."""
        self.app = flask.Flask("management")
        for method in ("GET", "PUT", "PATCH", "DELETE", "POST"):
            handler = getattr(self, f"_{method.lower()}")
            self.app.add_url_rule("/subscriptions/<path:rest>", method, self._answering(handler), methods=[method])

    def _answering(self, handler: Callable[[str], Any]) -> Callable[..., Any]:
        def answer(rest: str) -> Any:
            why = login.why_refused(_AUDIENCES)
            if why is not None:
                return {"error": {"code": "AuthenticationFailed", "message": why}}, 401
            if not flask.request.args.get("api-version"):
                told = "The api-version query parameter (?api-version=) is required for all requests."
                raise RefusedError(400, "MissingApiVersionParameter", told)
            subscription = rest.partition("/")[0]
            if subscription != self._subscription:
                told = f"The subscription '{subscription}' could not be found."
                raise RefusedError(404, "SubscriptionNotFound", told)
            return handler(f"/subscriptions/{rest}".rstrip("/"))

        return answer

    def _get(self, path: str) -> Any:
        if "/mfeOperationsStatus/" in path:
            return self.operations.status(path.rpartition("/")[2])
        check_kind(path)
        found = self.documents.get(path)
        if found is not None:
            return found
        elsewhere = self.found[kind_of(path)](path) if kind_of(path) in self.found else None
        if elsewhere is not None:
            return elsewhere
        if re.fullmatch(r"/subscriptions/[^/]+/resourceGroups/[^/]+/resources", path, re.IGNORECASE):
            return _page(path, self._in_group(path.rpartition("/")[0]))
        if not is_collection(path):
            raise not_found(path)
        self._check_parent(path)
        return {"value": _selected(self.documents.children(path), flask.request.args)}

    def _in_group(self, group: str) -> list[Document]:
        """The resources of a group, without what is inside of them; what was done once (deployments) is none."""
        begin = f"{group}/providers/".lower()
        found = [each for each in self.documents if each.lower().startswith(begin) and each.count("/") == _TOP_LEVEL]
        return [self.documents.get(each) for each in found if "/deployments/" not in each]  # type: ignore[misc]

    def _put(self, path: str) -> Any:
        body = flask.request.get_json(force=True)
        namespace = path.partition("/providers/")[2].partition("/")[0]
        if namespace in self.unregistered:
            raise RefusedError(
                409,
                "MissingSubscriptionRegistration",
                f"The subscription is not registered to use namespace '{namespace}'.",
            )
        check_kind(path)
        kind = kind_of(path)
        with self.documents.lock:
            self._check_owner(path)
            check_name(path)
            if not kind.endswith("/versions"):  # whose container comes with the first of them
                self._check_parent(path)
            self._check(kind, path, body)
            before = self.documents.get(path)
            if before is not None and kind.endswith("/versions"):
                _same(path, before, body)
            if kind.endswith("/versions"):
                self._count(*path.rsplit("/versions/", 1))
            return self._keep(kind, path, body, before)

    def _count(self, path: str, version: str) -> None:
        """Note in the container of a version which is the latest, and which number comes next."""
        container = self.documents.get(path) or self.documents.put(path, {"properties": {}})
        numbers = [int(each["name"]) for each in self.documents.children(f"{path}/versions") if each["name"].isdigit()]
        highest = max([0, *numbers, *([int(version)] if version.isdigit() else [])])
        container["properties"].update(latestVersion=version, nextVersion=str(highest + 1))

    def _keep(self, kind: str, path: str, body: Document, before: Document | None) -> Any:
        status = 200 if before is not None else 201
        if kind not in LONG:
            kept = self.documents.put(path, body)
            self._written(kind, path, kept)
            return flask.Response(json.dumps(kept), status, mimetype="application/json")
        if before is not None and before["properties"].get("provisioningState") in {"Creating", "Updating"}:
            raise conflict(f"{path} is being changed by another operation.")
        body["properties"]["provisioningState"] = "Creating" if before is None else "Updating"
        kept = self.documents.put(path, body)
        told = json.dumps(kept)

        def work() -> None:
            try:
                self._written(kind, path, kept)
            except RefusedError:
                kept["properties"]["provisioningState"] = "Failed"
                raise
            kept["properties"]["provisioningState"] = "Succeeded"

        return flask.Response(
            told, status, self.operations.start(path.split("/")[2], work), mimetype="application/json"
        )

    def _patch(self, path: str) -> Any:
        body = flask.request.get_json(force=True)
        with self.documents.lock:
            before = self.documents.get(path)
            if before is None:
                raise not_found(path)
            kind = kind_of(path)
            merged = {key: value for key, value in _merged(before, body).items() if key != "systemData"}
            if kind.endswith("/versions"):
                _same(path, before, merged)
            return self._keep(kind, path, merged, before)

    def _delete(self, path: str) -> Any:
        document = self.documents.get(path)
        if document is None:
            return "", 204
        kind = kind_of(path)
        if kind == "workspaces" and flask.request.args.get("forceToPurge", "").lower() != "true":
            self.soft_deleted.add(path.lower())

        def work() -> None:
            if kind in self.removed:
                self.removed[kind](path, document)
            self.documents.remove(path)

        if kind in LONG or kind == "":
            return "", 202, self.operations.start(path.split("/")[2], work)
        work()
        return "", 200

    def _post(self, path: str) -> Any:
        owner, _, action = path.rpartition("/")
        if action == "register":
            raise RefusedError(403, "AuthorizationFailed", "The client may not register resource providers.")
        found = self.actions.get(f"{kind_of(owner)}/{action}")
        if found is None:
            raise RefusedError(404, "InvalidResourceType", f"POST {path}: not answered here")
        self._check_owner(owner)
        if action != "startPendingUpload" and owner not in self.documents:  # an upload is for what is not there yet
            raise not_found(owner)
        return found(owner, flask.request.get_json(force=True, silent=True) or {})

    def _check(self, kind: str, path: str, body: Any) -> None:
        if kind in MODELS:
            wrong = problems(MODELS[kind], body)
            if wrong:
                raise bad_request("; ".join(wrong[:5]))
            check_references(self.documents, owner_of(path), body)
        if kind in self.checked:
            self.checked[kind](path, body)

    def _written(self, kind: str, path: str, kept: Document) -> None:
        if kind in self.written:
            self.written[kind](path, kept)

    def _check_owner(self, path: str) -> None:
        """The workspace, registry or resource group that a path is in has to be there."""
        kind = kind_of(path)
        group = re.match(r"/subscriptions/[^/]+/resourceGroups/[^/]+", path, re.IGNORECASE)
        if group is not None and group[0] != path and group[0] not in self.documents:
            raise not_found(group[0])
        owner = owner_of(path)
        if "Microsoft." not in kind and "/" in kind and owner not in self.documents:
            raise not_found(owner)

    def _check_parent(self, path: str) -> None:
        """What a path is in has to be there, however deep."""
        self._check_owner(path)
        parent = parent_of(path)
        if parent is not None and parent not in self.documents:
            raise not_found(parent)


def _page(path: str, found: list[Document]) -> Document:
    begin = int(flask.request.args.get("$skiptoken", 0))
    answer: Document = {"value": found[begin : begin + _PAGE]}
    if begin + _PAGE < len(found):
        version = flask.request.args["api-version"]
        answer["nextLink"] = f"https://management.azure.com{path}?api-version={version}&$skiptoken={begin + _PAGE}"
    return answer


def _same(path: str, before: Document, body: Document) -> None:
    old, new = (
        {k: _short(v) for k, v in document["properties"].items() if k not in _CHANGEABLE and v not in (None, {})}
        for document in (before, body)
    )
    if old != new:
        changed = sorted(k for k in {*old, *new} if old.get(k) != new.get(k))
        raise conflict(
            f"A different entity is already registered as {path}; it differs in {', '.join(changed)}. "
            "Versions are immutable."
        )


def _short(value: Any) -> Any:
    """A data URI without the workspace, which may stand in it or not."""
    return re.sub(r"^azureml:/.*/(?=datastores/)", "azureml://", value) if isinstance(value, str) else value


def _merged(before: Any, change: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(change, dict):
        return change
    merged = {**before, **{k: _merged(before.get(k), v) for k, v in change.items()}}
    return {k: v for k, v in merged.items() if v is not None}


def _selected(documents: list[Document], asked: Any) -> list[Document]:
    """What `hash`, `tag` (a key), `$orderBy` and `$top` leave of a list; archived ones are not listed."""
    found = [
        d for d in documents if not d.get("properties", {}).get("isArchived") or asked.get("listViewType") == "All"
    ]
    if asked.get("hash"):
        found = [d for d in found if (d["properties"].get("properties") or {}).get("hash_sha256") == asked["hash"]]
    if asked.get("tag"):
        found = [d for d in found if asked["tag"] in (d["properties"].get("tags") or {})]
    if "desc" in asked.get("$orderBy", asked.get("orderBy", "")):
        found = found[::-1]
    top = asked.get("$top", asked.get("top"))
    return found[: int(top)] if top else found
