"""PS50x, PS52x: the environments of components, and what their conda files say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from penstock.check.coded import coded
from penstock.check.conda import read_conda
from penstock.check.environments import Environment, conda_node, conda_of, environments
from penstock.check.rule import Told, rule
from penstock.check.rules.references import CURATED, references
from penstock.check.subject import Subject
from penstock.spec.source import Document, Scalar, scalar_text


@rule("PS501", "The environment file does not exist")
def no_environment_file(subject: Subject) -> Iterator[Told]:
    for one in coded(subject):
        node = one.environment
        if not isinstance(node, Scalar) or not str(node.value).startswith("file:"):
            continue
        path = one.folder / str(node.value).removeprefix("file:")
        if not subject.files.is_file(path):
            message = f"{one.name}: the environment file '{path}' does not exist."
            yield Told(message, node.place, "Paths count from the folder of the file that they stand in.")


@rule("PS502", "The conda file does not exist")
def no_conda_file(subject: Subject) -> Iterator[Told]:
    for environment in environments(subject):
        path, node = environment.conda_path, environment.source.get("conda_file")
        if path is None or node is None or "://" in str(path) or subject.files.is_file(path):
            continue
        message = f"the conda file '{path}' does not exist."
        yield Told(message, node.place, "Paths count from the folder of the environment's file.")


@rule("PS507", "What an image is built from does not exist", azure_only=True)
def no_build_context(subject: Subject) -> Iterator[Told]:
    for environment in environments(subject):
        build = environment.source.mapping("build")
        named = build.get("path") if build is not None else None
        if (
            build is None
            or not isinstance(named, Scalar)
            or not isinstance(named.value, str)
            or _REMOTE.match(named.value)
        ):
            continue
        folder = environment.folder / named.value
        if not subject.files.is_dir(folder):
            fix = "Paths count from the folder of the environment's file."
            yield Told(f"the build context '{named.value}' is no folder.", named.place, fix)
            continue
        docker = build.text("dockerfile_path") or "Dockerfile"
        if not subject.files.is_file(folder / docker):
            place = build.entries["dockerfile_path"].value.place if "dockerfile_path" in build.entries else named.place
            message = f"the build context '{named.value}' holds no '{docker}'."
            yield Told(message, place, "dockerfile_path: counts from the build context.")


_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|.*\$\{\{")


@rule("PS503", "A conda file that is none")
def odd_conda_file(subject: Subject) -> Iterator[Told]:
    for environment in environments(subject):
        node = conda_node(environment, subject)
        name = _conda_name(environment)
        if isinstance(node, Document):
            broken = next((finding for finding in node.findings if finding.severity == "error"), None)
            if broken is not None:
                yield Told(f"{name}: {broken.message}", broken.place, broken.fix)
            elif node.root is None:
                at = environment.source.entries["conda_file"].value.place
                yield Told(f"{name} is empty.", at, "Write dependencies: with a list of packages.")
        elif node is not None:
            found = read_conda(node)
            if isinstance(found, str):
                fix = "Write dependencies: with a list of packages, and what pip installs below - pip:."
                yield Told(f"{name} {found}.", node.place, fix)


def _conda_name(environment: Environment) -> str:
    path = environment.conda_path
    return "conda_file:" if path is None else f"the conda file '{os.path.basename(path)}'"  # noqa: PTH119


@rule("PS504", "A conda file that points at a file beside it")
def local_requirement(subject: Subject) -> Iterator[Told]:
    for environment in environments(subject):
        conda = conda_of(environment, subject)
        for node in conda.local if conda is not None else ():
            message = f"'{scalar_text(node)}': Azure is sent the conda file alone, pip finds no such file there."
            yield Told(message, node.place, "List the packages in the conda file, or build an image of your own.")


@rule("PS520", "A reference that moves", "warning")
def moving_reference(subject: Subject) -> Iterator[Told]:
    for kind, node in references(subject):
        text = scalar_text(node)
        if kind not in ("environment", "component") or not text.startswith("azureml:"):
            continue
        if text.endswith(("@latest", "/labels/latest")):
            fix = "Name the version that was tested."
            yield Told(f"the {kind} '{text}' is another one as soon as somebody registers a version.", node.place, fix)
        elif _is_open(text):
            yield Told(f"the {kind} '{text}' has no version: Azure takes the newest.", node.place, "Name one.")
    for environment in environments(subject):
        image = environment.source.get("image")
        if isinstance(image, Scalar) and isinstance(image.value, str) and _moves(image.value):
            fix = "Name a tag that stays, or the digest (@sha256:...)."
            yield Told(f"the image '{image.value}' is whatever its tag 'latest' means that day.", image.place, fix)


_OF_REGISTRY = re.compile(r"azureml://registries/[^/]+/components/[^/]+")


def _is_open(text: str) -> bool:
    """Whether a reference that needs no version has none."""
    curated = text.startswith(CURATED) and ":" not in text.removeprefix("azureml:") and "@" not in text
    return curated or _OF_REGISTRY.fullmatch(text) is not None


def _moves(image: str) -> bool:
    """Whether an image has the tag `latest`, or none."""
    if "@sha256:" in image or "${{" in image or not re.fullmatch(r"[\w.:/@-]+", image):
        return False
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return not colon or tag == "latest"


_TOOLS = {"pip", "setuptools", "wheel"}


@rule("PS521", "Packages without a version", "warning")
def unpinned(subject: Subject) -> Iterator[Told]:
    for environment in environments(subject):
        conda = conda_of(environment, subject)
        loose = [package for package in conda.packages if not package.pinned] if conda is not None else []
        loose = [package for package in loose if package.name not in _TOOLS]
        if loose:
            names = ", ".join(package.name for package in loose[:5])
            more = f" and {len(loose) - 5} more" if len(loose) > 5 else ""
            message = f"{_conda_name(environment)} leaves the version open of: {names}{more}."
            yield Told(message, loose[0].place, "Pin each: NAME==VERSION for pip, NAME=VERSION for conda.")
