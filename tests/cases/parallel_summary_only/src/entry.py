import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--out")
out = Path(parser.parse_known_args()[0].out)


def init():
    pass


def run(mini_batch):
    for path in mini_batch:
        (out / Path(path).name).write_text(Path(path).read_text() * 2)
    return mini_batch
