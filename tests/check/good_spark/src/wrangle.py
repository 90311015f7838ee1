import argparse

from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
parser.add_argument("--events", required=True)
parser.add_argument("--country", required=True)
parser.add_argument("--table", required=True)
arguments = parser.parse_args()
spark = SparkSession.builder.getOrCreate()
events = spark.read.parquet(arguments.events)
events.filter(events.country == arguments.country).write.parquet(arguments.table)
