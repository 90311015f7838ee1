"""What of Azure ML's YAML runs on this machine, and how: the table behind docs/features.md and the notes of each run.

`same`: as on Azure. `emulated`: with the same outcome by other means. `told`: accepted, without effect here, and the
run says so. `refused`: nothing is started, with the reason. Each row names the case of tests/cases that shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Here = Literal["same", "emulated", "told", "refused"]


@dataclass(frozen=True, slots=True)
class Feature:
    """A row. `keys` are the YAML keys that it covers, each after what it stands in: `command.limits`."""

    what: str
    keys: tuple[str, ...]
    here: Here
    note: str
    case: str


def _row(what: str, keys: str, here: Here, note: str, case: str) -> Feature:
    return Feature(what, tuple(keys.split()), here, note, case)


FEATURES = (
    _row("names and descriptions", "any.$schema any.name any.version any.id any.type any.display_name any.description", "same", "", "chain"),
    _row("tags, properties, comments", "any.tags any.properties any.comment", "same", "nothing of a run depends on them", "node_settings_of_azure"),
    _row("pipeline of command nodes", "job.jobs pipeline.jobs", "same", "", "diamond"),
    _row("nested pipeline components, to any depth", "pipeline.component", "same", "", "nested"),
    _row("a job that is a component with values", "job.component", "same", "", "job_of_a_component"),
    _row("one command job by itself", "command.command", "same", "run by bash", "single_command_job"),
    _row("bash in command lines", "command.command", "same", "", "bash_command_lines"),
    _row("optional parts of a command, $[[ ]]", "command.command", "same", "", "optional_absent"),
    _row("component by file", "command.component parallel.component spark.component data_transfer.component", "same", "", "literal_defaults"),
    _row("literal inputs of all types", "any.inputs input.type input.default input.value", "same", "", "literal_values"),
    _row("bindings inside longer strings", "any.inputs", "same", "", "literal_in_text"),
    _row("optional inputs", "input.optional", "same", "", "optional_given"),
    _row("min, max, enum", "input.min input.max input.enum", "same", "checked before anything starts", "literal_out_of_range"),
    _row("uri_file and uri_folder data", "input.path any.outputs output.type", "same", "", "data_file_and_folder"),
    _row("mode ro_mount", "input.mode", "emulated", "a read-only bind mount; where the kernel refuses one, the run says so", "mode_ro_mount"),
    _row("mode download", "input.mode", "same", "", "mode_download"),
    _row("mode direct", "input.mode output.mode", "emulated", "a file:// address", "mode_direct"),
    _row("modes eval_mount and eval_download", "input.mode", "same", "", "mode_eval_mount"),
    _row("modes rw_mount and upload", "output.mode", "emulated", "outputs appear when the step has ended", "output_half_written"),
    _row("values as outputs", "output.type", "emulated", "the text of the file that the step writes", "output_of_a_value"),
    _row("./outputs and ./logs as the port artifacts or default", "any.outputs", "same", "", "artifacts_implicit"),
    _row("a compute location of the data", "input.path_on_compute input.datastore", "told", "says where Azure puts the data on the machine", "node_settings_of_azure"),
    _row("outputs with a path or a name", "output.path output.name output.version", "emulated", "put below the workspace's datastores, registered as a data asset", "output_with_a_path"),
    _row("code snapshots with additional_includes and ignore files", "any.code any.additional_includes", "same", "", "snapshot"),
    _row("environment variables", "any.environment_variables", "same", "", "environment_variables"),
    _row("environments", "any.environment", "emulated", "this interpreter, differences told, or --env venv: the conda file by uv", "single_command_job"),
    _row("compute", "any.compute settings.default_compute", "told", "this machine", "node_settings_of_azure"),
    _row("the default datastore", "settings.default_datastore any.path", "emulated", "what ${{default_datastore}} stands for", "output_path_default_datastore"),
    _row("${{name}} and ${{output_name}}", "any.path any.inputs", "emulated", "the run's name and the node's, with a dot between", "name_of_the_job"),
    _row("registered components", "any.component", "same", "penstock asset create makes them", "asset_component"),
    _row("@latest", "any.component input.path", "same", "the highest version", "asset_latest"),
    _row("other labels", "any.component input.path", "refused", "", "asset_label"),
    _row("assets of a registry", "any.component input.path", "emulated", "those of the workspace, which is told", "asset_of_a_registry"),
    _row("data assets", "input.path", "same", "penstock asset create makes them", "asset_data"),
    _row("models as inputs", "input.path input.type", "same", "penstock asset create, or the local MLflow registry", "asset_model"),
    _row("registered environments", "any.environment", "emulated", "as those in files; one that only Azure knows is told", "asset_environment"),
    _row("paths in datastores", "input.path", "emulated", "a folder of the workspace, or [datastores] in penstock.toml", "data_in_datastore"),
    _row("web addresses and storage accounts as data", "input.path", "emulated", "--map, or [map] in penstock.toml", "data_mapped"),
    _row("data of other jobs (runs:/, azureml://jobs/)", "input.path", "refused", "", "data_of_a_run"),
    _row("outputs with a path in a datastore", "output.path", "same", "", "output_path"),
    _row("outputs registered by name and version", "output.name output.version", "same", "", "output_registered"),
    _row("limits: timeout", "command.limits limits.timeout sweep.limits", "same", "", "timeout"),
    _row("identity, services, queues", "any.identity any.services any.queue_settings any.auto_delete_setting", "told", "is Azure's", "node_settings_of_azure"),
    _row("experiment", "any.experiment_name", "same", "the MLflow experiment of the local store", "azure_variables"),
    _row("parent job", "any.parent_job_name", "told", "puts the job below another on Azure", "node_settings_of_azure"),
    _row("instance_count without distribution", "resources.instance_count", "told", "", "instance_count_alone"),
    _row("instance_count with distribution", "resources.instance_count any.resources", "emulated", "processes of this machine, a working folder for each", "distribution_pytorch"),
    _row("machine sizes", "resources.instance_type resources.docker_args resources.shm_size resources.locations resources.max_instance_count resources.properties resources.runtime_version", "told", "is about Azure's machines", "node_settings_of_azure"),
    _row("distribution: pytorch", "command.distribution", "same", "", "distribution_meets"),
    _row("distribution: tensorflow", "command.distribution", "same", "", "distribution_tensorflow"),
    _row("distribution: mpi", "command.distribution", "emulated", "mpirun where there is one, else its variables, which is told", "distribution_mpi"),
    _row("distribution: ray", "command.distribution", "refused", "", "distribution_ray"),
    _row("is_deterministic and reuse by content", "any.is_deterministic", "emulated", "the key is documented in penstock.plan.key", "reused"),
    _row("force_rerun", "settings.force_rerun", "same", "", "force_rerun"),
    _row("continue_on_step_failure", "settings.continue_on_step_failure any.settings", "same", "", "continue_on_step_failure"),
    _row("a failed step", "job.jobs", "same", "what needs it is skipped, what runs is ended", "step_fails"),
    _row("sweep: grid", "sweep.trial sweep.search_space sweep.objective sweep.sampling_algorithm", "same", "", "sweep_grid"),
    _row("sweep: random", "sweep.sampling_algorithm", "emulated", "draws differ from Azure's; a seed makes them the same each time", "sweep_random"),
    _row("sweep: sobol", "sweep.sampling_algorithm", "emulated", "SciPy's sequence", "sweep_sobol"),
    _row("sweep: bayesian", "sweep.sampling_algorithm", "emulated", "Optuna's tree-structured Parzen estimator", "sweep_bayesian"),
    _row("sweep: early termination", "sweep.early_termination", "same", "", "sweep_bandit"),
    _row("sweep: limits", "limits.max_total_trials limits.max_concurrent_trials limits.trial_timeout", "same", "", "sweep_trial_timeout"),
    _row("a sweep job by itself", "sweep.trial", "same", "", "sweep_job"),
    _row("parallel: mini-batches of files", "parallel.task parallel.input_data parallel.mini_batch_size", "same", "", "parallel_files"),
    _row("parallel: tables", "parallel.mini_batch_size", "same", "read by pandas", "parallel_table_of_kb"),
    _row("parallel: partition_keys", "parallel.partition_keys", "same", "a group counts as one item", "parallel_partition_keys"),
    _row("parallel: partition_keys from the paths of files", "parallel.partition_keys", "same", "", "parallel_partition_by_path"),
    _row("parallel: append_row_to a file or a folder", "parallel.task", "same", "", "parallel_append_to_folder"),
    _row("parallel: a worker that crashes or hangs", "parallel.retry_settings", "same", "another takes its place, its children are ended", "parallel_timeout"),
    _row("parallel: arguments of Azure's runtime", "parallel.task", "emulated", "those on failures and on the overhead count, others are told", "parallel_allowed_failed_percent"),
    _row("parallel: a task that is no script", "parallel.task", "refused", "", "parallel_task_of_a_model"),
    _row("MLTable files of delimited text, Parquet, JSON lines", "input.path", "same", "as the package mltable reads them; a random sample draws other rows", "parallel_table_in_parts"),
    _row("MLTable files with data elsewhere, Delta Lake", "input.path", "refused", "with file, line and column", "parallel_mltable_wrong"),
    _row("parallel: retries and timeouts", "parallel.retry_settings", "same", "", "parallel_retry"),
    _row("parallel: thresholds", "parallel.error_threshold parallel.mini_batch_error_threshold", "same", "", "parallel_error_threshold"),
    _row("parallel: workers", "parallel.max_concurrency_per_instance parallel.logging_level", "emulated", "processes of this machine", "parallel_two_workers"),
    _row("spark", "spark.entry spark.args spark.conf", "same", "Apache Spark, local or on a cluster (--spark-master)", "spark_titanic"),
    _row("spark: files and packages", "spark.py_files spark.jars spark.files spark.archives", "same", "", "spark_single_job"),
    _row("data_transfer: copy_data", "data_transfer.task data_transfer.data_copy_mode", "same", "", "transfer_merge"),
    _row("data_transfer: import_data, export_data", "data_transfer.source data_transfer.sink", "refused", "reach databases and other clouds", "transfer_from_database"),
    _row("if_else", "control.condition control.true_block control.false_block", "same", "Azure's private preview", "if_else_true"),
    _row("do_while", "control.body control.mapping control.limits", "same", "Azure's private preview", "do_while"),
    _row("parallel_for", "control.items control.max_concurrency", "same", "Azure's private preview", "parallel_for_list"),
    _row("automl, import", "job.jobs", "refused", "", "node_type_not_here"),
)  # fmt: skip


_OWN_SENTENCES = ("compute", "default_compute", "instance_count")
TOLD = {
    key: feature.note
    for feature in FEATURES
    if feature.here == "told"
    for key in feature.keys
    if key.partition(".")[2] not in _OWN_SENTENCES
}
"""The keys without effect here, each with what it does on Azure."""


def page() -> str:
    """docs/features.md."""
    head = (
        "# What of Azure ML's YAML runs on a laptop\n\n"
        "Made by `make docs` from `src/penstock/plan/features.py`. *same*: as on Azure. *emulated*: the same outcome by "
        "other means.\n*told*: accepted, without effect here, and the run says so. *refused*: nothing is started. The "
        "case is a folder of `tests/cases`.\n\n"
        "| feature | keys | here | how | case |\n|---|---|---|---|---|\n"
    )
    rows = (
        f"| {row.what} | {', '.join(f'`{key}`' for key in row.keys)} | {row.here} | {row.note} | {row.case} |\n"
        for row in FEATURES
    )
    return head + "".join(rows)


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
