"""The expression of an MLTable's `filter`: comparisons of `col("x")` with values, joined by `and`, `or` and `not`.

Azure's package `mltable` takes no `&`, `|` or `~`, and reads a chain (`1 < col("x") < 5`) otherwise than Python does.
"""

from __future__ import annotations

import ast
from typing import Any

from penstock.errors import DefinitionError

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_INSTEAD: dict[type, str] = {
    ast.BitAnd: "write 'and' instead of '&'",
    ast.BitOr: "write 'or' instead of '|'",
    ast.Invert: "write 'not' instead of '~'",
}

Expression = list[Any]


def parse_filter(text: str) -> Expression:
    """The expression as nested lists, operator first: `["and", [">", ["col", "x"], ["value", 1]], ...]`.

    Raises DefinitionError, in words, for what is no such expression.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        raise DefinitionError(f"'{text}' is no expression") from None
    return _read(tree.body, text)


def _read(node: ast.expr, text: str) -> Expression:
    if isinstance(node, ast.BoolOp):
        operator = "and" if isinstance(node.op, ast.And) else "or"
        return [operator, *(_read(value, text) for value in node.values)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ["not", _read(node.operand, text)]
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
        return [_COMPARISONS[type(node.ops[0])], _read(node.left, text), _read(node.comparators[0], text)]
    value = _value(node)
    if value is not None:
        return value
    instead = _INSTEAD.get(type(getattr(node, "op", node)), 'it takes comparisons of col("x"), and, or, not')
    raise DefinitionError(f"the part '{ast.get_source_segment(text.strip(), node)}' cannot be read: {instead}")


def _value(node: ast.expr) -> Expression | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | bool):
        return ["value", node.value]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        number = node.operand.value
        return ["value", -number] if isinstance(number, int | float) else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.keywords:
        return None
    arguments = [argument.value if isinstance(argument, ast.Constant) else None for argument in node.args]
    if node.func.id == "col" and len(arguments) == 1 and isinstance(arguments[0], str):
        return ["col", arguments[0]]
    if node.func.id == "datetime" and len(arguments) >= 3 and all(isinstance(each, int) for each in arguments):
        return ["datetime", *arguments]
    return None
