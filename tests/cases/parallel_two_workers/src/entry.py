"""Each worker waits in run() until the other is at work too; each calls init() once and shutdown() once."""

import sys
import time
from pathlib import Path

from azureml_user.parallel_run import EntryScript

OUT = Path(sys.argv[2])
NAME = EntryScript().agent_name
called = []


def init():
    called.append("init")


def run(mini_batch):
    called.append("run")
    (OUT / NAME).touch()
    while len(list(OUT.glob("process*"))) < 2:
        time.sleep(0.01)
    return mini_batch


def shutdown():
    (OUT / NAME).write_text(" ".join(called))
