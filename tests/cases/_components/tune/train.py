import argparse
import sys
from pathlib import Path

import mlflow

parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float, required=True)
parser.add_argument("--kind", default="plain")
parser.add_argument("--model", type=Path)
args = parser.parse_args()
print(f"x is {args.x!r} of kind {args.kind}")
if args.kind == "broken":
    sys.exit(5)
if args.kind == "endless":
    import time

    time.sleep(1000)
if args.kind != "silent":
    mlflow.log_metric("loss", (args.x - 3) ** 2)
if args.model:
    (args.model / "x.txt").write_text(f"{args.x:g}")
