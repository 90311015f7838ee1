"""From a job file to a checked plan: the order of `spec -> graph -> check, plan` that several verbs share."""

from __future__ import annotations

import shlex
from pathlib import Path

from msgspec.structs import replace

from penstock.check import RULES, check
from penstock.check.project import once
from penstock.check.subject import Subject, subject_of
from penstock.cli.suppressed import suppressions
from penstock.errors import DefinitionError
from penstock.graph.catalog import Catalog
from penstock.graph.library import Library
from penstock.graph.model import Graph
from penstock.plan import Plan, make_plan
from penstock.plan.located import Locator
from penstock.plan.refusals import refusals, without_spark
from penstock.plan.tables import bad_tables
from penstock.spec.finding import Finding
from penstock.spec.kind import Kind
from penstock.spec.override import apply
from penstock.spec.read import job_type
from penstock.spec.source import Document, Mapping, parse
from penstock.store.catalog import WorkspaceCatalog
from penstock.store.files import Disk
from penstock.store.project import places_of, project_of
from penstock.store.workspace import Workspace, workspace_folder


class InvalidJobError(DefinitionError):
    """A job that `check` finds errors in. `findings` holds all of them."""

    def __init__(self, file: Path, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        errors = sum(finding.severity == "error" for finding in findings)
        lines = [str(finding) for finding in findings]
        lines.append(f"{file}: {errors} error{'s' if errors != 1 else ''}; nothing was started")
        super().__init__("\n".join(lines))


def catalog_of(job: Path, workspace: Path | None, maps: tuple[str, ...] = ()) -> WorkspaceCatalog:
    """What names lead to for a job file, with the options --workspace and --map. Raises DefinitionError."""
    option = f"--workspace {shlex.quote(str(workspace))}" if workspace is not None else ""
    places = places_of(project_of(job), maps)
    return WorkspaceCatalog(Workspace(workspace_folder(job, workspace)), places, option)


def load_plan(
    file: Path, overrides: tuple[str, ...], disk: Disk, catalog: Catalog | None = None
) -> tuple[Plan, tuple[Finding, ...]]:
    """Read, resolve, check and plan a job YAML; the findings returned are warnings.

    `catalog` knows what names lead to; by default it is that of the file's project. Raises DefinitionError if the file
    cannot be read or has errors.
    """
    catalog = catalog or catalog_of(file, None)
    library = Library(disk, catalog=catalog)
    subject = _read(file, overrides, disk, library)
    graph, notes = subject.graph, []
    findings = tuple(map(for_this_machine, _unsuppressed(subject, disk)))
    if graph is not None:
        locator = Locator(catalog, graph)
        graph, notes = locator.located(), [*library.notes, *locator.notes]
        findings = once([*findings, *refusals(graph), *locator.findings, *_without_spark(graph)])
        findings = (*findings, *bad_tables(graph, disk))
    if graph is None or any(finding.severity == "error" for finding in findings):
        raise InvalidJobError(file, findings)
    return replace(make_plan(graph), notes=tuple(notes)), findings


def check_job(file: Path, overrides: tuple[str, ...], disk: Disk) -> tuple[Finding, ...]:
    """What `check` finds in a job YAML with the overrides: its warnings.

    Raises:
        InvalidJobError: it finds errors.
        DefinitionError: the file cannot be read, or is no job.
    """
    subject = _read(file, overrides, disk, Library(disk))
    findings = suppressions(disk).apply(check(subject), [str(file)])
    if any(finding.severity == "error" for finding in findings):
        raise InvalidJobError(file, findings)
    return findings


def _read(file: Path, overrides: tuple[str, ...], disk: Disk, library: Library) -> Subject:
    """The job in a file. Raises DefinitionError if it cannot be read, or is no job."""
    try:
        document = parse(disk.read(file), str(file))
    except IsADirectoryError:
        raise DefinitionError(f"{file} is a folder; name the job's YAML file in it") from None
    except OSError as error:
        raise DefinitionError(f"{file} cannot be read: {error.strerror}") from None
    root = apply(document.root, overrides) if document.root is not None and overrides else document.root
    if root is not None and not isinstance(root, Mapping):
        raise DefinitionError(f"{root.place}: this is not a job; a job's YAML is an object with keys")
    if root is None:
        raise InvalidJobError(file, document.findings)
    document = Document(document.file, root, document.findings)
    subject = subject_of(document, file, disk, Kind("job", job_type(root)), library)
    if subject is None:
        raise InvalidJobError(file, document.findings)
    return subject


def _without_spark(graph: Graph) -> tuple[Finding, ...]:
    """Asks the machine only if there is a spark node."""
    if all(node.job.type != "spark" for node in graph.nodes.values()):
        return ()
    from penstock.store.spark import SETUP, lacking

    missing = lacking()
    return tuple(without_spark(graph, missing, SETUP)) if missing is not None else ()


def _unsuppressed(subject: Subject, disk: Disk) -> tuple[Finding, ...]:
    """The findings that nobody has suppressed; of a graph with holes every error, for it cannot run all the same."""
    findings = check(subject)
    kept = suppressions(disk).apply(findings, [str(subject.file)])
    if subject.graph is not None and subject.graph.is_whole:
        return kept
    return once([*kept, *(finding for finding in findings if finding.severity == "error")])


def for_this_machine(finding: Finding) -> Finding:
    """What only Azure minds is a warning here; an input that --set gives and no node takes is misspelt."""
    if finding.rule == "PS109" and finding.place.file.startswith("--set "):
        return replace(finding, severity="error")
    rule = RULES.get(finding.rule)
    return replace(finding, severity="warning") if rule is not None and rule.azure_only else finding
