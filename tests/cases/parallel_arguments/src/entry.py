import sys
from pathlib import Path


def init():
    pass


def run(mini_batch):
    given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    given["--other"] = sorted(path.name for path in Path(given["--other"]).iterdir())
    return [Path(sys.argv[0]).name, *(f"{name} {value}" for name, value in given.items())]
