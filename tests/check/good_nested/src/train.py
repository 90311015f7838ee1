import argparse
from pathlib import Path

import fitting

parser = argparse.ArgumentParser()
parser.add_argument("--table", required=True)
parser.add_argument("--learning-rate", type=float, required=True)
parser.add_argument("--model", required=True)
arguments = parser.parse_args()
Path(arguments.model, "model.txt").write_text(fitting.fit(arguments.table, arguments.learning_rate))
