from pathlib import Path


def init():
    pass


def run(mini_batch):
    if not Path("tried").exists():
        Path("tried").touch()
        raise RuntimeError("not yet")
    return [Path(path).name for path in mini_batch]
