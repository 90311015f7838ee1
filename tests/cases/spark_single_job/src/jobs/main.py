import argparse
import os
import sys
from pathlib import Path

from helper import split
from pyspark import SparkFiles
from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
for name in ("--words", "--top", "--title", "--keep", "--counts"):
    parser.add_argument(name)
args = parser.parse_args()
session = SparkSession.builder.appName("count").getOrCreate()
print(args.title, args.keep, os.environ["GREETING"], session.conf.get("spark.sql.shuffle.partitions"))
print(Path(SparkFiles.get("words.txt")).read_text().strip(), session.sparkContext.getConf().get("spark.driver.memory"))
print("archive", Path(SparkFiles.get("more"), "inside.txt").read_text())
print("cwd", sorted(path.name for path in Path().iterdir()), sys.version_info[:2])
lines = session.sparkContext.textFile(args.words)
counts = lines.flatMap(split).map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
rows = [f"{word} {n}" for word, n in counts.takeOrdered(int(args.top), key=lambda pair: -pair[1])]
session.createDataFrame([(row,) for row in rows], ["value"]).coalesce(1).write.mode("overwrite").text(args.counts)
print("top", rows)
