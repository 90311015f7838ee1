import os
import sys
import time
from pathlib import Path

out = Path(sys.argv[2])
calls = 0


def init():
    """Waits for the other worker: two are at work at once."""
    (out / f"worker{os.getpid()}").write_text("init")
    while len(list(out.glob("worker*"))) < 2:
        time.sleep(0.01)


def run(mini_batch):
    return mini_batch


def shutdown():
    mine = out / f"worker{os.getpid()}"
    (out / ("first" if not (out / "first").exists() and _make(out / "one") else "second")).write_text("init shutdown")
    mine.unlink()


def _make(path):
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True
