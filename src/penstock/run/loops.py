"""Loop nodes: what their iterations have made becomes the loop's own outputs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import yaml

from penstock.graph.model import Iteration
from penstock.run.ports import written_value
from penstock.run.process import Done, Handle
from penstock.run.step import Step


def start(step: Step) -> Handle:
    """Collect the outputs: of do_while those of the last iteration, of parallel_for all. Raises OSError."""
    made = [iteration for iteration in step.node.iterations if _is_made(step, iteration)]
    if step.node.job.type == "do_while":
        _take_over(step, made[-1] if made else None)
    else:
        for port in step.node.outputs.values():
            _gather(step, port.name, port.type, made)
    step.attempt.log.write_text(f"iterations: {', '.join(iteration.label for iteration in made)}\n", encoding="utf-8")
    return Done(0)


def _is_made(step: Step, iteration: Iteration) -> bool:
    """Whether the iteration has run; one without outputs has if its turn came."""
    return all(step.run.node(out.node).outputs.exists() for out in iteration.outputs.values())


def _take_over(step: Step, last: Iteration | None) -> None:
    for name, out in (last.outputs if last is not None else {}).items():
        _linked(step.run.node(out.node).output(out.port), step.attempt.outputs / name)


def _gather(step: Step, name: str, kind: str, made: list[Iteration]) -> None:
    """All iterations' outputs in one: values as a JSON list, data as a folder with an MLTable file over it."""
    target = step.attempt.outputs / name
    sources = {iteration.label: iteration.outputs[name] for iteration in made}
    paths = {label: step.run.node(out.node).output(out.port) for label, out in sources.items()}
    if kind == "string":
        shutil.rmtree(target, ignore_errors=True)
        target.write_text(json.dumps([written_value(path) for path in paths.values()]), encoding="utf-8")
        return
    target.mkdir(exist_ok=True)
    for label, path in paths.items():
        _linked(path, target / label)
    listed = [{"folder" if path.is_dir() else "file": f"./{label}"} for label, path in paths.items() if path.exists()]
    (target / "MLTable").write_text(yaml.safe_dump({"paths": listed}), encoding="utf-8")


def _linked(source: Path, target: Path) -> None:
    """The same files by second names: published outputs do not change."""
    if target.is_dir():
        shutil.rmtree(target)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link)
    elif source.exists():
        os.link(source, target)
