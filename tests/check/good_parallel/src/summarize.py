import argparse
from pathlib import Path

loaded: dict[str, Path] = {}


def init() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--summary", required=True)
    arguments, _ = parser.parse_known_args()
    loaded["summary"] = Path(arguments.summary)


def run(mini_batch: list[str]) -> list[str]:
    for file in mini_batch:
        (loaded["summary"] / Path(file).name).write_text(str(len(Path(file).read_text().splitlines())))
    return mini_batch
