import sys
from pathlib import Path


def init():
    pass


def run(mini_batch):
    given = " ".join(Path(word).name for word in sys.argv[1:])
    return [f"{Path(path).name} {given}" for path in mini_batch]
