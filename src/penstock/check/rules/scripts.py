"""PS512, PS913 to PS920, PS943: the scripts of parallel and spark steps and of deployments, read and never imported."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator

from msgspec import Struct

from penstock.check.coded import scripted
from penstock.check.entry_point_code import Function, Module
from penstock.check.environments import conda_of, environment_of
from penstock.check.modules import brought, is_known
from penstock.check.rule import Told, rule
from penstock.check.rules.references import CURATED
from penstock.check.snapshots import script_name, script_of, snapshot_of
from penstock.check.subject import Subject
from penstock.graph.coded import Scripted
from penstock.spec.finding import close_match
from penstock.spec.place import Place
from penstock.spec.source import Scalar, scalar_text


@rule("PS913", "The entry script is not in the code folder")
def entry_missing(subject: Subject) -> Iterator[Told]:
    for one in scripted(subject, "parallel", "spark"):
        yield from _missing(one, subject)


@rule("PS943", "The scoring script is not in the code folder")
def scoring_script_missing(subject: Subject) -> Iterator[Told]:
    for one in scripted(subject, "online", "batch"):
        yield from _missing(one, subject)


def _missing(one: Scripted, subject: Subject) -> Iterator[Told]:
    snapshot, name = snapshot_of(one, subject), script_name(one)
    if snapshot is None or one.script is None or name is None or one.code.path is None:
        return
    if name in snapshot.paths or not snapshot.whole:
        return
    text, code = scalar_text(one.script), one.code.path
    if not name.startswith("..") and subject.files.is_file(one.folder / code / name):
        message = f"{one.name}: '{text}' is in '{code}', but an ignore file keeps it out of the snapshot."
        yield Told(message, one.script.place, "Look into .amlignore, else .gitignore, in the code folder.")
        return
    close = close_match(name, (path for path in snapshot.paths if path.endswith(".py")))
    fix = f"Did you mean '{close}'?" if close else "Paths count from the code folder."
    yield Told(f"{one.name}: '{text}' is not in the code folder '{code}'.", one.script.place, fix)


class _Service(Struct, frozen=True):
    """A script whose functions Azure calls."""

    of: Scripted
    script: Scalar
    module: Module
    file: str

    def place(self, node: ast.stmt | ast.expr) -> Place:
        return Place(self.file, node.lineno, node.col_offset + 1)


def _services(subject: Subject) -> Iterator[_Service]:
    for one in scripted(subject, "parallel", "online", "batch"):
        snapshot, module = snapshot_of(one, subject), script_of(one, subject)
        if snapshot is not None and one.script is not None and isinstance(module, Module):
            yield _Service(one, one.script, module, os.path.normpath(snapshot.paths[module.name]))


_BY_OTHER_WAYS = ("globals(", "exec(", "setattr(", "vars(", "__getattr__", "locals(")
_CALLED = {
    "parallel": ("before the first mini-batch", "with each mini-batch"),
    "batch": ("before the first mini-batch", "with each mini-batch"),
    "online": ("when the container starts", "with each request"),
}


@rule("PS914", "A script without the functions that Azure calls")
def lacks_function(subject: Subject) -> Iterator[Told]:
    for service in _services(subject):
        bound = _bound(service.module)
        lacking = [name for name in ("init", "run") if bound is not None and name not in bound]
        if not lacking or (len(lacking) == 2 and not _is_called_by_azure(service.of, subject)):
            continue
        when = dict(zip(("init", "run"), _CALLED[service.of.kind], strict=True))
        what = " and ".join(f"{name}() {when[name]}" for name in lacking)
        defines = "neither" if len(lacking) == 2 else f"no {lacking[0]}()"
        message = f"{service.of.name}: Azure calls {what}; '{scalar_text(service.script)}' defines {defines}."
        yield Told(message, service.script.place, _misspelt(lacking, service.module))


def _bound(module: Module) -> set[str] | None:
    """The names that a module may bind; None if it binds some in a way that cannot be read."""
    if "*" in module.imports or any(word in module.text for word in _BY_OTHER_WAYS):
        return None
    stored = {node.id for node in module.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {*stored, *module.functions, *module.classes, *module.imports}


def _is_called_by_azure(one: Scripted, subject: Subject) -> bool:
    """Whether the script is certainly loaded by Azure's own server: a container of one's own may do otherwise."""
    if one.kind != "online":
        return True
    if isinstance(one.environment, Scalar):
        text = scalar_text(one.environment)
        if text.startswith((CURATED, "azureml://registries/azureml/")):
            return True
    environment = environment_of(one, subject)
    return environment is not None and not {"inference_config", "build"} & set(environment.source.entries)


def _misspelt(lacking: list[str], module: Module) -> str:
    for name in lacking:
        other = next((known for known in module.functions if known != name and known.lower() == name), None)
        if other is not None:
            return f"Rename {other}() to {name}()."
    return "Define " + " and ".join("init()" if name == "init" else "run(data)" for name in lacking) + "."


@rule("PS915", "A function that cannot be called as Azure does")
def odd_signature(subject: Subject) -> Iterator[Told]:
    for service in _services(subject):
        if not _is_called_by_azure(service.of, subject):
            continue
        for name in ("init", "run"):
            function = _only(service.module, name)
            problem = _problem(name, function, service) if function is not None else None
            if problem is not None and function is not None:
                yield Told(f"{service.of.name}: {problem}.", service.place(function), _example(name, service))


def _only(module: Module, name: str) -> Function | None:
    """The function of that name, if it certainly is the one that is called, and as it stands."""
    if _bound(module) is None or name in module.imports or name in module.classes:
        return None
    nodes = [node for node in module.nodes if isinstance(node, Function) and node.name == name]
    stored = any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in module.nodes)
    found = module.functions.get(name)
    return found if found is not None and len(nodes) == 1 and not stored and not found.decorator_list else None


def _problem(name: str, function: Function, service: _Service) -> str | None:
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    required = [one.arg for one in plain[: len(plain) - len(arguments.defaults)]]
    required += [
        one.arg for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value is None
    ]
    if name == "init":
        return f"init() requires {', '.join(required)}; Azure gives it nothing" if required else None
    if service.of.kind != "online":
        nothing = not plain and arguments.vararg is None
        return "run() takes no argument; Azure gives it the mini-batch" if nothing else None
    if arguments.vararg or arguments.kwarg or arguments.posonlyargs:
        return "run() has *args, **kwargs or arguments by position only; Azure's server refuses it"
    data = [one.arg for one in (*plain, *arguments.kwonlyargs) if one.arg != "request_headers"]
    if not data:
        return "run() takes no argument for the data of the request"
    beyond = [one for one in required if one not in (data[0], "request_headers")]
    return f"run() requires {', '.join(beyond)} too; Azure's server gives it the data only" if beyond else None


def _example(name: str, service: _Service) -> str:
    if name == "init":
        return "Write def init():, and read what it needs from the environment."
    return "Write def run(data):." if service.of.kind == "online" else "Write def run(mini_batch):."


@rule("PS919", "A parallel script that refuses arguments which it does not know", "warning")
def strict_arguments(subject: Subject) -> Iterator[Told]:
    for service in _services(subject):
        if service.of.kind == "online" or "argparse" not in service.module.imported:
            continue
        for call in _calls(service.module):
            strict = isinstance(call.func, ast.Attribute) and call.func.attr == "parse_args"
            if strict and not call.args and not call.keywords:
                message = f"{service.of.name}: Azure adds arguments of its own, at which parse_args() gives up."
                yield Told(message, service.place(call), "Write parse_known_args(), which returns two things.")


def _calls(module: Module) -> Iterator[ast.Call]:
    """The calls that are made when the module is loaded or one of the two functions called."""
    begin = (module.functions.get(name) for name in ("init", "run"))
    todo: list[ast.AST | None] = [None, *(function for function in begin if function is not None)]
    seen: set[ast.AST | None] = set()
    while todo:
        scope = todo.pop()
        if scope in seen:
            continue
        seen.add(scope)
        for call in module.scope(scope).calls:
            yield call
            if isinstance(call.func, ast.Name) and call.func.id in module.functions:
                todo.append(module.functions[call.func.id])


@rule("PS920", "A run() that returns nothing", "warning")
def returns_nothing(subject: Subject) -> Iterator[Told]:
    for service in _services(subject):
        function = _only(service.module, "run")
        if service.of.kind == "online" or function is None or _returns(function):
            continue
        message = f"{service.of.name}: run() returns nothing, so that Azure counts every item as failed."
        yield Told(message, service.place(function), "Return a list or a DataFrame with one entry for each item.")


def _returns(function: Function) -> bool:
    """Whether a function may return something, or never gets to its end."""
    for node in ast.walk(function):
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Raise):
            return True
        if isinstance(node, ast.Return) and not (node.value is None or _is_none(node.value)):
            return True
    return False


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


# "Deploy MLflow models to online endpoints": the package is required. Azure's images for inference have it.
_SERVERS = {"azureml-inference-server-http", "azureml-defaults"}


@rule("PS512", "An environment without the server that calls the scoring script", "warning")
def no_server(subject: Subject) -> Iterator[Told]:
    for service in _services(subject):
        environment = environment_of(service.of, subject)
        conda = conda_of(environment, subject) if environment is not None else None
        if service.of.kind != "online" or environment is None or conda is None or conda.opaque:
            continue
        if {"inference_config", "build"} & set(environment.source.entries):
            continue
        known = all(is_known(package.name) or package.name in _SERVERS for package in conda.packages)
        present = brought(package.name for package in conda.packages)
        if known and not _SERVERS & present and "inference" not in (environment.source.text("image") or ""):
            message = (
                f"{service.of.name}: the environment has no azureml-inference-server-http, which calls the script."
            )
            place = environment.source.key_place("conda_file")
            yield Told(message, place, "Add azureml-inference-server-http to the conda file.")
