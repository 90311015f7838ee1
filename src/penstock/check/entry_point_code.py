"""The Python files of a snapshot, parsed once, never imported."""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

_LARGEST = 1_000_000
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Imported:
    """What a name is bound to by an import: a module, or the attribute of one."""

    module: str
    attribute: str | None


@dataclass(frozen=True, slots=True)
class NotPython:
    """A file that Python cannot parse."""

    name: str
    message: str
    line: int
    column: int


class Module:
    """A parsed file. `name` is its path in the snapshot; `main`: it is the one that Python runs."""

    def __init__(self, name: str, text: str, tree: ast.Module, *, main: bool) -> None:
        self.name = name
        self.text = text
        self.main = main
        self._children: dict[ast.AST, list[ast.AST]] = {}
        self._below: dict[ast.AST, tuple[ast.AST, ...]] = {}
        self._mentions: dict[ast.AST | None, frozenset[tuple[str, str]]] = {}
        self.body = tree.body if main else [node for node in tree.body if not is_main_block(node)]

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes, in the order of the text as far as statements go."""
        found: list[ast.AST] = []
        todo: list[ast.AST] = list(reversed(self.body))
        while todo:
            node = todo.pop()
            found.append(node)
            inner = children(node)
            if inner:
                self._children[node] = inner
                todo += inner[::-1]
        return tuple(found)

    def children(self, node: ast.AST) -> Sequence[ast.AST]:
        """The parts of a node of this module."""
        return self._children.get(node, ()) if self.nodes else ()

    def below(self, scope: ast.AST | None) -> tuple[ast.AST, ...]:
        """A function or class with all in it; for None what is executed when the module is imported."""
        if scope is None:
            return self.top
        if scope not in self._below:
            found: list[ast.AST] = []
            todo = [scope]
            while todo:
                node = todo.pop()
                found.append(node)
                todo += self.children(node)
            self._below[scope] = tuple(found)
        return self._below[scope]

    @cached_property
    def parents(self) -> Mapping[ast.AST, ast.AST | None]:
        """Each node's parent."""
        found: dict[ast.AST, ast.AST | None] = dict.fromkeys(self.body)
        for node in self.nodes:
            for child in self.children(node):
                found[child] = node
        return found

    @cached_property
    def top(self) -> tuple[ast.AST, ...]:
        """The nodes that are executed when the module is imported: those outside functions."""
        found: list[ast.AST] = []
        todo: list[ast.AST] = list(reversed(self.body))
        while todo:
            node = todo.pop()
            if isinstance(node, Function):
                todo += node.decorator_list
            else:
                found.append(node)
                todo += reversed(self.children(node))
        return tuple(found)

    def mentions(self, scope: ast.AST | None) -> frozenset[tuple[str, str]]:
        """The names that a function, a class or (None) the top of the module reads, each with an attribute of it."""
        if scope not in self._mentions:
            found = set()
            for node in self.below(scope):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    found.add((node.id, ""))
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    found.add((node.value.id, node.attr))
            self._mentions[scope] = frozenset(found)
        return self._mentions[scope]

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The node's parent, its parent and so on."""
        parent = self.parents[node]
        while parent is not None:
            yield parent
            parent = self.parents[parent]

    def function_of(self, node: ast.AST) -> Function | None:
        """The innermost function around a node."""
        for above in self.above(node):
            if isinstance(above, Function):
                return above
        return None

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """The functions at the top of the module, and those below `if` there."""
        return {node.name: node for node in self._statements if isinstance(node, Function)}

    @cached_property
    def _statements(self) -> tuple[ast.stmt, ...]:
        """The statements outside functions and classes, those below `if`, `try` and the like included."""
        found: list[ast.stmt] = []
        todo: list[ast.AST] = list(reversed(self.body))
        while todo:
            node = todo.pop()
            if isinstance(node, ast.stmt):
                found.append(node)
            if not isinstance(node, Function | ast.ClassDef | ast.expr):
                todo += reversed(self.children(node))
        return tuple(found)

    @cached_property
    def classes(self) -> Mapping[str, ast.ClassDef]:
        """The classes at the top of the module."""
        return {node.name: node for node in self.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def imports(self) -> Mapping[str, Imported]:
        """What the names that imports bind stand for; `level` dots of a relative import lead the module's name."""
        found: dict[str, Imported] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    found[bound] = Imported(alias.name if alias.asname else bound, None)
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                for alias in node.names:
                    found[alias.asname or alias.name] = Imported(module, alias.name)
        return found

    @cached_property
    def constants(self) -> Mapping[str, ast.expr]:
        """The names that are bound once at the top of the module and nowhere else in it."""
        values: dict[str, ast.expr] = {}
        counts: dict[str, int] = {}
        for node in self.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
                counts[node.id] = counts.get(node.id, 0) + 1
        for statement in self.body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target, value = statement.targets[0], statement.value
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                target, value = statement.target, statement.value
            else:
                continue
            if isinstance(target, ast.Name) and counts[target.id] == 1:
                values[target.id] = value
        return values

    def is_from(self, node: ast.expr, module: str, name: str) -> bool:
        """Whether an expression is `name` of the library `module`, however it was imported."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.attr == name and self.imports.get(node.value.id) == Imported(module, None)
        return isinstance(node, ast.Name) and self.imports.get(node.id) == Imported(module, name)

    def literal(self, node: ast.expr | None) -> object:
        """The value of an expression of constants, through names bound at the top; Ellipsis if it is not known."""
        if isinstance(node, ast.Name) and node.id in self.constants:
            node = self.constants[node.id]
        if node is None:
            return ...
        try:
            return cast("object", ast.literal_eval(node))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return ...


_LEAVES = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)


def children(node: ast.AST) -> list[ast.AST]:
    """The parts of a node, without operators and the like (`ast.iter_child_nodes` takes twice the time)."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
            found.append(value)
    return found


def with_all_below(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it."""
    todo = [node]
    while todo:
        current = todo.pop()
        yield current
        todo += children(current)


def is_main_block(node: ast.AST) -> bool:
    """Whether a statement is `if __name__ == "__main__":`."""
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in with_all_below(node.test)
    )


def parse(name: str, data: bytes, *, main: bool) -> Module | NotPython | None:
    """The file `name` with the content `data`; None if it is no text or too large."""
    if len(data) > _LARGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in the script is its own affair
            tree = ast.parse(data)
        return Module(name, data.decode("utf-8", "replace"), tree, main=main)
    except SyntaxError as error:
        return NotPython(name, error.msg, max(error.lineno or 1, 1), max(error.offset or 1, 1))
    except (ValueError, RecursionError, MemoryError):
        return None


class Code:
    """The Python files of one snapshot. `read` parses a file by its name in it, as the main one or not."""

    def __init__(self, names: frozenset[str], read: Callable[[str, bool], Module | NotPython | None]) -> None:
        self.names = names
        self._read = read

    def module(self, name: str, *, main: bool = False) -> Module | NotPython | None:
        """The parsed file; None if it is not there or cannot be read as text."""
        return self._read(name, main) if name in self.names else None

    @cached_property
    def words(self) -> frozenset[str]:
        """The names of all files and folders, without what follows the first dot."""
        return frozenset(part.partition(".")[0] for name in self.names for part in name.split("/"))

    def find(self, dotted: str, folder: str) -> str | None:
        """The file of the module `dotted` that lies below `folder`."""
        path = posixpath.normpath(posixpath.join(folder, dotted.replace(".", "/")))
        for candidate in (f"{path}/__init__.py", f"{path}.py"):
            if candidate in self.names:
                return candidate
        return None

    def locate(self, imported: str, module: Module, root: str) -> str | None:
        """The file of a module as another one names it: relative to itself, or absolute from `root`."""
        dots = len(imported) - len(imported.lstrip("."))
        if not dots:
            return self.find(imported, root)
        folder = posixpath.dirname(module.name)
        for _ in range(dots - 1):
            folder = posixpath.dirname(folder)
        rest = imported[dots:]
        return self.find(rest, folder) if rest else self.find(posixpath.basename(folder) or ".", f"{folder}/..")


def imported_files(code: Code, module: Module, root: str) -> Iterator[str]:
    """The files of the snapshot that a module imports by any import in it, packages around them included."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            joined = base if base.endswith(".") or not base else f"{base}."
            names = [base, *(f"{joined}{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            yield from _with_packages(code, name, module, root)


def _with_packages(code: Code, name: str, module: Module, root: str) -> Iterator[str]:
    dots = len(name) - len(name.lstrip("."))
    parts = name[dots:].split(".")
    for count in range(1, len(parts) + 1):
        found = code.locate("." * dots + ".".join(parts[:count]), module, root)
        if found:
            yield found
