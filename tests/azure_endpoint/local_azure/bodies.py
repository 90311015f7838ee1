"""A request's body against the SDK's own REST models, as strictly as the service reads them.

The client's models are made from the service's specification: what is required there, which keys there are, the kinds
of values and the enums are in their annotations.
"""

from __future__ import annotations

import typing
from datetime import datetime
from functools import cache
from typing import Any, Union

from azure.ai.ml._restclient.arm_ml_service import models
from azure.ai.ml._restclient.arm_ml_service._utils.model_base import Model

_ENVELOPE = {"id", "name", "type", "systemData", "properties"}


def problems(model: str, body: Any) -> list[str]:
    """What is wrong with `body` as a `model` (a class of arm_ml_service.models), each with its path."""
    return list(_model(getattr(models, model), body, ""))


def _model(kind: type[Model], body: Any, path: str) -> typing.Iterator[str]:
    if not isinstance(body, dict):
        yield f"{path or 'the body'}: an object is needed, not {body!r}"
        return
    kind = _discriminated(kind, body)
    fields = _fields(kind)
    for key, value in body.items():
        if key not in fields:
            yield f"{path}{key}: there is no such key in {kind.__name__}"
        elif value is not None:
            yield from _value(fields[key][0], value, f"{path}{key}")
    for name, (hint, field) in fields.items():
        read_only = field._visibility == ["read"]
        if not _optional(hint) and not read_only and name not in _ENVELOPE - {"properties"} and body.get(name) is None:
            yield f"{path}{name}: required in {kind.__name__}"


@cache
def _fields(kind: type[Model]) -> dict[str, tuple[Any, Any]]:
    """key of the body -> its annotation, and the model's field; annotations name the other models as `_models.X`."""
    kind.__new__(kind)  # the first object of a class is what works out its fields
    hints = typing.get_type_hints(kind, localns={"_models": models})
    return {field._rest_name: (hints[name], field) for name, field in kind._attr_to_rest_field.items()}


def _discriminated(kind: type[Model], body: dict[str, Any]) -> type[Model]:
    name = (
        kind._get_discriminator(()) if hasattr(kind, "__mapping__") else None
    )  # the field that tells which of its kinds it is
    found = kind.__mapping__.get(body.get(name._rest_name)) if name is not None else None
    return kind if found is None or found is kind else _discriminated(found, body)


def _optional(hint: Any) -> bool:
    return typing.get_origin(hint) is Union and type(None) in typing.get_args(hint)


def _value(hint: Any, value: Any, path: str) -> typing.Iterator[str]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Union:
        yield from _union([each for each in arguments if each is not type(None)], value, path)
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{path}: an object is needed, not {value!r}"
            return
        for key, each in value.items():
            # the client sends numbers among properties that are declared as texts, and the service takes them
            if each is not None and not (arguments[1] is str and isinstance(each, int | float | bool)):
                yield from _value(arguments[1], each, f"{path}.{key}")
    elif origin is list:
        if not isinstance(value, list):
            yield f"{path}: a list is needed, not {value!r}"
            return
        for index, each in enumerate(value):
            yield from _value(arguments[0], each, f"{path}[{index}]")
    elif isinstance(hint, type) and issubclass(hint, Model):
        yield from _model(hint, value, f"{path}.")
    else:
        yield from _scalar(hint, value, path)


def _union(kinds: list[Any], value: Any, path: str) -> typing.Iterator[str]:
    enums = [kind for kind in kinds if isinstance(kind, type) and hasattr(kind, "__members__")]
    if enums:
        allowed = {member.value for enum in enums for member in enum}
        if str(value).lower() not in {str(each).lower() for each in allowed}:  # the service reads them so, too
            yield f"{path}: {value!r} is none of {', '.join(sorted(map(str, allowed)))}"
        return
    told = [list(_value(kind, value, path)) for kind in kinds]
    if all(told):
        yield from told[0]


def _scalar(hint: Any, value: Any, path: str) -> typing.Iterator[str]:
    kinds: dict[Any, tuple[type, ...]] = {
        str: (str,),
        int: (int,),
        float: (int, float),
        bool: (bool,),
        datetime: (str,),
    }
    wanted = kinds.get(hint)
    if wanted is not None and (not isinstance(value, wanted) or (hint is not bool and isinstance(value, bool))):
        yield f"{path}: {hint.__name__} is needed, not {value!r}"
