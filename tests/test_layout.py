"""Which way the parts may depend on each other, how large they may be, and what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PENSTOCK = REPOSITORY / "src" / "penstock"
HEAVY = {"azure", "mldesigner", "mlflow", "pandas", "numpy", "sklearn", "scipy", "pyarrow", "skops"}
HEAVY |= {"great_expectations"}
# package -> the packages of the toolchain that it may import, besides itself, `penstock` and `penstock.errors`.
# spec -> graph -> {check, plan}; cli orders them. What is not here may import none.
ARROWS = {
    "spec": set(),
    "graph": {"spec"},
    "check": {"spec", "graph"},
    "plan": {"spec", "graph"},
    "publish": {"spec", "graph", "plan"},
    "compile": set(),
    "store": {"spec", "graph", "plan"},
    "run": {"spec", "graph", "plan", "store"},
    "report": {"spec", "graph", "plan", "store"},
    "azure": {"spec", "graph", "publish", "compile", "store", "release"},
    "release": {"spec", "store"},
    "schedule": {"spec", "store", "report"},
    "cli": {
        "spec",
        "graph",
        "check",
        "plan",
        "publish",
        "compile",
        "store",
        "run",
        "report",
        "azure",
        "release",
        "schedule",
    },
}
PURE = ("spec", "graph", "check", "plan", "publish")
NEVER_HEAVY_ON_IMPORT = (
    "spec",
    "graph",
    "check",
    "plan",
    "publish",
    "run",
    "store",
    "cli",
    "compile",
    "report",
    "release",
    "schedule",
    "azure",
)


def _python_files() -> list[Path]:
    """Every Python file that git has or would take."""
    return [path for path in _files() if path.suffix == ".py"]


@cache
def _files() -> tuple[Path, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    names = sorted(name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in (REPOSITORY / name for name in names) if path.is_file())


def _imports(source: Path, *, only_at_import: bool = False) -> Iterator[str]:
    """The modules that a file imports, absolute; with `only_at_import` not those inside functions or TYPE_CHECKING."""
    todo: list[ast.AST] = [ast.parse(source.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if only_at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if only_at_import and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        todo += ast.iter_child_nodes(node)


def _of_penstock(package: str) -> list[Path]:
    return sorted((PENSTOCK / package).rglob("*.py"))


PACKAGES = sorted(path.parent.name for path in PENSTOCK.glob("*/__init__.py"))


def test_every_package_has_its_place_in_the_map() -> None:
    assert {"spec", "graph", "check", "plan", "run", "store", "compile", "cli"} <= set(PACKAGES) <= set(ARROWS)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_arrows(package: str) -> None:
    wrong = []
    for source in _of_penstock(package):
        for module in _imports(source):
            top, _, rest = module.partition(".")
            target = rest.split(".")[0]
            if top == "penstock" and target in ARROWS and target not in {package, *ARROWS[package]}:
                wrong.append(f"{source.relative_to(PENSTOCK)} imports {module}")
    assert wrong == []


@pytest.mark.parametrize("package", PURE)
def test_the_pure_parts_import_nothing_heavy_and_start_nothing(package: str) -> None:
    forbidden = HEAVY | {"subprocess", "multiprocessing", "socket", "sqlite3", "shutil", "tempfile"}
    for source in _of_penstock(package):
        found = {module.split(".")[0] for module in _imports(source)} & forbidden
        assert found == set(), source


@pytest.mark.parametrize("package", ["check", "plan", "publish"])
def test_check_plan_and_publish_reach_files_only_through_what_is_handed_to_them(package: str) -> None:
    reading = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "exists", "is_file", "is_dir", "iterdir"}
    reading |= {"glob", "rglob", "walk", "stat", "listdir", "scandir"}
    for source in _of_penstock(package):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                owner, _, method = called.rpartition(".")
                handed = owner.split(".")[-1] in ("files", "digests", "ast")
                assert method not in reading or handed, f"{source}:{node.lineno}: {called}"


@pytest.mark.parametrize("package", [name for name in NEVER_HEAVY_ON_IMPORT if (PENSTOCK / name).is_dir()])
def test_importing_the_toolchain_imports_nothing_heavy(package: str) -> None:
    for source in _of_penstock(package):
        assert {module.split(".")[0] for module in _imports(source, only_at_import=True)} & HEAVY == set(), source


def test_steps_never_import_the_toolchain_and_it_never_imports_a_step() -> None:
    steps = [path for path in _python_files() if path.is_relative_to(REPOSITORY / "components")]
    assert len(steps) > 10
    for source in steps:
        assert "penstock" not in {module.split(".")[0] for module in _imports(source)}, source
    entry_points = {path.stem for path in REPOSITORY.glob("components/*/src/*.py")}
    for source in PENSTOCK.rglob("*.py"):
        assert not entry_points & {module.split(".")[0] for module in _imports(source)}, source


def test_modules_are_short_and_none_is_a_drawer() -> None:
    for source in _python_files():
        if not source.is_relative_to(REPOSITORY / "tests"):
            assert len(source.read_text(encoding="utf-8").splitlines()) < 400, source
        assert source.stem not in ("utils", "util", "helpers", "misc", "common"), source


# No address of a package index, and no path that only one machine has.
_INDEX = r"(pypi|pythonhosted|jfrog|artifactory|nexus|devpi)\S*/(simple|packages|api/pypi)|index-url[ =]\S*://"
FORBIDDEN = {
    "an address of a package index": f"(?i){_INDEX}",
    "a path of one machine": r"(?<![\w.${}])/(home|Users)/[a-z]\w*/|(?<![\w.])/(work|root)/[a-z.]",
    "a merge mark": r"(?m)^(<{7} |>{7} )",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    found = []
    for path in _files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a table or a picture
        found += [f"{path}: {match.group()}" for match in re.finditer(FORBIDDEN[what], text) if path != Path(__file__)]
    assert found == []


def test_what_is_forbidden_would_be_found() -> None:
    """The patterns match what they are for."""
    slash = "/"
    examples = {
        "an address of a package index": "https://pypi.org" + slash + "simple",
        "a path of one machine": f"code: {slash}home{slash}ann{slash}src",
        "a merge mark": "<" * 7 + " HEAD",
    }
    for what, example in examples.items():
        assert re.search(FORBIDDEN[what], example)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["compile", "--help"],
        ["check", "--help"],
        ["schedule", "--help"],
        ["publish", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from penstock.cli.main import main\n"
        f"sys.argv = ['penstock', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n    assert not ended.code, ended.code\n"
        f"print('imported:', sorted({HEAVY | {'rich'}!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported: []"
    assert "Usage" in done.stdout or arguments == ["--version"]
