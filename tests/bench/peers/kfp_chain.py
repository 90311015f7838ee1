"""The chain of tests/bench/engine.py for kfp.local; run by the interpreter of its own environment.

`compile FILE SCRIPT_FOLDER NODES` writes the pipeline; `run FILE INPUT ROOT` runs it with local caching on.
A task of kfp's SubprocessRunner is a Python function in a process of kfp's interpreter; the function runs
the script.
"""

import sys

from kfp import compiler, components, dsl, local
from kfp.dsl import Artifact, Input, Output


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def first(script: str, before: str, number: int, out: Output[Artifact]):
    import runpy
    import sys

    sys.argv = [script, before, str(number), out.path]
    runpy.run_path(script, run_name="__main__")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def step(script: str, before: Input[Artifact], number: int, out: Output[Artifact]):
    import runpy
    import sys

    sys.argv = [script, before.path, str(number), out.path]
    runpy.run_path(script, run_name="__main__")


def write(file: str, script: str, nodes: int) -> None:
    @dsl.pipeline(name="chain")
    def chain(before: str):
        task = first(script=script, before=before, number=0)
        for number in range(1, nodes):
            task = step(script=script, before=task.outputs["out"], number=number)

    compiler.Compiler().compile(chain, file)


def run(file: str, before: str, root: str) -> None:
    runner = local.SubprocessRunner(use_venv=False)
    local.init(runner, pipeline_root=root, enable_caching=True, cache_root=f"{root}/cache")
    components.load_component_from_file(file)(before=before)


if __name__ == "__main__":
    if sys.argv[1] == "compile":
        write(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        run(*sys.argv[2:])
