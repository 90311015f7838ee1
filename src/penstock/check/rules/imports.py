"""PS51x: the modules that a step or a deployment imports, and the packages that its environment brings."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from functools import partial

from msgspec import Struct

from penstock.check.coded import coded
from penstock.check.conda import Conda, normalized
from penstock.check.entry_point_code import Code, Module
from penstock.check.environments import Environment, conda_of, environment_of
from penstock.check.memory import remembered
from penstock.check.modules import brought, is_known, is_namespace, is_standard, packages_of
from penstock.check.rule import Told, rule
from penstock.check.snapshots import Entered, entered
from penstock.check.subject import Subject
from penstock.graph.coded import Coded, Scripted
from penstock.spec.place import Place

_MOVES_PATHS = ("sys.path", "importlib", "addsitedir", "__import__")
_INSTALLS = re.compile(r"pip.{0,20}install")


@rule("PS510", "An import that the environment does not bring")
def missing_package(subject: Subject) -> Iterator[Told]:
    for lack in _lacking(subject):
        if lack.is_certain:
            yield Told(lack.message, lack.place, lack.fix)


@rule("PS511", "An import that nothing in the environment is known to bring", "warning")
def doubtful_package(subject: Subject) -> Iterator[Told]:
    for lack in _lacking(subject):
        if not lack.is_certain:
            yield Told(lack.message, lack.place, lack.fix)


class _Lack(Struct, frozen=True):
    is_certain: bool
    message: str
    place: Place
    fix: str


def _lacking(subject: Subject) -> Iterator[_Lack]:
    for one in coded(subject):
        if not isinstance(one, Scripted) or one.kind != "spark":  # Spark's runtime brings packages of its own
            yield from remembered(subject, ("lacking", one.source.place, one.name), partial(_all_of, one, subject))


def _all_of(one: Coded, subject: Subject) -> tuple[_Lack, ...]:
    return tuple(_of(one, subject))


def _of(one: Coded, subject: Subject) -> Iterator[_Lack]:
    begun = tuple(entered(one, subject))
    environment = environment_of(one, subject) if begun else None
    conda = conda_of(environment, subject) if environment is not None else None
    if environment is None or conda is None or conda.opaque or "PYTHONPATH" in one.environment_variables:
        return
    for script in begun:
        yield from _of_script(script, environment, conda)


def _of_script(begun: Entered, environment: Environment, conda: Conda) -> Iterator[_Lack]:
    packages = {package.name for package in conda.packages}
    present = brought(packages)
    certain = all(is_known(package.name) and not package.extras for package in conda.packages)
    code = begun.snapshot.code
    if not any(_is_missing(names, packages_of(names), present, code, certain=certain) for names in _outlined(code)):
        return  # to parse all that is imported is most of the time
    imports = list(_imports(begun))
    if any(_finds_modules_itself(module.text) for module in {one.module for one in imports}):
        return
    conda_name = environment.conda_path.name if environment.conda_path is not None else "conda_file:"
    told: set[str] = set()
    for one in imports:
        wanted = packages_of(one.names)
        if not _is_missing(one.names, wanted, present, code, certain=certain):
            continue
        name = wanted[0] if wanted else _top(one.names)
        if name in told:
            continue
        told.add(name)
        brings = "does not bring" if wanted and certain else "does not list, and nothing in it is known to bring"
        message = f"{begun.by.name}: {one.module.name} imports {one.names[0]}, which {conda_name} {brings}."
        place = Place(os.path.normpath(begun.snapshot.paths[one.module.name]), one.line, one.column)
        fix = f"Add {name} to {conda_name}." if wanted else f"Add its package to {conda_name}, or the module to code:."
        yield _Lack(bool(wanted) and certain, message, place, fix)


def _finds_modules_itself(text: str) -> bool:
    """Whether a script may change where modules come from, or install some."""
    return any(word in text for word in _MOVES_PATHS) or _INSTALLS.search(text) is not None


class _Import(Struct, frozen=True):
    """An import that is executed whenever its module is: the dotted names that it may mean, the plain one first."""

    module: Module
    names: tuple[str, ...]
    line: int
    column: int


def _top(names: tuple[str, ...]) -> str:
    return names[0].partition(".")[0]


def _is_missing(
    names: tuple[str, ...], wanted: tuple[str, ...], present: frozenset[str], code: Code, *, certain: bool
) -> bool:
    top = _top(names)
    if is_standard(top) or _may_be_local(top, code):
        return False
    if wanted:
        return not present.intersection(wanted)
    if is_namespace(top) or not certain:
        return False
    own = normalized(top)
    return not any(own in (package, f"python-{package}") or own.startswith(f"{package}-") for package in present)


def _may_be_local(top: str, code: Code) -> bool:
    """Whether any file or folder of the snapshot bears the module's name, whatever the path to it."""
    return top in code.words


def _outlined(code: Code) -> set[tuple[str, ...]]:
    """Each absolute import in the snapshot's texts alone: more than there are, none less."""
    outlines = (code.outline(name) for name in code.names if name.endswith(".py"))
    return {(name,) for found in outlines for name in found.at_top if not name.startswith(".")}


def _imports(begun: Entered) -> Iterator[_Import]:
    """The imports of the script and of the snapshot's modules that are imported with it."""
    code, root = begun.snapshot.code, begun.root
    todo = [begun.module]
    seen = {module.name for module in todo}
    while todo:
        module = todo.pop(0)
        for node in _unconditional(module):
            for names in _names(node):
                local = _local(code, names, module, root)
                if not local and not names[0].startswith("."):
                    yield _Import(module, names, node.lineno, node.col_offset + 1)
                for name in local:
                    other = code.module(name) if name not in seen else None
                    seen.add(name)
                    todo += [other] if isinstance(other, Module) else []


def _unconditional(module: Module) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in module.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def _names(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, ...]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name,) for alias in node.names)
        return
    base = "." * node.level + (node.module or "")
    joined = base if base.endswith(".") else f"{base}."
    yield (base, *(f"{joined}{alias.name}" for alias in node.names))


def _local(code: Code, names: tuple[str, ...], module: Module, root: str) -> list[str]:
    """The files of the snapshot that an import executes: packages on the way, and the module itself."""
    found = []
    for name in names:
        dots = len(name) - len(name.lstrip("."))
        parts = name[dots:].split(".")
        for count in range(1, len(parts) + 1):
            path = code.locate("." * dots + ".".join(parts[:count]), module.name, root)
            found += [path] if path else []
    return found
