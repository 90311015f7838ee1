"""What a script may execute of its own and the snapshot's other modules: by names, without running anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct, field

from penstock.check.entry_point_code import Code, Function, Imported, Module, imported_files

_MOST = 400


class Reached(Struct, dict=True):
    """The modules that a script imports from the snapshot, and the functions and classes mentioned on the way.

    Only those that may have to do with the command line; to parse the others is most of the time.
    """

    code: Code
    entry: Module
    root: str
    modules: list[Module] = field(default_factory=list)
    by_name: dict[str, Module] = field(default_factory=dict)
    scopes: dict[tuple[str, ast.AST | None], tuple[Module, ast.AST | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, code: Code, entry: Module, root: str) -> Reached | None:
        """Start at the top of `entry`; None if there is too much of it or a file is not Python."""
        reached = cls(code, entry, root, [entry], {entry.name: entry})
        todo: list[tuple[Module, ast.AST | None]] = [(entry, None)]
        while todo:
            module, scope = todo.pop()
            if (module.name, scope) in reached.scopes:
                continue
            if len(reached.scopes) > _MOST:
                return None
            reached.scopes[module.name, scope] = (module, scope)
            if scope is None:
                for name in imported_files(code, module, root):
                    if name not in code.about_arguments(root):
                        continue
                    other = reached._module(name)
                    if other is None:
                        return None
                    todo.append((other, None))
            todo += reached._mentioned(module, scope)
        return reached

    def _module(self, name: str) -> Module | None:
        if name not in self.by_name:
            if name not in self.code.about_arguments(self.root):
                return None
            module = self.code.module(name)
            if not isinstance(module, Module):
                return None
            self.by_name[name] = module
            self.modules.append(module)
        return self.by_name[name]

    def _mentioned(self, module: Module, scope: ast.AST | None) -> Iterator[tuple[Module, ast.AST]]:
        for name, attribute in module.scope(scope).mentions:
            found = self._attribute(name, attribute, module) if attribute else self._named(name, module)
            if found is not None:
                yield found

    def _named(self, name: str, module: Module, depth: int = 0) -> tuple[Module, ast.AST] | None:
        if name in module.functions:
            return module, module.functions[name]
        if name in module.classes:
            return module, module.classes[name]
        imported = module.imports.get(name)
        if imported is None or imported.attribute is None or depth > 5:
            return None
        other = self._imported(imported, module)
        return self._named(imported.attribute, other, depth + 1) if other is not None else None

    def _attribute(self, name: str, attribute: str, module: Module) -> tuple[Module, ast.AST] | None:
        imported = module.imports.get(name)
        if imported is None:
            return None
        dot = "" if imported.module.endswith(".") else "."
        dotted = imported.module if imported.attribute is None else f"{imported.module}{dot}{imported.attribute}"
        path = self.code.locate(dotted, module.name, self.root)
        other = self.by_name.get(path) if path else None
        return self._named(attribute, other) if other is not None else None

    def _imported(self, imported: Imported, module: Module) -> Module | None:
        path = self.code.locate(imported.module, module.name, self.root)
        return self._module(path) if path else None

    def function(self, node: ast.expr, module: Module) -> tuple[Function, Module] | None:
        """The function of the snapshot that an expression names."""
        found = None
        if isinstance(node, ast.Name):
            found = self._named(node.id, module)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found = self._attribute(node.value.id, node.attr, module)
        return (found[1], found[0]) if found is not None and isinstance(found[1], Function) else None

    @cached_property
    def calls(self) -> tuple[tuple[ast.Call, Module], ...]:
        """Every call in what is reached, once."""
        found: dict[ast.Call, Module] = {}
        for module, scope in self.scopes.values():
            found |= dict.fromkeys(module.scope(scope).calls, module)
        return tuple(found.items())

    def callers(self, function: Function | None, module: Module) -> Iterator[tuple[ast.Call, Module]]:
        """The calls of a function by its name."""
        for call, caller in self.calls:
            found = self.function(call.func, caller)
            if found is not None and found[0] is function and found[1] is module:
                yield call, caller

    def users(self, module: Module, name: str) -> Iterator[tuple[Module, ast.Name]]:
        """Where other modules use a name that they import from `module`."""
        for other in self.modules:
            for bound, imported in other.imports.items():
                if other is module or imported.attribute != name or self._imported(imported, other) is not module:
                    continue
                for node in other.nodes:
                    if isinstance(node, ast.Name) and node.id == bound and isinstance(node.ctx, ast.Load):
                        yield other, node
