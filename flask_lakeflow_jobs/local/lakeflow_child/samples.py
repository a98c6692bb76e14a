"""The table ``samples.nyctaxi.trips``, which most templates of bundles read.

Every workspace of Databricks has it. Here, it is a view that makes up 2,000 trips, always the same.
"""

from __future__ import annotations

TRIPS = "samples.nyctaxi.trips"

_QUERY = (
    "SELECT {start} AS tpep_pickup_datetime, {end} AS tpep_dropoff_datetime, trip_distance, "
    "round(2.5 + 2.5 * trip_distance, 1) AS fare_amount, "
    "CAST(10001 + id * 31 % 277 AS INT) AS pickup_zip, "
    "CAST(10001 + id * 47 % 277 AS INT) AS dropoff_zip "
    # The seconds are those of January and February 2016.
    "FROM (SELECT {id} AS id, id * 2591 % 5184000 AS seconds, "
    "CAST(round(0.3 + id * 7919 % 1000 / 50.0, 2) AS DOUBLE) AS trip_distance "
    "FROM range(2000) {rows})"
)
_DURATION = "180 + 240 * trip_distance"

#: In the form of ``spark_catalog``.
SPARK_SAMPLES = {
    "samples.nyctaxi": {"type": "schema"},
    TRIPS: {
        "type": "view",
        "text": _QUERY.format(
            start="timestamp_seconds(1451606400 + seconds)",
            end=f"timestamp_seconds(CAST(1451606400 + seconds + {_DURATION} AS BIGINT))",
            id="id",
            rows="",
        ),
    },
}

DUCKDB_SAMPLES = (
    "CREATE SCHEMA IF NOT EXISTS samples.nyctaxi",
    f"CREATE OR REPLACE VIEW {TRIPS} AS "
    + _QUERY.format(
        start="TIMESTAMP '2016-01-01' + to_seconds(seconds)",
        end=f"TIMESTAMP '2016-01-01' + to_seconds(CAST(seconds + {_DURATION} AS BIGINT))",
        id="id",
        rows="AS rows(id)",
    ),
)
