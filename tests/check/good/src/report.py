import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--out", required=True)
arguments = parser.parse_args()
Path(arguments.out, "index.html").write_text(Path(arguments.model, "model.txt").read_text())
