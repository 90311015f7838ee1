"""A run or a model version, told to a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock.cli.progress import duration_text
from penstock.cli.summary import table
from penstock.store.project import shown


def run_lines(run: Mapping[str, Any]) -> list[str]:
    """What `penstock show RUN` prints."""
    reason = f" ({run['reason']})" if run["reason"] else ""
    lines = [f"run {run['run']}: {run['status']}{reason} in {duration_text(run['duration_s'])}"]
    lines += [f"started {run['started']}", *([f"job {shown(Path(run['job']))}"] if run["job"] else [])]
    rows = [(n["name"], n["status"], _time(n), _why(n)) for n in run["nodes"]]
    lines += ["", *table([("NODE", "STATUS", "TIME", ""), *rows])]
    outputs = [(n["name"], port, shown(Path(path))) for n in run["nodes"] for port, path in n["outputs"].items()]
    if outputs:
        lines += ["", *table([("NODE", "OUTPUT", "PATH"), *outputs])]
    metrics = [(node, name, f"{value:.6g}") for node, each in run["metrics"].items() for name, value in each.items()]
    if metrics:
        lines += ["", *table([("NODE", "METRIC", "VALUE"), *metrics])]
    for decision in run["decisions"]:
        lines += ["", f"VERDICT  {decision['verdict']}", *(f"         {reason}" for reason in decision["reasons"])]
    for model in run["models"]:
        role = "the champion" if model["is_champion"] else model["role"]
        lines += ["", f"MODEL    {model['model']}:{model['version']}, {role}"]
    if run["notes"]:
        lines += ["", "NOT AS ON AZURE", *(f"  {note}" for note in run["notes"])]
    return lines


def model_lines(model: Mapping[str, Any]) -> list[str]:
    """What `penstock show MODEL:VERSION` prints."""
    name = f"{model['model']}:{model['version']}"
    lines = [f"{name}, {'the champion' if model['is_champion'] else model['role'] or 'without a role'}"]
    lines += ["", *(f"{title:12} {text}" for title, text in _facts(model) if text)]
    steps = [(s["component"], s["version"], _short(s["snapshot"]), s["run"] or "") for s in model["code"]]
    if steps:
        lines += ["", *table([("STEP", "VERSION", "CODE", "RAN IN"), *steps])]
    if model["metrics"]:
        metrics = [(name, f"{value:.6g}") for name, value in model["metrics"].items()]
        lines += ["", *table([("METRIC", "VALUE"), *metrics])]
    decision = model["decision"]
    if decision is not None:
        against = f"against version {decision['champion']}" if decision["champion"] else "without a champion before"
        lines += ["", f"VERDICT  {decision['verdict']}, {against}"]
        lines += [f"         {reason}" for reason in decision["reasons"]]
    return lines


def _facts(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    trained, data, suite, run = model["trained"], model["data"], model["suite"], model["run"]
    yield "created", model["created"]
    yield "replaces", f"version {model['previous_champion']}" if model["previous_champion"] else ""
    target = f", predicts {trained['target']} ({trained['task']})" if trained["target"] else ""
    yield "estimator", f"{trained['estimator']}{target}" if trained["estimator"] else ""
    yield "data", _data(data)
    version = f" {suite['version']}" if suite["version"] else ""
    yield "suite", f"{suite['name']}{version}, {suite['digest']}" if suite["digest"] else ""
    environment = model["environment"]
    yield "environment", _environment(environment)
    yield "run", _run(run)
    yield "commit", run["git_commit"] or ""
    yield "model files", _digest_at(model["model_digest"], model["path"])
    yield "package", _digest_at(model["package"]["digest"], model["package"]["path"])
    for one in model["served"]:
        where = f"at http://127.0.0.1:{one['port']}/score" if one["port"] else "stopped"
        yield "served", f"{one['endpoint']}, {where}, since {one['since']}"


def _data(data: Mapping[str, Any]) -> str:
    if not data["digest"]:
        return ""
    state = {"same": "as it was", "changed": "changed since", "gone": "not there any more"}.get(data["file_is"], "")
    file = f", {shown(Path(data['file'])) if data['file_is'] else data['file']}" if data["file"] else ""
    return f"{data['digest']}{file}{f' ({state})' if state else ''}"


def _environment(environment: Mapping[str, Any]) -> str:
    definition = environment["definition"]
    image = definition.get("image") if isinstance(definition, dict) else None
    parts = [
        f"Python {environment['python']}" if environment["python"] else "",
        f"packages {environment['distributions']}" if environment["distributions"] else "",
        f"defined as {image}" if image else "",
    ]
    return ", ".join(part for part in parts if part)


def _run(run: Mapping[str, Any]) -> str:
    if not run["name"]:
        return ""
    job = f", of {shown(Path(run['job']))}" if run["job"] else ""
    return f"{run['name']}{job}" if run["folder"] else f"{run['name']} (its folder is not there any more)"


def _digest_at(digest: str | None, path: str | None) -> str:
    return ", ".join(part for part in (digest, shown(Path(path)) if path else None) if part)


def _short(digest: str | None) -> str:
    return digest.removeprefix("sha256:")[:12] if digest else ""


def _time(node: Mapping[str, Any]) -> str:
    return duration_text(node["duration_s"]) if node["attempts"] else ""


def _why(node: Mapping[str, Any]) -> str:
    return node["reason"] or (f"did nothing: {node['did_nothing']}" if node["did_nothing"] else "")
