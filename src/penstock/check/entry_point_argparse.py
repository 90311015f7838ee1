"""The arguments that a script adds to its one argparse parser.

The parser is followed from `ArgumentParser()` through names, functions that it is handed to or returned from, and
groups. Where it goes somewhere else, or anything about it is decided at run time, the reading says so or gives up.
"""

from __future__ import annotations

import ast
import re

from penstock.check.entry_point import Converter, Interface, Option
from penstock.check.entry_point_code import Function, Module, is_main_block, with_all_below
from penstock.check.entry_point_reach import Reached

_BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.AsyncFor, ast.IfExp, ast.BoolOp)
_CONDITIONS = (*_BRANCHES, ast.Match, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_HARMLESS = {"print_help", "print_usage", "format_help", "format_usage", "error", "exit", "get_default", "set_defaults"}
_HARMLESS |= {"description", "epilog", "usage", "prog", "_action_groups", "_optionals", "title", "formatter_class"}
_PARSING = {"parse_args", "parse_intermixed_args", "parse_known_args", "parse_known_intermixed_args"}
_REFUSED = {"parents", "prefix_chars", "fromfile_prefix_chars", "conflict_handler", "exit_on_error"}
_CHANGES_ARGV = re.compile(r"sys\.argv\s*(\+?=[^=]|\.(append|extend|insert|remove|pop)\b|\[[^]]*\]\s*=[^=])")


class _GiveUpError(Exception):
    pass


def read_argparse(reached: Reached) -> Interface | None:
    """The interface of a script; None if it has not exactly one parser, or that cannot be followed."""
    if any(_CHANGES_ARGV.search(module.text) for module in reached.modules):
        return None
    calls = [
        (node, module) for node, module in reached.calls if module.is_from(node.func, "argparse", "ArgumentParser")
    ]
    if len(calls) != 1:
        return None
    call, module = calls[0]
    reading = _Reading(reached)
    try:
        reading.parser(call, module)
    except _GiveUpError:
        return None
    if not reading.parsed or not reading.is_single():
        return None
    return Interface(
        "argparse",
        tuple(reading.options),
        reading.complete,
        reading.abbreviations,
        reading.takes_unknown,
        module.name,
    )


class _Reading:
    def __init__(self, reached: Reached) -> None:
        self.reached = reached
        self.options: list[Option] = []
        self.complete = True
        self.abbreviations = True
        self.takes_unknown = False
        self.parsed = False
        self._followed: set[tuple[str, Function | None, str]] = set()
        self._bound: set[ast.AST] = set()
        self._used: set[ast.AST] = set()

    def parser(self, call: ast.Call, module: Module) -> None:
        """Follow the parser that `call` makes. Raises _GiveUpError."""
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        if None in keywords or keywords.keys() & _REFUSED:
            raise _GiveUpError
        self.abbreviations = module.literal(keywords.get("allow_abbrev")) is not False
        if module.literal(keywords.get("add_help")) is not False:
            self.options.append(Option(("-h", "--help"), low=0, high=0))
        self._use(call, module, sure=True)

    def is_single(self) -> bool:
        """Whether every name that stood for the parser stood for nothing else."""
        for name, scope, bound in self._followed:
            module = self.reached.by_name[name]
            for node in module.nodes:
                stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == bound
                if stored and module.function_of(node) is scope and module.parents[node] not in self._bound:
                    return False
        return True

    def _use(self, node: ast.expr, module: Module, *, sure: bool, exclusive: bool = False) -> None:
        """`node` is the parser, or a group of it: see what is done with it."""
        if node in self._used:
            return
        self._used.add(node)
        parent = module.parents[node]
        if isinstance(parent, ast.Attribute):
            self._attribute(parent, module, sure=sure, exclusive=exclusive)
        elif isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            target = parent.targets[0] if isinstance(parent, ast.Assign) else parent.target
            if not isinstance(target, ast.Name) or (isinstance(parent, ast.Assign) and len(parent.targets) > 1):
                raise _GiveUpError
            self._bound.add(parent)
            self._name(target.id, module.function_of(node), module, sure=sure, exclusive=exclusive)
            if isinstance(parent, ast.NamedExpr):
                self._use(parent, module, sure=sure, exclusive=exclusive)
        elif isinstance(parent, ast.Return):
            function = module.function_of(node)
            for call, caller in self.reached.callers(function, module):
                self._use(call, caller, sure=sure and _always(call, caller), exclusive=exclusive)
        elif isinstance(parent, ast.Call | ast.keyword):
            self._handed(node, parent, module, sure=sure)
        elif not isinstance(parent, ast.Expr):
            self.complete = False

    def _name(self, name: str, scope: Function | None, module: Module, *, sure: bool, exclusive: bool) -> None:
        """Follow a name that stands for the parser in `scope` (None: the module, and whoever imports it)."""
        if (module.name, scope, name) in self._followed:
            return
        self._followed.add((module.name, scope, name))
        for node in module.nodes:
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
                around = module.function_of(node)
                if around is scope or _encloses(scope, around, name, module):
                    self._use(node, module, sure=sure and around is scope, exclusive=exclusive)
        if scope is None:
            for other, node in self.reached.users(module, name):
                self._use(node, other, sure=False, exclusive=exclusive)

    def _attribute(self, node: ast.Attribute, module: Module, *, sure: bool, exclusive: bool) -> None:
        call = module.parents[node]
        name = node.attr
        if not (isinstance(call, ast.Call) and call.func is node):
            if name not in _HARMLESS:
                raise _GiveUpError
        elif name == "add_argument":
            plain = isinstance(module.parents[call], ast.Expr)
            self._add(call, module, sure=sure and plain and _always(call, module), exclusive=exclusive)
        elif name == "add_argument_group":
            self._use(call, module, sure=sure and _always(call, module), exclusive=exclusive)
        elif name == "add_mutually_exclusive_group":
            self._use(call, module, sure=sure, exclusive=True)
        elif name in _PARSING:
            self._parse(call, module, name)
        elif name not in _HARMLESS:
            raise _GiveUpError

    def _parse(self, call: ast.Call, module: Module, name: str) -> None:
        given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg != "namespace")]
        if len(given) > 1 or not all(self._is_command_line(value, module) for value in given):
            raise _GiveUpError
        if any(isinstance(above, ast.Try) and above.handlers for above in module.above(call)):
            raise _GiveUpError
        self.parsed = True
        self.takes_unknown = self.takes_unknown or "known" in name

    def _is_command_line(self, node: ast.expr, module: Module, depth: int = 0) -> bool:
        """Whether an expression is the process's own arguments: None, `sys.argv[1:]`, or a parameter that is."""
        if isinstance(node, ast.Constant):
            return node.value is None
        if isinstance(node, ast.Subscript):
            return ast.unparse(node) == "sys.argv[1:]"
        function = module.function_of(node)
        if not isinstance(node, ast.Name) or function is None or depth > 5:
            return False
        for call, caller in self.reached.callers(function, module):
            value = argument(function, call, node.id)
            if value is None or not self._is_command_line(value, caller, depth + 1):
                return False
        return argument(function, None, node.id) is not None or node.id in _parameters(function)

    def _handed(self, node: ast.expr, parent: ast.Call | ast.keyword, module: Module, *, sure: bool) -> None:
        """The parser is an argument of a call: follow it into the function, if that is one of the snapshot's."""
        call = module.parents[parent] if isinstance(parent, ast.keyword) else parent
        found = self.reached.function(call.func, module) if isinstance(call, ast.Call) else None
        if found is None or not isinstance(call, ast.Call):
            self.complete = False
            return
        function, other = found
        for name in _parameters(function):
            if argument(function, call, name) is node:
                self._name(name, function, other, sure=sure and _always(call, module), exclusive=False)
                return
        self.complete = False

    def _add(self, call: ast.Call, module: Module, *, sure: bool, exclusive: bool) -> None:
        option = _option(call, module, sure=sure, exclusive=exclusive)
        if option is None:
            self.complete = False
        else:
            self.options.append(option)


def _always(node: ast.AST, module: Module) -> bool:
    """Whether a statement is executed whenever its function is, or its module."""
    for above in module.above(node):
        if isinstance(above, Function):
            return True
        if isinstance(above, _CONDITIONS) and not is_main_block(above):
            return False
    return True


def _encloses(scope: Function | None, inner: Function | None, name: str, module: Module) -> bool:
    """Whether `name` in the function `inner` is that of the scope around it."""
    while inner is not None and inner is not scope:
        own = any(
            isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
            for node in with_all_below(inner)
        )
        if own or name in _parameters(inner):
            return False
        inner = module.function_of(inner)
    return inner is scope


def _parameters(function: Function) -> list[str]:
    arguments = function.args
    return [parameter.arg for parameter in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def argument(function: Function, call: ast.Call | None, name: str) -> ast.expr | None:
    """What `call` gives to the parameter `name`, else its default; None if neither is known."""
    positional = [parameter.arg for parameter in (*function.args.posonlyargs, *function.args.args)]
    if call is not None:
        if any(isinstance(value, ast.Starred) for value in call.args) or any(k.arg is None for k in call.keywords):
            return None
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
        if name in positional and positional.index(name) < len(call.args):
            return call.args[positional.index(name)]
    defaults = dict(zip(reversed(positional), reversed(function.args.defaults), strict=False))
    named = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    defaults |= {parameter.arg: value for parameter, value in named if value is not None}
    return defaults.get(name)


def _option(call: ast.Call, module: Module, *, sure: bool, exclusive: bool) -> Option | None:
    """The option that `add_argument(...)` defines; None if that is not static."""
    names = [module.literal(name) for name in call.args]
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if None in keywords or not names or not all(isinstance(name, str) and name for name in names):
        return None
    flags = tuple(str(name) for name in names)
    positional = not flags[0].startswith("-")
    numbers = _values(keywords, module)
    if numbers is None:
        return None
    low, high = numbers
    if "action" in keywords and module.is_from(keywords["action"], "argparse", _BOOLEAN):
        flags = (*flags, *(f"--no-{flag[2:]}" for flag in flags if flag.startswith("--")))
    required = (low > 0 if positional else module.literal(keywords.get("required")) is True) and not exclusive and sure
    return Option(
        flags,
        positional,
        required,
        low,
        high,
        converter(keywords.get("type"), module),
        choices(keywords.get("choices"), module),
        sure=sure,
    )


_BOOLEAN = "BooleanOptionalAction"
_NUMBERS = {"?": (0, 1), "*": (0, None), "+": (1, None)}
_SWITCHES = {"store_true", "store_false", "store_const", "append_const", "count", "help", "version"}


def _values(keywords: dict[str | None, ast.expr], module: Module) -> tuple[int, int | None] | None:
    """How many values an argument takes, at least and at most; None if that is not static or it takes the rest."""
    action = module.literal(keywords["action"]) if "action" in keywords else "store"
    if action in _SWITCHES or ("action" in keywords and module.is_from(keywords["action"], "argparse", _BOOLEAN)):
        return 0, 0
    if action not in ("store", "append", "extend"):
        return 0, None
    if "nargs" not in keywords:
        return 1, 1
    count = module.literal(keywords["nargs"])
    if isinstance(count, int) and not isinstance(count, bool) and count > 0:
        return count, count
    if count is None:
        return 1, 1
    return _NUMBERS.get(count) if isinstance(count, str) else None


_CONVERTERS: dict[str, Converter] = {"str": "text", "int": "int", "float": "float", "bool": "bool"}


def converter(node: ast.expr | None, module: Module) -> Converter:
    """What `type=` makes of a value."""
    if node is None:
        return "text"
    if isinstance(node, ast.Name) and node.id not in module.imports and node.id not in module.functions:
        return _CONVERTERS.get(node.id, "other")
    return "other"


def choices(node: ast.expr | None, module: Module) -> tuple[object, ...] | None:
    """The values of `choices=`, if they are constants."""
    values = module.literal(node)
    if isinstance(values, dict):
        values = list(values)
    if not isinstance(values, list | tuple | set | frozenset) or not values:
        return None
    found = tuple(sorted(values, key=str) if isinstance(values, set | frozenset) else values)
    return found if all(isinstance(value, str | int | float) for value in found) else None
