"""Which interpreter runs each node: this one, or virtual environments made of the conda files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from penstock.graph.coded import coded_of
from penstock.graph.model import GraphNode
from penstock.plan import Plan
from penstock.plan.requirements import Requirements, requirements_of
from penstock.spec.files import Files
from penstock.store.host import differences, host_interpreter, installed
from penstock.store.spark import Spark, local_spark
from penstock.store.workspace import Workspace

if TYPE_CHECKING:
    from penstock.store.venvs import Venv

_MOST = 8


class Interpreters(Struct, frozen=True):
    """What runs each node; `unmade` are those whose environment would have to be made first."""

    host: str
    venvs: Mapping[str, Venv] = field(default_factory=dict)
    unmade: frozenset[str] = frozenset()

    @property
    def programs(self) -> dict[str, Path]:
        """The folder of the interpreter of each node that has one of its own."""
        return {name: venv.programs for name, venv in self.venvs.items()}

    def of(self, node: GraphNode) -> str:
        """What really runs a node, as a part of its key."""
        venv = self.venvs.get(node.name)
        if venv is not None:
            return venv.interpreter
        if node.name in self.unmade:
            return "an environment that is not made yet"
        spark = local_spark() if node.job.type == "spark" else None
        return spark.interpreter if spark is not None else self.host

    def spark(self, plan: Plan) -> Spark | None:
        """The Spark of this machine, if a node needs one."""
        return local_spark() if _sparks(plan) else None


def declared(plan: Plan, files: Files) -> dict[str, Requirements]:
    """What the nodes' environments install, as far as they name conda files."""
    found = {}
    for planned in plan.nodes:
        component = coded_of(planned.node.component)
        wanted = requirements_of(component, files) if component is not None else None
        if wanted is not None:
            found[planned.name] = wanted
    return found


def on_this_interpreter(plan: Plan, files: Files, told: Callable[[str], None]) -> Interpreters:
    """All nodes run by this interpreter; tells how it differs from what their environments say."""
    by_content: dict[tuple[Requirements, bool], list[str]] = {}
    sparks = _sparks(plan)
    for name, wanted in declared(plan, files).items():
        by_content.setdefault((wanted, name in sparks), []).append(name)
    for (wanted, by_spark), names in by_content.items():
        spark = local_spark() if by_spark else None
        found = differences(wanted, spark.packages if spark is not None else installed())
        if found:
            shown = ", ".join(found[:_MOST]) + (f" and {len(found) - _MOST} more" if len(found) > _MOST else "")
            told(f"{', '.join(names)}: the environment says {shown}; --env venv makes it")
    return Interpreters(host_interpreter())


def in_virtual_environments(
    plan: Plan, files: Files, workspace: Workspace, told: Callable[[str], None]
) -> Interpreters:
    """Each node in an environment made of its conda file; those without one by this interpreter, which is told."""
    from penstock.store.venvs import Venvs

    venvs, found = Venvs(workspace, told), {}
    wanted = _wanted(plan, files)
    for name, requirements in wanted.items():
        found[name] = venvs.of(requirements)
        if requirements.left_out:
            told(f"'{name}': no Python packages, so not in its environment here: {', '.join(requirements.left_out)}")
    without = [planned.name for planned in plan.nodes if planned.name not in wanted]
    if without:
        told(f"{', '.join(without)}: the environment names no conda file; this interpreter runs it")
    return Interpreters(host_interpreter(), found)


def virtual_environments(plan: Plan, files: Files, workspace: Workspace) -> Interpreters:
    """The environments that a run would use, as far as they are there; makes none."""
    from penstock.store.venvs import Venvs

    venvs = Venvs(workspace, lambda _: None)
    found = {name: venvs.made(requirements) for name, requirements in _wanted(plan, files).items()}
    made = {name: venv for name, venv in found.items() if venv is not None}
    return Interpreters(host_interpreter(), made, frozenset(found) - frozenset(made))


def _wanted(plan: Plan, files: Files) -> dict[str, Requirements]:
    """What each node's environment holds."""
    sparks = _sparks(plan)
    return {
        name: _with_spark(requirements) if name in sparks else requirements
        for name, requirements in declared(plan, files).items()
    }


def _sparks(plan: Plan) -> set[str]:
    return {planned.name for planned in plan.nodes if planned.node.job.type == "spark"}


_SPARK_BRINGS = {"numpy": "<2", "pandas": "<2.2", "pyarrow": ""}


def _with_spark(wanted: Requirements) -> Requirements:
    """What Azure's Spark runtime brings to any conda file, where that does not name it."""
    spark = local_spark()
    named = {re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0].lower() for line in wanted.lines}
    brought = {**({"pyspark": f"=={spark.version}"} if spark is not None else {}), **_SPARK_BRINGS}
    more = tuple(f"{name}{version}" for name, version in brought.items() if name not in named)
    return replace(wanted, lines=(*wanted.lines, *more))
