"""``SHOW`` and ``DESCRIBE``, with the columns expected of Databricks."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.metadata_statements import replace_metadata_statement

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from flask_lakeflow_jobs.local.task_process.sql.run_sql import run_statements
from flask_lakeflow_jobs.local.task_process.sql.sql_advice import UnsupportedStatement

SETUP = """
    CREATE TABLE orders (id INT COMMENT 'the key', name STRING);
    CREATE TABLE other (a INT);
    CREATE VIEW totals AS SELECT count(*) AS n FROM orders;
    CREATE TEMPORARY VIEW mine AS SELECT 1 AS a;
    CREATE TABLE lake.sales.days (day DATE);
    CREATE SCHEMA sales;
"""
TYPES = """
    CREATE TABLE types (a BIGINT, b ARRAY<INT>, c STRUCT<x: STRING, Y: ARRAY<DATE>>,
        d MAP<STRING, INT>, e DECIMAL(10,2), f TIMESTAMP, g BINARY, h BOOLEAN, i SMALLINT);
"""
NOTHING = ("", "", "")


@pytest.mark.parametrize(
    ("statement", "columns", "expected"),
    [
        (
            "SHOW TABLES",
            ["database", "tableName", "isTemporary"],
            [
                ("", "mine", True),
                ("default", "orders", False),
                ("default", "other", False),
                ("default", "totals", False),
            ],
        ),
        ("SHOW TABLES LIKE 'or*|x'", None, [("default", "orders", False)]),
        ("SHOW TABLES 'OTHER'", None, [("default", "other", False)]),
        ("SHOW TABLES IN lake.sales", None, [("", "mine", True), ("sales", "days", False)]),
        ("SHOW TABLES FROM main.`default` LIKE 'oth*'", None, [("default", "other", False)]),
        (
            "SHOW VIEWS",
            ["namespace", "viewName", "isTemporary"],
            [("", "mine", True), ("default", "totals", False)],
        ),
        ("SHOW VIEWS IN default LIKE 't*'", None, [("default", "totals", False)]),
        (
            "SHOW SCHEMAS",
            ["databaseName"],
            [("default",), ("information_schema",), ("sales",)],
        ),
        ("SHOW DATABASES LIKE 's*'", ["databaseName"], [("sales",)]),
        ("SHOW SCHEMAS IN lake LIKE 'sal*'", None, [("sales",)]),
        ("SHOW SCHEMAS LIKE 'nothing'", ["databaseName"], []),
        ("SHOW CATALOGS", ["catalog"], [("lake",), ("main",), ("samples",)]),
        (
            "DESCRIBE orders",
            ["col_name", "data_type", "comment"],
            [("id", "int", "the key"), ("name", "string", None)],
        ),
        ("DESC TABLE main.default.other", None, [("a", "int", None)]),
        (
            "DESCRIBE TABLE EXTENDED totals",
            None,
            [
                ("n", "bigint", None),
                NOTHING,
                ("# Detailed Table Information", "", ""),
                ("Catalog", "main", ""),
                ("Database", "default", ""),
                ("Table", "totals", ""),
                ("Type", "VIEW", ""),
            ],
        ),
        (
            "DESCRIBE orders id",
            ["info_name", "info_value"],
            [("col_name", "id"), ("data_type", "int"), ("comment", "the key")],
        ),
        ("DESCRIBE CATALOG main", ["info_name", "info_value"], [("Catalog Name", "main")]),
        ("DESCRIBE SCHEMA sales", None, [("Catalog Name", "main"), ("Namespace Name", "sales")]),
        (
            "DESCRIBE QUERY SELECT 1 AS a, 'x' AS b",
            None,
            [("a", "int", None), ("b", "string", None)],
        ),
        (
            f"{TYPES} DESCRIBE types",
            None,
            [
                ("a", "bigint", None),
                ("b", "array<int>", None),
                ("c", "struct<x:string,Y:array<date>>", None),
                ("d", "map<string,int>", None),
                ("e", "decimal(10,2)", None),
                ("f", "timestamp", None),
                ("g", "binary", None),
                ("h", "boolean", None),
                ("i", "smallint", None),
            ],
        ),
        (
            "COMMENT ON COLUMN orders.name IS 'whose'; DESCRIBE orders",
            None,
            [("id", "int", "the key"), ("name", "string", "whose")],
        ),
        (
            "SELECT current_catalog(), current_schema(), current_database()",
            None,
            [("main", "default", "default")],
        ),
    ],
)
def test_answers_of_databricks(
    statement: str, columns: list[str] | None, expected: list[tuple[Any, ...]]
) -> None:
    table = run_statements(SETUP + statement, {})
    assert table is not None
    assert table.rows == expected
    assert columns is None or table.columns == columns


@pytest.mark.parametrize(
    ("statement", "columns", "expected"),
    [
        (
            "SHOW SCHEMAS IN ALL CATALOGS LIKE 's*'",
            ["databaseName", "catalog"],
            [("sales", "lake"), ("sales", "main")],
        ),
        (
            "SHOW TABLES IN ALL CATALOGS SCHEMA LIKE '*a*l*' LIKE '*a*s'",
            ["catalogName", "namespace", "tableName", "tableType", "remarks"],
            [
                ("lake", "sales", "days", "MANAGED", None),
                ("main", "default", "totals", "VIEW", None),
            ],
        ),
        (
            "SHOW COLUMNS IN ALL CATALOGS TABLE LIKE 'orders' LIKE 'name'",
            None,
            [("name", "main", "default", "orders", "STRING", "true", 2, None)],
        ),
        (
            "SHOW COLUMNS IN CATALOG lake",
            None,
            [("day", "lake", "sales", "days", "DATE", "true", 1, None)],
        ),
    ],
)
def test_lists_of_drivers(
    statement: str, columns: list[str] | None, expected: list[tuple[Any, ...]]
) -> None:
    table = run_statements(SETUP + replace_metadata_statement(statement), {})
    assert table is not None
    assert table.rows == expected
    assert columns is None or table.columns == columns


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("DESCRIBE DETAIL orders", "DuckDB shows no files, properties and partitions of tables."),
        ("SHOW TBLPROPERTIES orders", "DuckDB shows no files, properties and partitions of"),
        ("SHOW COLUMNS IN orders", "Use DESCRIBE TABLE EXTENDED, or run it with Spark"),
        ("SHOW CREATE TABLE orders", "Use DESCRIBE TABLE EXTENDED, or run it with Spark"),
        ("SHOW GRANTS ON TABLE orders", "The local workspace has no permissions."),
        ("SHOW USER FUNCTIONS", "DuckDB does not know this SQL."),
    ],
)
def test_answers_that_are_not_known_are_refused(statement: str, advice: str) -> None:
    with pytest.raises(UnsupportedStatement, match=advice):
        run_statements(SETUP + statement, {})
