"""Refusals in the words of Azure Resource Manager."""

from __future__ import annotations

from typing import Any

import flask


class RefusedError(Exception):
    """What becomes an error answer: an HTTP status, ARM's code, and a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def answer(self) -> tuple[dict[str, Any], int]:
        return {"error": {"code": self.code, "message": str(self), "details": []}}, self.status


def not_found(path: str) -> RefusedError:
    """No such document."""
    return RefusedError(
        404,
        "ResourceNotFound" if "/providers/" in path else "ResourceGroupNotFound",
        f"The resource {path} could not be found.",
    )


def bad_request(message: str) -> RefusedError:
    """The body is wrong."""
    return RefusedError(400, "UserError", message)


def conflict(message: str) -> RefusedError:
    """The version is there, with another body."""
    return RefusedError(409, "UserError", message)


def install(app: flask.Flask) -> None:
    """Turn refusals into answers, and what is not answered at all into ARM's way to say so."""

    @app.errorhandler(RefusedError)
    def _refused(error: RefusedError) -> Any:
        return error.answer()

    @app.errorhandler(404)
    @app.errorhandler(405)
    def _unknown(error: Exception) -> Any:
        request = flask.request
        return {
            "error": {"code": "InvalidResourceType", "message": f"{request.method} {request.path}: not answered here"}
        }, 404
