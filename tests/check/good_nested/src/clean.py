import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--raw", required=True)
parser.add_argument("--rows", type=int, required=True)
parser.add_argument("--header", type=lambda text: text == "True", required=True)
parser.add_argument("--clean", required=True)
arguments = parser.parse_args()
lines = Path(arguments.raw).read_text().splitlines()[arguments.header :]
Path(arguments.clean, "clean.csv").write_text("\n".join(lines[: arguments.rows]))
