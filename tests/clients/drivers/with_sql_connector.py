"""Runs statements with Databricks' SQL connector, and prints their results."""

# mypy: disable-error-code="attr-defined,import-not-found"

from __future__ import annotations

import json
import os
from typing import Any

from databricks import sql

WAREHOUSE = "/sql/1.0/warehouses/10ca10ca10ca10ca"


def main() -> dict[str, Any]:
    with (
        sql.connect(
            server_hostname=os.environ["DATABRICKS_HOST"],
            http_path=WAREHOUSE,
            access_token=os.environ["DATABRICKS_TOKEN"],
            schema="sales",
            use_kernel=True,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "CREATE OR REPLACE TABLE orders "
            "(id BIGINT NOT NULL, price DECIMAL(9, 2), tags ARRAY<STRING>)"
        )
        cursor.execute("INSERT INTO orders VALUES (?, ?, array('a', NULL))", [7, 2.5])
        cursor.execute("SELECT id, price, tags, '?' FROM orders WHERE id = :id", {"id": 7})
        ((number, price, tags, mark),) = cursor.fetchall()
        cursor.execute("SELECT id, repeat('x', 1000) AS text FROM range(20000) AS numbers(id)")
        many = cursor.fetchall_arrow().column("id").to_pylist()
        cursor.columns("main", "sales", "orders")
        columns = [(row.COLUMN_NAME, row.TYPE_NAME, row.NULLABLE) for row in cursor.fetchall()]
        cursor.tables("main", "sales")
        tables = [row.TABLE_NAME for row in cursor.fetchall()]
        cursor.execute("USE SCHEMA other")
        cursor.execute("SELECT current_schema()")
        schema = cursor.fetchone()[0]
        try:
            cursor.execute("SELECT * FROM nowhere")
        except sql.exc.ServerOperationError as error:
            failure = str(error)
    return {
        "row": [number, str(price), list(tags), mark],
        "are_in_order": many == list(range(20000)),
        "columns": columns,
        "tables": tables,
        "schema": schema,
        "failure": failure,
    }


print(json.dumps(main()))
