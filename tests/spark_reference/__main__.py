"""Record the results of Spark for new statements: ``tox run -e spark-reference``, with a JRE.

Delete ``results.jsonl`` before, to record all of them with another version.
"""

from __future__ import annotations

import os
import sys
import tempfile

from pyspark.sql import SparkSession

from tests.spark_reference.statements import read_results, run_all, write_results

os.chdir(tempfile.mkdtemp())  # Spark leaves its warehouse in the current folder
os.environ["PYSPARK_PYTHON"] = sys.executable
results = read_results()
builder = SparkSession.builder.remote("local[2]").config("spark.ui.enabled", "false")
spark = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
write_results({**results, **dict(run_all(spark, results))})
spark.stop()
