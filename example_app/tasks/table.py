"""Task of the ``report`` job: save the newest result by carrier as a table, where Spark is.

On Databricks it always is; on a laptop, with the extra ``spark``. The app needs no table.
"""

from __future__ import annotations

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

NO_SPARK = (
    "No table is saved, as Spark is not installed here. To try it: "
    "pip install 'flask-lakeflow-jobs[spark]'."
)


def save_table(result: Path, table: str) -> None:
    """Save the delays by carrier, and show the table.

    :param result: the file with a result of ``etl``.
    :param table: its catalog, its schema and its name.
    """
    from pyspark.sql import SparkSession  # not everywhere

    spark = SparkSession.builder.getOrCreate()
    groups = json.loads(result.read_text(encoding="utf-8"))["byCarrier"]
    rows = [(each["key"], each["flights"], float(each["departureDelay"])) for each in groups]
    frame = spark.createDataFrame(rows, "carrier string, flights long, departure_delay double")
    frame.write.mode("overwrite").saveAsTable(table)
    spark.table(table).orderBy("departure_delay", ascending=False).show()


def main() -> None:
    """Save the newest result."""
    parser = argparse.ArgumentParser(description="Save the newest result of etl as a table.")
    parser.add_argument("--data", required=True, type=Path, help="folder that etl writes to")
    parser.add_argument("--table", required=True, help="catalog.schema.name of the table")
    args = parser.parse_args()
    if find_spec("pyspark") is None:
        print(NO_SPARK)
        return
    results = sorted(args.data.glob("*/summary.json"), key=lambda path: path.stat().st_mtime_ns)
    if results and json.loads(results[-1].read_text(encoding="utf-8"))["byCarrier"]:
        save_table(results[-1], args.table)
    else:
        print("There are no flights to save.")


if __name__ == "__main__":
    main()
