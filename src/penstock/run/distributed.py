"""Command nodes of several processes: the variables by which they find each other, as Azure sets them.

Sources: Azure ML's "Distributed GPU training guide (SDK v2)": MASTER_ADDR, MASTER_PORT, WORLD_SIZE, NODE_RANK, RANK and
LOCAL_RANK for PyTorch, TF_CONFIG for TensorFlow, Open MPI's variables for MPI.
"""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from penstock.graph.distribution import Distribution
from penstock.run import step as steps
from penstock.run.driven import start_driver
from penstock.run.process import Handle, find_bash
from penstock.run.step import Step

LOOPBACK = "127.0.0.1"
# What lets Open MPI and PRRTE start more processes than there are cores, also for root, as in a container.
_MPI_HERE = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One process of a node: its machine, counted from 0, and the variables that tell it who it is."""

    instance: int
    environment: dict[str, str]


def start(step: Step, distribution: Distribution) -> Handle:
    """Start all processes of the node. Raises OSError."""
    command = steps.command_line(step.node, step.shell, step.shell_attempt)
    environment = steps.environment(step.node, step.shell, step.shell_attempt, step.tracking, step.programs)
    mpirun = shutil.which("mpirun", path=environment["PATH"]) if distribution.type == "mpi" else None
    if mpirun is not None:
        return _by_mpirun(step, distribution, mpirun, command)
    if distribution.type == "mpi":
        step.reporter.told(
            f"'{step.node.name}': there is no mpirun here, so its processes get the variables of MPI but no MPI_Init"
            " joins them; install Open MPI"
        )
    members = list(members_of(distribution))
    folders = _folders(step, distribution.instances)
    orders = {
        "command": [find_bash(), "-c", command],
        "processes": [
            {
                "name": str(rank),
                "folder": str(folders[member.instance]),
                "environment": member.environment,
                "log": str(step.attempt.path / f"std_log_process_{rank:02}.txt"),
            }
            for rank, member in enumerate(members)
        ],
    }
    return start_driver(step, "processes", orders)


def _by_mpirun(step: Step, distribution: Distribution, mpirun: str, command: str) -> Handle:
    count = distribution.instances * distribution.processes
    orders = {
        "command": [mpirun, "-np", str(count), find_bash(), "-c", command],
        "processes": [
            {
                "name": "mpirun",
                "folder": str(step.attempt.working_folder),
                "environment": {**_MPI_HERE, **_master(distribution)},
                "log": str(step.attempt.path / "std_log_process_00.txt"),
            }
        ],
    }
    return start_driver(step, "processes", orders)


def members_of(distribution: Distribution) -> Iterator[Member]:
    """The processes, by rank."""
    if distribution.type == "tensorflow":
        yield from _tensorflow(distribution)
        return
    shared = _master(distribution)
    for rank in range(distribution.instances * distribution.processes):
        instance, local = divmod(rank, distribution.processes)
        own = {"NODE_RANK": str(instance), "RANK": str(rank), "LOCAL_RANK": str(local)}
        if distribution.type == "mpi":
            own = {
                "OMPI_COMM_WORLD_SIZE": shared["WORLD_SIZE"],
                "OMPI_COMM_WORLD_RANK": str(rank),
                "OMPI_COMM_WORLD_LOCAL_SIZE": str(distribution.processes),
                "OMPI_COMM_WORLD_LOCAL_RANK": str(local),
                "OMPI_COMM_WORLD_NODE_RANK": str(local),
            }
        yield Member(instance, {**shared, **own})


def _master(distribution: Distribution) -> dict[str, str]:
    [port] = _free_ports(1)
    size = distribution.instances * distribution.processes
    return {
        "MASTER_ADDR": LOOPBACK,
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(distribution.processes),
        "AZUREML_NODE_COUNT": str(distribution.instances),
    }


def _tensorflow(distribution: Distribution) -> Iterator[Member]:
    """Parameter servers and workers, a process each; worker 0 is the chief."""
    counts = {"ps": distribution.parameter_servers, "worker": distribution.workers}
    ports = iter(_free_ports(sum(counts.values())))
    cluster = {kind: [f"{LOOPBACK}:{next(ports)}" for _ in range(count)] for kind, count in counts.items() if count}
    instance = 0
    for kind in ("worker", "ps"):
        for index in range(counts[kind]):
            config = {"cluster": cluster, "task": {"type": kind, "index": index}, "environment": "cloud"}
            yield Member(
                instance % distribution.instances,
                {"TF_CONFIG": json.dumps(config), "AZUREML_NODE_COUNT": str(distribution.instances)},
            )
            instance += 1


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens at, held all at once so that they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def _folders(step: Step, instances: int) -> list[Path]:
    """The working folder of each machine: on Azure none sees another's."""
    first = step.attempt.working_folder
    others = [first.with_name(f"{first.name}-{number}") for number in range(1, instances)]
    for other in others:
        shutil.copytree(first, other, symlinks=True)
    return [first, *others]
