import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--table", required=True)
parser.add_argument("--learning-rate", type=float, required=True)
parser.add_argument("--model", required=True)
arguments = parser.parse_args()
Path(arguments.model, "model.txt").write_text(str(arguments.learning_rate))
