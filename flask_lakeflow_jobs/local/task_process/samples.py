"""The data that templates of bundles read: ``samples``, and files in ``/databricks-datasets``.

Every workspace of Databricks has them. Here, they are made-up rows, always the same.
"""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module

from .tpch_samples import build_tpch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ROWS = 2000

TRIPS = "samples.nyctaxi.trips"

_QUERY = (
    "SELECT {start} AS tpep_pickup_datetime, {end} AS tpep_dropoff_datetime, trip_distance, "
    "round(2.5 + 2.5 * trip_distance, 1) AS fare_amount, "
    "CAST(10001 + id * 31 % 277 AS INT) AS pickup_zip, "
    "CAST(10001 + id * 47 % 277 AS INT) AS dropoff_zip "
    # The seconds are those of January and February 2016.
    "FROM (SELECT id, id * 2591 % 5184000 AS seconds, "
    "CAST(round(0.3 + id * 7919 % 1000 / 50.0, 2) AS DOUBLE) AS trip_distance "
    "FROM range(2000) {rows})"
)
_DURATION = "180 + 240 * trip_distance"

_ON_SPARK = {
    TRIPS: _QUERY.format(
        start="timestamp_seconds(1451606400 + seconds)",
        end=f"timestamp_seconds(CAST(1451606400 + seconds + {_DURATION} AS BIGINT))",
        rows="",
    ),
    **build_tpch(lambda days: f"date_add(DATE '1992-01-01', CAST({days} AS INT))", ""),
}
_ON_DUCKDB = {
    TRIPS: _QUERY.format(
        start="TIMESTAMP '2016-01-01' + to_seconds(seconds)",
        end=f"TIMESTAMP '2016-01-01' + to_seconds(CAST(seconds + {_DURATION} AS BIGINT))",
        rows="AS rows(id)",
    ),
    **build_tpch(lambda days: f"DATE '1992-01-01' + CAST({days} AS INT)", "AS rows(id)"),
}
_SCHEMAS = ("samples.nyctaxi", "samples.tpch")

#: In the form of ``spark_catalog``.
SPARK_SAMPLES = {
    **{name: {"type": "schema"} for name in _SCHEMAS},
    **{name: {"type": "view", "text": text} for name, text in _ON_SPARK.items()},
}
DUCKDB_SAMPLES = (
    *(f"CREATE SCHEMA IF NOT EXISTS {name}" for name in _SCHEMAS),
    *(f"CREATE OR REPLACE VIEW {name} AS {text}" for name, text in _ON_DUCKDB.items()),
)


def serve_samples(path: str, mounts: dict[str, str]) -> None:
    """Write a folder of samples if a path of the workspace names it."""
    name = path.removeprefix("/dbfs")
    for folder, write in _FOLDERS.items():
        if name.startswith(folder):
            _write_folder(mounts["/dbfs"] + folder, write)


def _write_folder(folder: str, write: Callable[[str], None]) -> None:
    """Write a folder, unless it exists.

    :param folder: its place on this machine.
    :param write: writes its files into another folder.
    """
    if os.path.isdir(folder):
        return
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    unfinished = f"{folder}.{os.getpid()}"
    os.makedirs(unfinished, exist_ok=True)
    try:
        write(unfinished)
        os.rename(unfinished, folder)
    except (ImportError, OSError):  # there is no Spark, or another task has written it meanwhile
        import shutil

        shutil.rmtree(unfinished, ignore_errors=True)


def _write_rows(folder: str, build_row: Callable[[int], dict[str, Any]]) -> None:
    import json
    from datetime import datetime

    with open(os.path.join(folder, "rows.json"), "w", encoding="utf-8") as file:
        rows = map(build_row, range(_ROWS))
        file.writelines(json.dumps(row, default=datetime.isoformat) + "\n" for row in rows)


def _write_zip_codes(folder: str) -> None:
    """Write trips as a Delta table with the columns of ``samples.nyctaxi.trips``."""
    import json

    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")  # of Spark
    moment = arrow.timestamp("us", tz="UTC")
    kinds = {
        "tpep_pickup_datetime": (moment, "timestamp"),
        "tpep_dropoff_datetime": (moment, "timestamp"),
        "trip_distance": (arrow.float64(), "double"),
        "fare_amount": (arrow.float64(), "double"),
        "pickup_zip": (arrow.int32(), "integer"),
        "dropoff_zip": (arrow.int32(), "integer"),
    }
    zips = {"pickup_zip": 31, "dropoff_zip": 47}
    rows = [
        {**_build_trip(each), **{name: 10001 + each * by % 277 for name, by in zips.items()}}
        for each in range(_ROWS)
    ]
    schema = arrow.schema([(name, kind) for name, (kind, _) in kinds.items()])
    file = os.path.join(folder, "rows.parquet")
    parquet.write_table(arrow.Table.from_pylist(rows, schema), file)
    fields = [
        {"name": name, "type": kind, "nullable": True, "metadata": {}}
        for name, (_, kind) in kinds.items()
    ]
    actions: list[dict[str, Any]] = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {
            "metaData": {
                "id": "samples-nyctaxi-with-zipcodes",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps({"type": "struct", "fields": fields}),
                "partitionColumns": [],
                "configuration": {},
            }
        },
        {
            "add": {
                "path": "rows.parquet",
                "partitionValues": {},
                "size": os.path.getsize(file),
                "modificationTime": 0,
                "dataChange": True,
            }
        },
    ]
    os.mkdir(os.path.join(folder, "_delta_log"))
    with open(os.path.join(folder, "_delta_log", f"{0:020}.json"), "w", encoding="utf-8") as log:
        log.writelines(json.dumps(action) + "\n" for action in actions)


def _build_trip(number: int) -> dict[str, Any]:
    from datetime import datetime, timedelta

    start = datetime(2016, 1, 1) + timedelta(seconds=number * 2591 % 5184000)
    distance = round(0.3 + number * 7919 % 1000 / 50.0, 2)
    fare = round(2.5 + 2.5 * distance, 1)
    return {
        "VendorID": number % 2 + 1,
        "tpep_pickup_datetime": start,
        "tpep_dropoff_datetime": start + timedelta(seconds=int(180 + 240 * distance)),
        "passenger_count": number % 5 + 1,
        "trip_distance": distance,
        "PULocationID": number * 31 % 263 + 1,
        "DOLocationID": number * 47 % 263 + 1,
        "payment_type": number % 4 + 1,
        "fare_amount": fare,
        "total_amount": round(fare + 0.8, 2),
    }


def _build_order(number: int) -> dict[str, Any]:
    customer = number * 31 % 277
    product = {
        "id": f"P{number * 7 % 97}",
        "name": f"Product {number * 7 % 97}",
        "curr": "USD",
        "price": 5 + number * 13 % 400,
        "qty": number % 4 + 1,
        "unit": "pcs",
    }
    return {
        "customer_id": str(10001 + customer),
        "customer_name": f"Customer {customer}",
        "number_of_line_items": "1",
        # The seconds are those of August to October 2019.
        "order_datetime": str(1564617600 + number * 3971 % 7948800),
        "order_number": 316500000 + number,
        "ordered_products": [product],
        "promo_info": [],
        "clicked_items": [[product["id"], str(number % 9)]],
    }


# Those that older templates and the ones for SQL, dbt and MLOps read.
_FOLDERS: dict[str, Callable[[str], None]] = {
    "/databricks-datasets/nyctaxi/sample/json": partial(_write_rows, build_row=_build_trip),
    "/databricks-datasets/retail-org/sales_orders": partial(_write_rows, build_row=_build_order),
    "/databricks-datasets/nyctaxi-with-zipcodes/subsampled": _write_zip_codes,
}
