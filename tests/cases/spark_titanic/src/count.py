import argparse

from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
parser.add_argument("--table")
parser.add_argument("--factor", type=int)
parser.add_argument("--result")
args = parser.parse_args()
session = SparkSession.builder.getOrCreate()
rows = session.read.csv(args.table, header=True).count()
print("rows", rows, "master", session.sparkContext.master)
session.createDataFrame([(rows * args.factor,)], ["n"]).coalesce(1).write.json(args.result)
