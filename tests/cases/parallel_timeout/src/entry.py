"""The second mini-batch hangs once and leaves a child that holds a lock; the next try needs the lock."""

import fcntl
import subprocess
import sys
import time
from pathlib import Path

HOLD = (
    "import fcntl, time; file = open('lock', 'w'); fcntl.flock(file, fcntl.LOCK_EX); open('held', 'w'); time.sleep(600)"
)


def init():
    print("init called")


def run(mini_batch):
    name = Path(mini_batch[0]).name
    if name == "b.txt":
        if not Path("tried").exists():
            Path("tried").touch()
            subprocess.Popen([sys.executable, "-c", HOLD])
            time.sleep(600)
        with Path("lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return [name]
