"""Values, rows and columns as SQL."""

from __future__ import annotations

from flask_lakeflow_jobs.local.lakeflow_child.spark.language.sql_literals import parse_columns


def test_columns_of_a_text_have_types_with_commas() -> None:
    nested = "STRUCT<x: INT, y: ARRAY<DECIMAL(10, 2)>>"
    columns = parse_columns(f"`a` {nested}, c DECIMAL(10, 2), d DATE")
    assert columns == {"a": nested, "c": "DECIMAL(10, 2)", "d": "DATE"}
    assert parse_columns("") == {}
