from pathlib import Path


def init():
    pass


def run(mini_batch):
    if any("c" in Path(path).name for path in mini_batch):
        raise ValueError(f"no {Path(mini_batch[0]).name}")
    return [Path(path).name for path in mini_batch]
