import argparse
from pathlib import Path

import mlflow

parser = argparse.ArgumentParser()
parser.add_argument("--table", required=True)
parser.add_argument("--learning-rate", type=float, required=True)
parser.add_argument("--solver", choices=["adam", "sgd", "lbfgs"], required=True)
parser.add_argument("--epochs", type=int, required=True)
parser.add_argument("--model", required=True)
arguments = parser.parse_args()
for epoch in range(arguments.epochs):
    mlflow.log_metric("loss", arguments.learning_rate / (epoch + 1))
Path(arguments.model, "model.txt").write_text(arguments.solver)
