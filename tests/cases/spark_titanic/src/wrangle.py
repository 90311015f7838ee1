import argparse

import pyspark.pandas as pd

parser = argparse.ArgumentParser()
parser.add_argument("--people")
parser.add_argument("--wrangled")
args = parser.parse_args()
print("people", args.people)
table = pd.read_csv(args.people, index_col="PassengerId")
table.fillna(value={"Cabin": "None"}, inplace=True)
table.dropna(inplace=True)
table.to_csv(args.wrangled, index_col="PassengerId", num_files=1)
