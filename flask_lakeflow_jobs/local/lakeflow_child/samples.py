"""The trips that templates of bundles read: a table, and a folder of ``/databricks-datasets``.

Every workspace of Databricks has them. Here, they are 2,000 made-up trips, always the same.
"""

from __future__ import annotations

import os

_TRIPS = 2000
#: The folder, which older templates read.
TRIPS_FOLDER = "/databricks-datasets/nyctaxi/sample/json"

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


def serve_trips(path: str, mounts: dict[str, str]) -> None:
    """Write the folder of trips if a path of the workspace names it."""
    if path.removeprefix("/dbfs").startswith(TRIPS_FOLDER):
        write_trips(mounts["/dbfs"] + TRIPS_FOLDER)


def write_trips(folder: str) -> None:
    """Write the folder, unless it exists.

    :param folder: its place on this machine.
    """
    import json
    from datetime import datetime, timedelta

    if os.path.isdir(folder):
        return
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    unfinished = f"{folder}.{os.getpid()}"
    os.makedirs(unfinished, exist_ok=True)
    with open(os.path.join(unfinished, "trips.json"), "w", encoding="utf-8") as file:
        for number in range(_TRIPS):
            start = datetime(2016, 1, 1) + timedelta(seconds=number * 2591 % 5184000)
            distance = round(0.3 + number * 7919 % 1000 / 50.0, 2)
            fare = round(2.5 + 2.5 * distance, 1)
            trip = {
                "VendorID": number % 2 + 1,
                "tpep_pickup_datetime": start.isoformat(),
                "tpep_dropoff_datetime": (
                    start + timedelta(seconds=int(180 + 240 * distance))
                ).isoformat(),
                "passenger_count": number % 5 + 1,
                "trip_distance": distance,
                "PULocationID": number * 31 % 263 + 1,
                "DOLocationID": number * 47 % 263 + 1,
                "payment_type": number % 4 + 1,
                "fare_amount": fare,
                "total_amount": round(fare + 0.8, 2),
            }
            file.write(json.dumps(trip) + "\n")
    try:
        os.rename(unfinished, folder)
    except OSError:  # another task has written it meanwhile
        import shutil

        shutil.rmtree(unfinished, ignore_errors=True)
