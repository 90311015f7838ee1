"""The command line of a click or typer command, from its decorators or its signature."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from penstock.check.entry_point import Converter, Interface, Option
from penstock.check.entry_point_argparse import choices, converter
from penstock.check.entry_point_code import Function, Module
from penstock.check.entry_point_reach import Reached

_HELP = Option(("--help",), low=0, high=0)
_PASSING = ("pass_context", "pass_obj")


def read_click(reached: Reached) -> Interface | None:
    """The interface of the script's one click command; None if it has none, a group, or something dynamic."""
    found = []
    for module in reached.modules:
        for function in module.functions.values():
            if any(_is_click(decorator, module, "group") for decorator in function.decorator_list):
                return None
            if any(_is_click(decorator, module, "command") for decorator in function.decorator_list):
                found.append((function, module))
    if len(found) != 1:
        return None
    function, module = found[0]
    if (module.name, function) not in reached.scopes:
        return None
    return _interface(function, module)


def _called(decorator: ast.expr) -> tuple[ast.expr, ast.Call | None]:
    return (decorator.func, decorator) if isinstance(decorator, ast.Call) else (decorator, None)


def _is_click(decorator: ast.expr, module: Module, name: str) -> bool:
    return module.is_from(_called(decorator)[0], "click", name)


def _interface(function: Function, module: Module) -> Interface | None:
    options: list[Option] = [_HELP]
    complete, unknown = True, False
    for decorator in function.decorator_list:
        _, call = _called(decorator)
        if _is_click(decorator, module, "command"):
            keywords = {keyword.arg for keyword in call.keywords} if call else set()
            if keywords & {"cls", None, "context_settings", "params", "add_help_option"}:
                unknown = True
        elif call is not None and (_is_click(decorator, module, "option") or _is_click(decorator, module, "argument")):
            option = _decorated(call, module, positional=_is_click(decorator, module, "argument"))
            complete = complete and option is not None
            options += [option] if option else []
        elif not any(_is_click(decorator, module, name) for name in _PASSING):
            complete = False
    return Interface("click", tuple(options), complete, False, unknown, module.name) if not unknown else None


def _decorated(call: ast.Call, module: Module, *, positional: bool) -> Option | None:
    """The option of `@click.option(...)` or `@click.argument(...)`."""
    names = [module.literal(name) for name in call.args]
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if None in keywords or "cls" in keywords or not names or not all(isinstance(name, str) for name in names):
        return None
    texts = [str(name) for name in names]
    flags = tuple(flag.strip() for text in texts if text.startswith("-") for flag in text.split("/"))
    if not positional and not flags:
        return None
    count = module.literal(keywords.get("nargs")) if "nargs" in keywords else 1
    if not isinstance(count, int) or keywords.keys() & {"is_eager", "callback", "expose_value"}:
        return None
    is_switch = any("/" in text for text in texts) or keywords.keys() & {"is_flag", "count", "flag_value"}
    if is_switch and module.literal(keywords.get("is_flag")) is not False:
        count = 0
    given = keywords.keys() & {"default", "envvar", "prompt"}
    required = module.literal(keywords.get("required"))
    must = (required is True or (positional and required is ... and count > 0)) and not given
    convert, allowed, ignore_case = _click_type(keywords.get("type"), module)
    return Option(
        flags if not positional else (texts[0],),
        positional,
        must and count != 0,
        low=0 if count < 0 or (positional and not must) else count,
        high=None if count < 0 else count,
        convert=convert,
        choices=allowed,
        ignore_case=ignore_case,
    )


def _click_type(node: ast.expr | None, module: Module) -> tuple[Converter, tuple[object, ...] | None, bool]:
    if isinstance(node, ast.Call) and module.is_from(node.func, "click", "Choice"):
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        first = node.args[0] if node.args else keywords.get("choices")
        sensitive = module.literal(keywords["case_sensitive"]) if "case_sensitive" in keywords else True
        return "text", choices(first, module), sensitive is not True
    for name, convert in (("INT", "int"), ("FLOAT", "float"), ("STRING", "text")):
        if node is not None and module.is_from(node, "click", name):
            return ("int" if convert == "int" else "float" if convert == "float" else "text"), None, False
    found = converter(node, module)
    return ("other" if found == "bool" else found), None, False  # click's own bool takes the words true and false


def read_typer(reached: Reached) -> Interface | None:
    """The interface of the script's one typer command; None if there are several, or something dynamic."""
    found = list(_typer_functions(reached))
    if len(found) != 1 or found[0] is None:
        return None
    function, module = found[0]
    parameters = list(_typer_parameters(function, module))
    if function.args.vararg or function.args.kwarg:
        return None
    known = [option for option in parameters if option is not None]
    options = (_HELP, Option(("--install-completion", "--show-completion"), low=0), *known)
    return Interface("typer", options, len(known) == len(parameters), False, False, module.name)


def _makes_several(call: ast.Call, module: Module) -> bool:
    """Whether a call makes a group of commands, or an app that no name stands for."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("add_typer", "callback"):
        return True
    return module.is_from(call.func, "typer", "Typer") and not isinstance(module.parents[call], ast.Assign)


def _typer_functions(reached: Reached) -> Iterator[tuple[Function, Module] | None]:
    """Functions that are typer commands; None for what makes several commands or a group of them."""
    for call, module in reached.calls:
        if module.is_from(call.func, "typer", "run") and len(call.args) == 1:
            yield reached.function(call.args[0], module)
        elif _makes_several(call, module):
            yield None
    for module in reached.modules:
        apps = {
            name
            for name, value in module.constants.items()
            if isinstance(value, ast.Call) and module.is_from(value.func, "typer", "Typer")
        }
        for function in module.functions.values():
            for decorator in function.decorator_list:
                target, made = _called(decorator)
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id in apps:
                    plain = target.attr == "command" and (made is None or not made.keywords)
                    yield (function, module) if plain and len(function.decorator_list) == 1 else None


def _typer_parameters(function: Function, module: Module) -> Iterator[Option | None]:
    """An option for each parameter; None for one that is not static."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults += [*arguments.defaults, *arguments.kw_defaults]
    for parameter, default in zip((*positional, *arguments.kwonlyargs), defaults, strict=True):
        annotation = parameter.annotation
        if annotation is not None and "Context" in ast.unparse(annotation):
            continue
        yield _typer_option(parameter.arg, annotation, default, module)


def _typer_option(name: str, annotation: ast.expr | None, default: ast.expr | None, module: Module) -> Option | None:
    declared: ast.Call | None = None
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Annotated"):
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else []
        calls = [part for part in parts[1:] if isinstance(part, ast.Call)]
        if len(calls) != 1:
            return None
        annotation, declared = parts[0], calls[0]
    elif isinstance(default, ast.Call):
        keywords = {keyword.arg: keyword.value for keyword in default.keywords}
        declared = ast.Call(default.func, default.args[1:], default.keywords)
        default = default.args[0] if default.args else keywords.get("default")
    required = default is None or (isinstance(default, ast.Constant) and default.value is ...)
    positional = required if declared is None else module.is_from(declared.func, "typer", "Argument")
    if declared is not None and not positional and not module.is_from(declared.func, "typer", "Option"):
        return None
    return _typer_named(name, annotation, declared, module, positional=positional, required=required)


def _typer_named(
    name: str,
    annotation: ast.expr | None,
    declared: ast.Call | None,
    module: Module,
    *,
    positional: bool,
    required: bool,
) -> Option | None:
    keywords = {keyword.arg for keyword in declared.keywords} if declared else set()
    if keywords & {None, "envvar", "prompt", "callback", "parser", "click_type", "is_eager", "default_factory"}:
        return None
    given = [module.literal(value) for value in declared.args] if declared else []
    if not all(isinstance(value, str) for value in given):
        return None
    kind = ast.unparse(annotation) if annotation is not None else "str"
    named = [flag.strip() for value in given for flag in str(value).split("/") if flag.strip().startswith("-")]
    flags = named or [f"--{name.replace('_', '-')}"]
    if any(word in kind for word in ("list", "List", "tuple", "Tuple", "Sequence", "set", "dict")):
        return Option((name,) if positional else tuple(flags), positional, low=0, high=None, convert="other")
    if kind == "bool" and not positional:
        off = [] if named else [f"--no-{name.replace('_', '-')}"]
        return Option((*flags, *off), low=0, high=0, required=False)
    convert: Converter = "int" if kind == "int" else "float" if kind == "float" else "other"
    low = 1 if required or not positional else 0
    return Option((name,) if positional else tuple(flags), positional, required, low, 1, convert)
