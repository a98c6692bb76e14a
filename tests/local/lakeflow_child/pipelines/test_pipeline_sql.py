"""Definitions of pipelines in the SQL of Databricks, translated for Spark."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.pipelines.pipeline_sql import drop_catalogs, to_spark

CATALOGS = ("main", "dev")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CREATE MATERIALIZED VIEW a AS", "CREATE MATERIALIZED VIEW a AS"),
        ("create or refresh materialized view a AS", "CREATE MATERIALIZED VIEW a AS"),
        ("CREATE OR REPLACE MATERIALIZED VIEW a AS", "CREATE MATERIALIZED VIEW a AS"),
        ("CREATE OR REFRESH LIVE TABLE a AS", "CREATE MATERIALIZED VIEW a AS"),
        ("CREATE LIVE TABLE a AS", "CREATE MATERIALIZED VIEW a AS"),
        ("CREATE TEMPORARY LIVE VIEW a AS", "CREATE TEMPORARY VIEW a AS"),
        ("CREATE STREAMING LIVE VIEW a AS", "CREATE TEMPORARY VIEW a AS"),
        ("CREATE OR REFRESH STREAMING TABLE a AS", "CREATE STREAMING TABLE a AS"),
        ("CREATE OR REFRESH STREAMING LIVE TABLE a AS", "CREATE STREAMING TABLE a AS"),
        ("CREATE STREAMING LIVE TABLE a AS", "CREATE STREAMING TABLE a AS"),
        ("CREATE PRIVATE STREAMING TABLE a", "CREATE STREAMING TABLE a"),
        ("CREATE OR REFRESH\nSTREAMING TABLE a", "CREATE STREAMING TABLE\n a"),
        ("SELECT * FROM STREAM(LIVE.a)", "SELECT * FROM STREAM(a)"),
        ("SELECT 'LIVE.a' -- LIVE.b", "SELECT 'LIVE.a' -- LIVE.b"),
        ("CREATE TABLE t CLUSTER BY AUTO AS", "CREATE TABLE t  AS"),
    ],
)
def test_forms_of_databricks_become_those_of_spark(text: str, expected: str) -> None:
    assert to_spark(text, CATALOGS) == (expected, [])


@pytest.mark.parametrize(
    ("columns", "expected", "lost"),
    [
        ("(CONSTRAINT a EXPECT (n > (1)))", "", ["a"]),
        ("(CONSTRAINT `a row-1` EXPECT (x), CONSTRAINT `b` EXPECT (y))", "", ["a row-1", "b"]),
        ("(CONSTRAINT a EXPECT (n > ')') ON VIOLATION DROP ROW)", "", ["a"]),
        ("(n INT, CONSTRAINT a EXPECT (n > 1) ON VIOLATION FAIL UPDATE)", "(n INT )", ["a"]),
        ("(CONSTRAINT a EXPECT (x), n INT)", "( n INT)", ["a"]),
        ("(CONSTRAINT a EXPECT (x),\nCONSTRAINT b EXPECT (y))", "\n", ["a", "b"]),
        ("('CONSTRAINT a EXPECT (x)')", "('CONSTRAINT a EXPECT (x)')", []),
    ],
)
def test_expectations_are_dropped(columns: str, expected: str, lost: list[str]) -> None:
    translated, dropped = to_spark(f"CREATE MATERIALIZED VIEW t {columns} AS", CATALOGS)
    assert " ".join(translated.split()) == " ".join(
        f"CREATE MATERIALIZED VIEW t {expected} AS".split()
    )
    assert translated.count("\n") == columns.count("\n")
    assert dropped == lost


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM main.sales.orders o", "FROM sales.orders o"),
        ("FROM `main`.`my sales`.orders", "FROM `my sales`.orders"),
        ("FROM dev.a.b JOIN Main.c.d", "FROM a.b JOIN c.d"),
        ("SELECT main.n FROM sales.main", "SELECT main.n FROM sales.main"),
        ("FROM other.main.sales.orders", "FROM other.main.sales.orders"),
        ("FROM domain.sales.orders", "FROM domain.sales.orders"),
        (
            "SELECT 'main.a.b', \"main.a.b\" -- main.a.b",
            "SELECT 'main.a.b', \"main.a.b\" -- main.a.b",
        ),
    ],
)
def test_catalogs_are_dropped_from_names_of_three_parts(text: str, expected: str) -> None:
    assert drop_catalogs(text, CATALOGS) == expected
