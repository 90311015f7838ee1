"""The pages that a package's server shows at /swagger.json: what a request must be, from the model's signature.

`?version=2` is answered with swagger2.json (Swagger 2.0, https://swagger.io/specification/v2/), `?version=3` with
swagger3.json (OpenAPI 3.0.3, https://spec.openapis.org/oas/v3.0.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock_steps.registration import Registration

PAGES = ("swagger2.json", "swagger3.json")
_REFUSALS = {
    "400": "The request is wrong; field and error say where and how.",
    "401": "The key is missing or wrong.",
    "413": "The body is too large.",
}
# By type in the model's signature: the values that JSON has for it. Null is taken for a missing value.
_VALUES: dict[str, dict[str, Any]] = {
    "long": {"type": "number"},
    "double": {"type": "number"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
}


def pages(
    registration: Registration, columns: Sequence[Mapping[str, str]], sample: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Both pages by their file's name.

    Args:
        registration: the model version.
        columns: `{name, type}` of each column that the model takes.
        sample: a right request.
    """
    info = {
        "title": registration.model_name,
        "version": registration.version,
        "description": "Columns: " + ", ".join(f"{column['name']} ({column['type']})" for column in columns),
    }
    return {"swagger2.json": _swagger_2(info, columns, sample), "swagger3.json": _swagger_3(info, columns, sample)}


def _request(columns: Sequence[Mapping[str, str]], sample: Mapping[str, Any], *, nullable: str) -> dict[str, Any]:
    names = [column["name"] for column in columns]
    kinds = {column["type"]: _VALUES[column["type"]] for column in columns}
    value = next(iter(kinds.values())) if len(kinds) == 1 else {}
    row = {"type": "array", "items": {**value, nullable: True}, "minItems": len(names), "maxItems": len(names)}
    table = {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {
                "type": "array",
                "items": {"type": "string", "enum": names},
                "minItems": len(names),
                "maxItems": len(names),
                "uniqueItems": True,
            },
            "index": {"type": "array", "items": {"type": "integer"}, "description": "One label per row, or left out."},
            "data": {
                "type": "array",
                "items": row,
                "description": "A list of values per row, in the order of columns.",
            },
        },
    }
    return {
        "type": "object",
        "required": ["input_data"],
        "properties": {"input_data": table},
        "example": dict(sample),
    }


_REFUSAL = {
    "type": "object",
    "properties": {"status": {"type": "integer"}, "field": {"type": "string"}, "error": {"type": "string"}},
}
_ANSWER = {"type": "array", "items": {}, "description": "One prediction per row."}
_HEALTH = "Whether the server is healthy."
_SCORE = "A prediction for each row."


def _swagger_3(
    info: Mapping[str, str], columns: Sequence[Mapping[str, str]], sample: Mapping[str, Any]
) -> dict[str, Any]:
    refusals = {
        status: {
            "description": told,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
        }
        for status, told in _REFUSALS.items()
    }
    score = {
        "operationId": "score",
        "summary": _SCORE,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ServiceInput"}}},
        },
        "responses": {
            "200": {
                "description": _ANSWER["description"],
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ServiceOutput"}}},
            },
            **refusals,
        },
        "security": [{"Bearer": []}],
    }
    health = {"operationId": "health", "summary": _HEALTH, "responses": {"200": {"description": "Healthy"}}}
    schemas = {
        "ServiceInput": _request(columns, sample, nullable="nullable"),
        "ServiceOutput": _ANSWER,
        "Refusal": _REFUSAL,
    }
    return {
        "openapi": "3.0.3",
        "info": dict(info),
        "paths": {"/": {"get": health}, "/score": {"post": score}},
        "components": {"schemas": schemas, "securitySchemes": {"Bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _swagger_2(
    info: Mapping[str, str], columns: Sequence[Mapping[str, str]], sample: Mapping[str, Any]
) -> dict[str, Any]:
    refusals = {
        status: {"description": told, "schema": {"$ref": "#/definitions/Refusal"}} for status, told in _REFUSALS.items()
    }
    body = {"name": "request", "in": "body", "required": True, "schema": {"$ref": "#/definitions/ServiceInput"}}
    answer = {"description": _ANSWER["description"], "schema": {"$ref": "#/definitions/ServiceOutput"}}
    score = {
        "operationId": "score",
        "summary": _SCORE,
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "parameters": [body],
        "responses": {"200": answer, **refusals},
        "security": [{"Bearer": []}],
    }
    health = {"operationId": "health", "summary": _HEALTH, "responses": {"200": {"description": "Healthy"}}}
    key = {"type": "apiKey", "name": "Authorization", "in": "header", "description": "Bearer <key>"}
    return {
        "swagger": "2.0",
        "info": dict(info),
        "paths": {"/": {"get": health}, "/score": {"post": score}},
        "securityDefinitions": {"Bearer": key},
        "definitions": {
            "ServiceInput": _request(columns, sample, nullable="x-nullable"),
            "ServiceOutput": _ANSWER,
            "Refusal": _REFUSAL,
        },
    }
