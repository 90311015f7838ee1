"""Spark steps: spark-submit of the step's Spark, its driver in the step's working folder.

Ports are addresses, as `mode: direct` has them: `file://` and a path. The folder of an output is not there beforehand,
as on Azure, so that a plain `df.write.csv(...)` finds nothing in its way.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import urlsplit

from penstock.errors import RunError
from penstock.graph.model import GraphNode, Literal
from penstock.plan.spark import SparkStep, conf_for, is_local, spark_step
from penstock.run import step as steps
from penstock.run.ports import input_text
from penstock.run.process import Handle, ProcessSpec
from penstock.run.step import Step
from penstock.spec.expression import Reference, Template
from penstock.store.spark import Spark, local_spark, spark_of

_LOG = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""
_DEFAULTS = "spark.ui.enabled false\nspark.ui.showConsoleProgress false\n"
_LOOPBACK = "127.0.0.1"


def start_spark(step: Step) -> Handle:
    """Start spark-submit in the attempt's working folder. Raises OSError."""
    spark = spark_of(step.programs) or local_spark()
    if spark is None:
        raise OSError("pyspark is not installed here")
    own = step.attempt.path / "spark"
    (own / "conf").mkdir(parents=True)
    (own / "conf" / "log4j2.properties").write_text(_LOG, encoding="utf-8")
    (own / "conf" / "spark-defaults.conf").write_text(_DEFAULTS, encoding="utf-8")
    return step.executor.start(
        ProcessSpec(
            command=f"exec {shlex.join(_submit(step, spark))}",
            folder=step.attempt.working_folder,
            environment=_environment(step, spark, own),
            log=step.attempt.log,
        )
    )


def _environment(step: Step, spark: Spark, own: Path) -> dict[str, str]:
    """The settings come before the definition's variables, which may say otherwise."""
    python = str(spark.programs / "python")
    settings = {
        "SPARK_HOME": str(spark.home),
        "SPARK_CONF_DIR": str(own / "conf"),
        "SPARK_LOCAL_DIRS": str(own / "local"),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
    }
    if _is_on_this_machine(step.spark_master):
        settings["SPARK_LOCAL_IP"] = _LOOPBACK
    found = steps.environment(step.node, step.shell, step.shell_attempt, step.tracking, spark.programs)
    return {**found, **settings, **{name: found[name] for name in steps.own_variables(step.node)}}


def _is_on_this_machine(master: str) -> bool:
    return is_local(master) or urlsplit(master).hostname in (_LOOPBACK, "localhost", "::1")


def _submit(step: Step, spark: Spark) -> list[str]:
    wanted = spark_step(step.node)
    line = [str(spark.home / "bin" / "spark-submit"), "--master", step.spark_master, "--name", step.node.name]
    if _is_on_this_machine(step.spark_master):
        line += ["--conf", f"spark.driver.host={_LOOPBACK}", "--conf", f"spark.driver.bindAddress={_LOOPBACK}"]
    for key, value in conf_for(wanted.conf, step.spark_master).items():
        line += ["--conf", f"{key}={value}"]
    return [*line, *_application(wanted), *_arguments(wanted.args, step)]


def _application(wanted: SparkStep) -> list[str]:
    listed = {key: list(values) for key, values in wanted.listed.items()}
    application = wanted.file
    line = []
    if application is None:
        if not listed["jars"]:
            raise OSError("entry: class_name needs the jar of the class, the first of jars:")
        application = listed["jars"].pop(0)
        line += ["--class", wanted.class_name or ""]
    for key, values in listed.items():
        if values:
            line += [f"--{key.replace('_', '-')}", ",".join(values)]
    return [*line, application]


def _arguments(args: Template | None, step: Step) -> list[str]:
    """The arguments, split as a shell would and nothing else of what a shell does."""
    if args is None:
        return []
    text = steps.of_the_run(args.render(lambda reference: _address(reference, step)), step.node, step.run)
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _address(reference: Reference, step: Step) -> str | None:
    node: GraphNode = step.node
    if len(reference.path) == 1:
        return str(reference)
    kind, name = reference.path[0], ".".join(reference.path[1:])
    if kind == "outputs":
        return f"file://{step.shell_attempt.output(node.outputs[name])}"
    if name not in node.inputs:
        raise RunError(f"'{node.name}': {reference} names no input")
    text = input_text(node, name, step.shell, step.shell_attempt)
    if text is None or isinstance(node.inputs[name], Literal) or text.startswith("file://"):
        return text
    return f"file://{text}"
