from pathlib import Path


def init():
    if not Path("tried").exists():
        Path("tried").touch()
        raise OSError("not ready")


def run(mini_batch):
    return [Path(path).name for path in mini_batch]
