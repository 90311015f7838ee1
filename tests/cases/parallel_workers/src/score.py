"""Four workers wait for each other, so that fewer would never end."""

import time
from pathlib import Path


def init():
    print("init")
    folder = Path("here")
    folder.mkdir(exist_ok=True)
    (folder / str(time.monotonic_ns())).touch()
    while len(list(folder.iterdir())) < 4:
        time.sleep(0.01)


def run(mini_batch):
    return mini_batch
