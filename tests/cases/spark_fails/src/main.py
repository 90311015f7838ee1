import sys

from pyspark.sql import SparkSession

session = SparkSession.builder.getOrCreate()
session.range(3).write.csv(sys.argv[2])
sys.exit("gave up after writing")
