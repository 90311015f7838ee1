"""The Python files of a snapshot, parsed once, never imported."""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import cast

from msgspec import Struct

from penstock.check.entry_point_outline import Outline

_LARGEST = 1_000_000
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Imported(Struct, frozen=True):
    """What a name is bound to by an import: a module, or the attribute of one."""

    module: str
    attribute: str | None


class NotPython(Struct, frozen=True):
    """A file that Python cannot parse."""

    name: str
    message: str
    line: int
    column: int


class Scope(Struct, frozen=True):
    """What is executed together: a function or class with all in it, or the top of a module.

    Attributes:
        mentions: the names of its module (functions, classes, imports) that it reads, each with an attribute of it.
        calls: the calls in it.
    """

    mentions: tuple[tuple[str, str], ...]
    calls: tuple[ast.Call, ...]


class Module:
    """A parsed file. `name` is its path in the snapshot; `main`: it is the one that Python runs."""

    def __init__(self, name: str, text: str, tree: ast.Module, *, main: bool) -> None:
        self.name = name
        self.text = text
        self.main = main
        self._scopes: dict[ast.AST | None, Scope] = {}
        self.body = tree.body if main else [node for node in tree.body if not is_main_block(node)]

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes, in the order of the text as far as statements go."""
        return tuple(self._children)

    @cached_property
    def _children(self) -> Mapping[ast.AST, list[ast.AST]]:
        found: dict[ast.AST, list[ast.AST]] = {}
        todo: list[ast.AST] = list(reversed(self.body))
        while todo:
            node = todo.pop()
            found[node] = inner = children(node)
            todo += inner[::-1]
        return found

    @cached_property
    def parents(self) -> Mapping[ast.AST, ast.AST | None]:
        """Each node's parent."""
        found: dict[ast.AST, ast.AST | None] = dict.fromkeys(self.body)
        for node in self.nodes:
            for child in self._children[node]:
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
                todo += reversed(self._children[node])
        return tuple(found)

    def scope(self, top: ast.AST | None) -> Scope:
        """What a function, a class or (None) the top of the module does when it is executed."""
        if top not in self._scopes:
            self._scopes[top] = self._scope(self.top if top is None else self._below(top))
        return self._scopes[top]

    def _scope(self, nodes: Iterable[ast.AST]) -> Scope:
        mentions: set[tuple[str, str]] = set()
        calls: list[ast.Call] = []
        for node in nodes:
            if isinstance(node, ast.Name):
                if node.id in self._own and isinstance(node.ctx, ast.Load):
                    mentions.add((node.id, ""))
            elif isinstance(node, ast.Attribute):
                if isinstance(node.value, ast.Name) and node.value.id in self._own:
                    mentions.add((node.value.id, node.attr))
            elif isinstance(node, ast.Call):
                calls.append(node)
        return Scope(tuple(sorted(mentions)), tuple(calls))

    def _below(self, top: ast.AST) -> Iterator[ast.AST]:
        todo = [top]
        while todo:
            node = todo.pop()
            yield node
            todo += self._children[node]

    @cached_property
    def _own(self) -> frozenset[str]:
        """The names that the module binds to functions, classes and imports."""
        return frozenset({*self.functions, *self.classes, *self.imports})

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
                todo += reversed(self._children[node])
        return tuple(found)

    @cached_property
    def classes(self) -> Mapping[str, ast.ClassDef]:
        """The classes at the top of the module."""
        return {node.name: node for node in self.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def imports(self) -> Mapping[str, Imported]:
        """What the names that imports bind stand for; `level` dots of a relative import lead the module's name."""
        found: dict[str, Imported] = {}
        for node in self._import_statements:
            for alias in node.names:
                if isinstance(node, ast.ImportFrom):
                    found[alias.asname or alias.name] = Imported(_from(node), alias.name)
                else:
                    bound = alias.asname or alias.name.partition(".")[0]
                    found[bound] = Imported(alias.name if alias.asname else bound, None)
        return found

    @cached_property
    def imported(self) -> tuple[str, ...]:
        """The dotted names that any import in the module may be of: modules, or what is in them."""
        found: dict[str, None] = {}
        for node in self._import_statements:
            base = _from(node) if isinstance(node, ast.ImportFrom) else ""
            found |= dict.fromkeys([base] if base else [])
            joined = base if base.endswith(".") or not base else f"{base}."
            found |= dict.fromkeys(f"{joined}{alias.name}" for alias in node.names)
        return tuple(found)

    @cached_property
    def _import_statements(self) -> tuple[ast.Import | ast.ImportFrom, ...]:
        found: list[ast.Import | ast.ImportFrom] = []
        todo: list[ast.AST] = list(reversed(self.body))
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.append(node)
            for name in _BLOCKS:
                block = getattr(node, name, None)
                if isinstance(block, list):
                    todo += reversed(block)
        return tuple(found)

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


_BLOCKS = ("finalbody", "orelse", "handlers", "cases", "body")  # where statements stand in statements, last ones first


def _from(node: ast.ImportFrom) -> str:
    return "." * node.level + (node.module or "")


_NO_NODES = {"ctx", "op", "ops", "id", "attr", "kind", "level", "module", "asname", "conversion", "simple", "is_async"}
_NO_NODES |= {"type_comment"}
_fields: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}


def children(node: ast.AST) -> list[ast.AST]:
    """The parts of a node, without operators and the like (`ast.iter_child_nodes` takes several times as long)."""
    names = _fields.get(type(node))
    if names is None:
        names = _fields[type(node)] = tuple(name for name in node._fields if name not in _NO_NODES)
    found: list[ast.AST] = []
    for name in names:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
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
    """The Python files of one snapshot.

    `read` parses a file by its name in it, as the main one or not; `outlined` gives its outline.
    """

    def __init__(
        self,
        names: frozenset[str],
        read: Callable[[str, bool], Module | NotPython | None],
        outlined: Callable[[str], Outline],
    ) -> None:
        self.names = names
        self._read = read
        self._outlined = outlined
        self._located: dict[tuple[str, str, str], str | None] = {}
        self._about: dict[str, frozenset[str]] = {}

    def about_arguments(self, root: str) -> frozenset[str]:
        """The files that may have to do with the command line: that name what reads one, or import such a file."""
        if root not in self._about:
            self._about[root] = frozenset(self._reaching(root))
        return self._about[root]

    def _reaching(self, root: str) -> set[str]:
        importers: dict[str, list[str]] = {}
        found: list[str] = []
        for name in self.names:
            if not name.endswith(".py"):
                continue
            outlined = self.outline(name)
            if outlined.about_arguments:
                found.append(name)
            for imported in outlined.imported:
                for file in _with_packages(self, imported, name, root):
                    importers.setdefault(file, []).append(name)
        seen = set(found)
        while found:
            new = [name for name in importers.get(found.pop(), ()) if name not in seen]
            seen.update(new)
            found += new
        return seen

    def outline(self, name: str) -> Outline:
        """What the file's text tells without being parsed."""
        return self._outlined(name)

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

    def locate(self, imported: str, importer: str, root: str) -> str | None:
        """The file of a module as the file `importer` names it: relative to itself, or absolute from `root`."""
        folder = posixpath.dirname(importer) if imported.startswith(".") else ""
        key = (imported, folder, root)
        if key not in self._located:
            self._located[key] = self._locate(*key)
        return self._located[key]

    def _locate(self, imported: str, folder: str, root: str) -> str | None:
        dots = len(imported) - len(imported.lstrip("."))
        if not dots:
            return self.find(imported, root)
        for _ in range(dots - 1):
            folder = posixpath.dirname(folder)
        rest = imported[dots:]
        return self.find(rest, folder) if rest else self.find(posixpath.basename(folder) or ".", f"{folder}/..")


def imported_files(code: Code, module: Module, root: str) -> Iterator[str]:
    """The files of the snapshot that a module imports by any import in it, packages around them included."""
    for name in module.imported:
        yield from _with_packages(code, name, module.name, root)


def _with_packages(code: Code, name: str, importer: str, root: str) -> Iterator[str]:
    dots = len(name) - len(name.lstrip("."))
    parts = name[dots:].split(".")
    if not dots and parts[0] not in code.words:
        return
    for count in range(1, len(parts) + 1):
        found = code.locate("." * dots + ".".join(parts[:count]), importer, root)
        if found:
            yield found
