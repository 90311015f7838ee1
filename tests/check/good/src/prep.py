import argparse

import pandas as pd

parser = argparse.ArgumentParser()
parser.add_argument("--raw", required=True)
parser.add_argument("--rows", type=int, required=True)
parser.add_argument("--mode", choices=["fast", "exact"], default="fast")
parser.add_argument("--note")
parser.add_argument("--table", required=True)
arguments = parser.parse_args()
pd.DataFrame({"x": range(arguments.rows)}).to_csv(f"{arguments.table}/table.csv")
