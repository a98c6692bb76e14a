"""Rows as streams of Arrow, with the types of Databricks."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from flask_lakeflow_jobs.local.task_process.arrow_streams import parse_type, write_stream


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("int", pa.int32()),
        ("decimal(38,2)", pa.decimal128(38, 2)),
        ("decimal(9, 2)", pa.decimal128(9, 2)),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("timestamp_ntz", pa.timestamp("us")),
        ("array<array<date>>", pa.list_(pa.list_(pa.date32()))),
        ("map<string,decimal(9,2)>", pa.map_(pa.string(), pa.decimal128(9, 2))),
        (
            "struct<Name:string,tags:map<string,array<int>>,n:bigint>",
            pa.struct(
                [
                    ("Name", pa.string()),
                    ("tags", pa.map_(pa.string(), pa.list_(pa.int32()))),
                    ("n", pa.int64()),
                ]
            ),
        ),
        ("struct<>", pa.struct([])),
        ("interval day to second", pa.string()),
    ],
)
def test_type_of_spark_is_a_type_of_arrow(text: str, kind: Any) -> None:
    assert parse_type(text) == kind


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("bigint", 7, 7),
        ("decimal(9,2)", Decimal("2.5"), Decimal("2.50")),
        ("date", date(2024, 1, 2), date(2024, 1, 2)),
        ("timestamp", datetime(2024, 1, 2), datetime(2024, 1, 2, tzinfo=timezone.utc)),
        ("string", UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("interval", timedelta(1), "1 day, 0:00:00"),
        ("struct<a:int,b:string>", {"a": 1, "b": None}, {"a": 1, "b": None}),
        ("struct<a:int,b:string>", (1, "x"), {"a": 1, "b": "x"}),
        ("map<string,array<int>>", {"k": [1, None]}, [("k", [1, None])]),
        ("binary", b"x", b"x"),
        ("void", None, None),
    ],
)
def test_value_is_read_as_it_was_written(tmp_path: Path, kind: str, value: Any, read: Any) -> None:
    path = tmp_path / "0"
    write_stream(str(path), [("c", kind)], [(value,), (None,)])
    table = pa.ipc.open_stream(path.read_bytes()).read_all()
    assert table.column("c").to_pylist() == [read, None]


def test_columns_of_one_name_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "0"
    write_stream(str(path), [("a", "int"), ("a", "string")], [(1, "x")])
    assert pa.ipc.open_stream(path.read_bytes()).read_all().num_columns == 2
