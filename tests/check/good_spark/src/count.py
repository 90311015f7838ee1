import argparse

from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
parser.add_argument("--table", required=True)
parser.add_argument("--result", required=True)
arguments = parser.parse_args()
spark = SparkSession.builder.getOrCreate()
spark.read.parquet(arguments.table).groupBy("country").count().write.csv(arguments.result)
