import os
from pathlib import Path


def init():
    pass


def run(mini_batch):
    name = Path(mini_batch[0]).name
    if name == "b.txt" and not Path("tried").exists():
        Path("tried").touch()
        os._exit(7)
    return [name]
