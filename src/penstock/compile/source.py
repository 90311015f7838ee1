"""Imports a pipeline written in Python and finds its job."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from penstock.errors import DefinitionError


def load_pipeline(source: Path, shown: str) -> Any:
    """The one azure-ai-ml PipelineJob that the module at `source` (absolute) holds at its top level.

    What the file prints goes to stderr. `shown` names it in messages. To be called inside `working_in`.

    Raises DefinitionError if it cannot be imported, or if it holds no such object or several.
    """
    from azure.ai.ml.entities import PipelineJob

    module = _import(source, shown)
    found = {name: value for name, value in vars(module).items() if isinstance(value, PipelineJob)}
    if not found:
        raise DefinitionError(
            f"{shown}: there is no pipeline job at the top level of the file. Call the function under @pipeline there, "
            "and keep what it returns: job = my_pipeline(data=Input(...))"
        )
    if len({id(job) for job in found.values()}) > 1:
        names = ", ".join(found)
        raise DefinitionError(f"{shown}: there are several pipeline jobs ({names}); a file holds one, so keep one")
    return next(iter(found.values()))


def _import(source: Path, shown: str) -> ModuleType:
    name = f"_penstock_pipeline_{source.stem}"
    spec = importlib.util.spec_from_file_location(name, source)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"{shown}: not a Python file; name pipelines/X.py")
    module = importlib.util.module_from_spec(spec)
    with contextlib.redirect_stdout(sys.stderr):
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's file may raise is the user's to see
            raise DefinitionError(_told(error, source, shown)) from None
        finally:
            del sys.modules[name]
    return module


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Work in `folder` and import from it, so that nothing depends on where the command is called.

    No trace is left: no byte code, no module that came from there.
    """
    before, known, path, no_bytecode = Path.cwd(), set(sys.modules), list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path
        sys.dont_write_bytecode = no_bytecode
        for name in set(sys.modules) - known:
            if _comes_from(folder, sys.modules[name]):
                del sys.modules[name]


def _comes_from(folder: Path, module: ModuleType) -> bool:
    """Whether the user wrote it: it lies below the folder, and not in an environment that happens to do so as well."""
    origin = Path(getattr(module, "__file__", None) or "/")
    return origin.is_relative_to(folder) and "site-packages" not in origin.parts


def _told(error: BaseException, source: Path, shown: str) -> str:
    """Where in the file it went wrong, and the exception's own words."""
    if isinstance(error, SyntaxError) and error.filename == str(source):
        return f"{shown}:{error.lineno}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(source)]
    place = f"{shown}:{lines[-1]}" if lines else shown
    if isinstance(error, ModuleNotFoundError):
        return f"{place}: {error}"
    words = str(error).strip() or "no message"
    return f"{place}: {type(error).__name__}: {words}"
