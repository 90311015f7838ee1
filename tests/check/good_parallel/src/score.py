import argparse
from pathlib import Path

loaded: dict[str, Path] = {}


def init() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    arguments, _ = parser.parse_known_args()
    loaded["model"] = Path(arguments.model)


def run(mini_batch: list[str]) -> list[str]:
    return [f"{Path(image).name},{loaded['model'].name}" for image in mini_batch]
