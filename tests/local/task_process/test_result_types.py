"""Types and values of a result as the Statement Execution API shows them."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from databricks.sdk.service.sql import ColumnInfoTypeName

from flask_lakeflow_jobs.local.task_process.result_types import (
    describe_column,
    simple_type,
    to_text,
)

TYPES = {
    "TINYINT": ("BYTE", "TINYINT"),
    "INTEGER": ("INT", "INT"),
    "BIGINT": ("LONG", "BIGINT"),
    "HUGEINT": ("LONG", "BIGINT"),
    "DECIMAL(12,3)": ("DECIMAL", "DECIMAL(12,3)"),
    "VARCHAR": ("STRING", "STRING"),
    "UUID": ("STRING", "STRING"),
    "DATE": ("DATE", "DATE"),
    "TIMESTAMP": ("TIMESTAMP", "TIMESTAMP"),
    "TIMESTAMPTZ": ("TIMESTAMP", "TIMESTAMP"),
    "BLOB": ("BINARY", "BINARY"),
    "INTEGER[]": ("ARRAY", "ARRAY<INT>"),
    "STRUCT(a INTEGER, b DATE[])": ("STRUCT", "STRUCT<a: INT, b: ARRAY<DATE>>"),
    "MAP(VARCHAR, DOUBLE)": ("MAP", "MAP<STRING, DOUBLE>"),
}


@pytest.mark.parametrize(("kind", "expected"), TYPES.items())
def test_type_of_duckdb_has_its_name_on_databricks(kind: str, expected: tuple[str, str]) -> None:
    duckdb = pytest.importorskip("duckdb")
    ((name, column_type, *_),) = duckdb.sql(f"SELECT NULL::{kind} AS c").description
    column = describe_column(name, 3, simple_type(column_type))
    assert (column["name"], column["position"]) == ("c", 3)
    assert (column["type_name"], column["type_text"]) == expected
    assert ColumnInfoTypeName(column["type_name"]).value
    assert ("type_scale" in column) is (column["type_name"] == "DECIMAL")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("bigint", ("LONG", "BIGINT")),
        ("decimal(10,2)", ("DECIMAL", "DECIMAL(10,2)")),
        ("timestamp_ntz", ("TIMESTAMP", "TIMESTAMP")),
        ("array<string>", ("ARRAY", "ARRAY<STRING>")),
        (
            "struct<orderId:int,prices:map<string,decimal(5,2)>>",
            ("STRUCT", "STRUCT<orderId: INT, prices: MAP<STRING, DECIMAL(5,2)>>"),
        ),
        ("void", ("NULL", "VOID")),
    ],
)
def test_type_of_spark_has_its_name_on_databricks(kind: str, expected: tuple[str, str]) -> None:
    column = describe_column("c", 0, kind)
    assert (column["type_name"], column["type_text"]) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (7, "7"),
        ("ä\n", "ä\n"),
        (Decimal("1E+2"), "100"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (1e300, "1.0E300"),
        (1.25e-7, "1.25E-7"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (date(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05.000Z"),
        (datetime(2024, 1, 2, 3, 4, 5, 678901, timezone.utc), "2024-01-02T03:04:05.678901Z"),
        (b"ab", "YWI="),
        ([1, None, {"a": date(2024, 1, 2)}], '[1,null,{"a":"2024-01-02"}]'),
        ({1: "é"}, '{"1":"é"}'),
    ],
)
def test_value_as_text(value: Any, text: str | None) -> None:
    assert to_text(value) == text
