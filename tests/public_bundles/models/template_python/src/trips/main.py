import argparse

import cowsay
from databricks.sdk.runtime import spark


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--catalog", required=True)
    parser.add_argument("--schema", required=True)
    options = parser.parse_args()
    spark.sql(f"USE CATALOG {options.catalog}")
    spark.sql(f"USE SCHEMA {options.schema}")
    trips = spark.read.table("samples.nyctaxi.trips")
    trips.groupBy("pickup_zip").count().write.mode("overwrite").saveAsTable("by_zip")
    cowsay.cow(f"{spark.table('by_zip').count()} zip codes")
