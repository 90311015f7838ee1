"""The stages of penstock.toml: which workspace at Azure, and what a job is changed by there.

    [stages.staging]
    subscription = "$AZURE_SUBSCRIPTION_ID"
    resource_group = "rg-penstock"
    workspace = "mlw-staging"

    [stages.staging.set]
    "settings.default_compute" = "azureml:cpu-cluster"

    [stages.staging.set."pipelines/retrain_*.yml"]
    "inputs.trials" = 20

What `set` says is for every job; a table in it is for the files that its pattern names, from the project's root, and
counts before what is for all. A value may name environment variables, `$NAME` or `${NAME}`: so the same file serves
every CI system, and nothing of a subscription has to be committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from penstock.errors import DefinitionError
from penstock.spec.finding import did_you_mean
from penstock.spec.place import Place
from penstock.spec.settings import key_place, read_settings
from penstock.store.project import FILE, settings_text, shown

DEFAULT = "dev"
_REQUIRED = ("subscription", "resource_group", "workspace")
_OPTIONAL = ("location", "container_registry", "registry", "endpoint_prefix")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_EXAMPLE = '[stages.dev] with subscription = "$AZURE_SUBSCRIPTION_ID", resource_group and workspace'


class Stage(Struct, frozen=True):
    """One workspace at Azure. `overlay`: dotted path of a job YAML -> value, as `--set` takes them.

    `overlays`: pattern of files in the project -> what is for these alone. `endpoint_prefix`: what the names of its
    endpoints begin with, before the model's name; they are unique in a region of Azure.
    """

    name: str
    subscription: str
    resource_group: str
    workspace: str
    place: Place
    location: str = ""
    container_registry: str = ""
    registry: str = ""
    endpoint_prefix: str = ""
    overlay: Mapping[str, str] = field(default_factory=dict)
    overlays: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    root: Path = Path()

    def overlay_of(self, job: Path) -> dict[str, str]:
        """What this job YAML is changed by."""
        file, changes = job.resolve(), dict(self.overlay)
        for pattern, own in self.overlays.items():
            if any(each.resolve() == file for each in self.root.glob(pattern)):
                changes |= own
        return changes

    @property
    def workspace_id(self) -> str:
        """The ARM id of the workspace."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"


def read_stage(root: Path, name: str | None = None, environment: Mapping[str, str] = os.environ) -> Stage:
    """The stage `name` of the penstock.toml in `root`; without a name `dev`, or the only one there is.

    Raises:
        DefinitionError: there is no such stage, it lacks a key, has an unknown one, a value is not text, a variable
            that it names is not set, or a pattern names no file; with the place.
    """
    text, file = settings_text(root), shown(root / FILE)
    stages = _tables(text, file)
    if not stages:
        raise DefinitionError(f"{file} names no stage, so it is not known which workspace is meant; add {_EXAMPLE}")
    if name is None:
        name = DEFAULT if DEFAULT in stages or len(stages) > 1 else next(iter(stages))
    if name not in stages:
        raise DefinitionError(f"{file}: there is no stage '{name}'. {did_you_mean(name, stages)}")
    return _Reader(text or "", file, root, f"stages.{name}", environment).stage(name, stages[name])


def stage_names(root: Path) -> list[str]:
    """The stages of the penstock.toml in `root`, in its order. Raises DefinitionError if it cannot be read."""
    return list(_tables(settings_text(root), shown(root / FILE)))


def stages_beside(stage: Stage, environment: Mapping[str, str] = os.environ) -> list[Stage]:
    """The other stages of its penstock.toml that are in the same workspace.

    Where one of them names a variable that is not set, this stands for itself: it is not what `stage` has there.

    Raises:
        DefinitionError: one of them lacks a key, has an unknown one, or a value is not text.
    """
    names = {found[1] or found[2] for found in _VARIABLE.finditer(settings_text(stage.root) or "")}
    known = {name: environment.get(name) or f"${name}" for name in names}
    others = [read_stage(stage.root, name, known) for name in stage_names(stage.root) if name != stage.name]
    return [other for other in others if other.workspace_id.lower() == stage.workspace_id.lower()]


def _tables(text: str | None, file: str) -> dict[str, Any]:
    stages = read_settings(text, file).get("stages", {}) if text is not None else {}
    if not isinstance(stages, dict) or not all(isinstance(each, dict) for each in stages.values()):
        raise DefinitionError(f"{key_place(text or '', file, None, 'stages')}: 'stages' is a table: write {_EXAMPLE}")
    return stages


class _Reader(Struct):
    """Reads one table `[stages.NAME]`."""

    text: str
    file: str
    root: Path
    table: str
    environment: Mapping[str, str]

    def stage(self, name: str, given: dict[str, Any]) -> Stage:
        known = (*_REQUIRED, *_OPTIONAL, "set")
        for key in given:
            if key not in known:
                raise DefinitionError(f"{self._place(key)}: a stage has no '{key}'. {did_you_mean(key, known)}")
        missing = [key for key in _REQUIRED if key not in given]
        place = key_place(self.text, self.file, None, "stages")
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.match(rf"\s*\[\s*{re.escape(self.table)}\s*\]", line):
                place = Place(self.file, number)
        if missing:
            raise DefinitionError(f"{place}: the stage '{name}' lacks {' and '.join(missing)}")
        overlay = given.get("set", {})
        if not isinstance(overlay, dict):
            raise DefinitionError(f"{self._place('set')}: 'set' is a table of dotted paths of a job and their values")
        values = {key: self._text(key, given[key], self.table) for key in given if key != "set"}
        of_files = {key: value for key, value in overlay.items() if isinstance(value, dict)}
        return Stage(
            name=name,
            place=place,
            overlay=self._changes({key: overlay[key] for key in overlay.keys() - of_files}),
            overlays={pattern: self._changes(own, pattern) for pattern, own in of_files.items()},
            root=self.root,
            **values,
        )

    def _changes(self, given: dict[str, Any], pattern: str | None = None) -> dict[str, str]:
        table = f"{self.table}.set"
        if pattern is not None and (pattern.startswith("/") or next(self.root.glob(pattern), None) is None):
            place = self._place(pattern, table)
            raise DefinitionError(f"{place}: no file of the project is named by '{pattern}'; write it from the root")
        table = table if pattern is None else f"{table}.{pattern}"
        return {key: self._scalar(key, value, table) for key, value in given.items()}

    def _place(self, key: str, table: str | None = None) -> Place:
        return key_place(self.text, self.file, table or self.table, key)

    def _text(self, key: str, value: Any, table: str) -> str:
        if not isinstance(value, str) or not value:
            raise DefinitionError(f"{self._place(key, table)}: '{key}' needs a text, not {value!r}")

        def filled(found: re.Match[str]) -> str:
            variable = found[1] or found[2]
            if not self.environment.get(variable):
                place = self._place(key, table)
                raise DefinitionError(f"{place}: '{key}' is taken from the variable {variable}, which is not set")
            return self.environment[variable]

        return _VARIABLE.sub(filled, value)

    def _scalar(self, key: str, value: Any, table: str) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        return self._text(key, value, table)
