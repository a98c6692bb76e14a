"""Definitions of pipelines in the SQL of Databricks, translated for Spark."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.pipelines.pipeline_sql import (
    drop_catalogs,
    drop_keys,
    insert_configuration,
    read_literal,
    to_spark,
)

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
        ("CREATE OR REFRESH TEMPORARY STREAMING TABLE a", "CREATE STREAMING TABLE a"),
        ("FROM cloud_files('/a', 'json')", "FROM STREAM read_files('/a', format => 'json')"),
        (
            "cloud_files('a', 'csv',\nmap('header', 'true', \"cloudFiles.schemaHints\", 'b INT'))",
            "STREAM read_files('a', format => 'csv', header => 'true', schemaHints => 'b INT'\n)",
        ),
        ("'cloud_files(a, b)', STREAM(cloud_files(a))",) * 2,
        ("CREATE OR REFRESH PRIVATE MATERIALIZED VIEW a", "CREATE MATERIALIZED VIEW a"),
        ("CREATE OR REFRESH\nSTREAMING TABLE a", "CREATE STREAMING TABLE\n a"),
        ("SELECT * FROM STREAM(LIVE.a)", "SELECT * FROM STREAM(a)"),
        ("SELECT 'LIVE.a' -- it's\n, LIVE.b", "SELECT 'LIVE.a'        \n, b"),
        ("CREATE TABLE t CLUSTER BY AUTO AS", "CREATE TABLE t  AS"),
        ("CREATE TABLE t CLUSTER BY (a,\nb) AS", "CREATE TABLE t \n AS"),
        ("CREATE STREAMING TABLE t\nusing delta AS", "CREATE STREAMING TABLE t\n AS"),
        ("FROM a JOIN b USING (delta)",) * 2,
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
    ("statement", "expected", "lost"),
    [
        (
            "(CONSTRAINT a EXPECT (n > 1) ON VIOLATION DROP ROW) COMMENT ' AS '\nAS SELECT 1; -- b",
            "COMMENT ' AS '\nAS SELECT * FROM ( SELECT 1) WHERE ((n > 1))",
            [],
        ),
        (
            "(n INT, CONSTRAINT a EXPECT (n > 1)) AS SELECT 1 -- AS ;\n",
            "(n INT ) AS SELECT 1 ",
            ["a"],
        ),
        (
            (
                "(CONSTRAINT a EXPECT (s <> ';') ON VIOLATION FAIL UPDATE,"
                " CONSTRAINT b EXPECT (n -- 'b'\n> '--') ON VIOLATION DROP ROW,"
                " CONSTRAINT c EXPECT (n > 2)) AS WITH q AS (SELECT 1) SELECT * FROM q /* end */"
            ),
            (
                "AS SELECT * FROM ( WITH q AS (SELECT 1) SELECT * FROM q)"
                " WHERE (CASE WHEN (s <> ';') THEN true ELSE"
                " raise_error('A row violates the expectation a: (s <> \\';\\')') END)"
                " AND ((n > '--')) "
            ),
            ["c"],
        ),
        ("(CONSTRAINT a EXPECT (n > 1) ON VIOLATION DROP ROW)", "", ["a"]),
    ],
)
def test_expectations_filter_the_rows_of_the_query(
    statement: str, expected: str, lost: list[str]
) -> None:
    next_one = "\nCREATE MATERIALIZED VIEW u AS SELECT 2"
    translated, dropped = to_spark(f"CREATE MATERIALIZED VIEW t {statement};{next_one}", CATALOGS)
    assert " ".join(translated.split()) == " ".join(
        f"CREATE MATERIALIZED VIEW t {expected};{next_one}".split()
    )
    assert translated.count("\n") == statement.count("\n") + 1
    assert dropped == lost


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM main.sales.orders o", "FROM sales.orders o"),
        ("FROM `main`.`my sales`.orders", "FROM `my sales`.orders"),
        ("FROM dev.a.b JOIN Main.c.d", "FROM a.b JOIN c.d"),
        ("SELECT main.n FROM sales.main", "SELECT main.n FROM sales.main"),
        ("FROM other.main.sales.orders", "FROM other.main.sales.orders"),
        ("SELECT domain.sales.orders", "SELECT domain.sales.orders"),
        ("SELECT new.a.b.n FROM STREAM(`new`.a.b)", "SELECT a.b.n FROM STREAM(a.b)"),
        (
            "SELECT 'main.a.b', \"main.a.b\"",
            "SELECT 'main.a.b', \"main.a.b\"",
        ),
    ],
)
def test_catalogs_are_dropped_from_names_of_three_parts(text: str, expected: str) -> None:
    assert drop_catalogs(text, CATALOGS) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" 'csv'", "csv"),
        ('"/Volumes/main"', "/Volumes/main"),
        ("TRUE", "true"),
        ("10 ", "10"),
    ],
)
def test_literal_has_a_value(text: str, value: str) -> None:
    assert read_literal(text) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM STREAM(${catalog}.raw.a)", "FROM STREAM(raw.a)"),
        ("'/Volumes/${catalog}/in/${other}'", "'/Volumes/main/in/${other}'"),
    ],
)
def test_settings_replace_their_names(text: str, expected: str) -> None:
    with_settings = insert_configuration(text, {"catalog": "main"})
    assert to_spark(with_settings, CATALOGS) == (expected, [])


def test_expression_in_place_of_a_literal_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Write a text in place of concat\(a, 'b'\), or read"):
        read_literal("concat(a, 'b') ")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("n INT, CONSTRAINT k PRIMARY KEY (n) NOT ENFORCED", "n INT"),
        (
            "CONSTRAINT k PRIMARY KEY(n, m) RELY, n INT, m INT COMMENT 'a, b'",
            "n INT, m INT COMMENT 'a, b'",
        ),
        (
            "n INT, CONSTRAINT f FOREIGN KEY (n) REFERENCES main.t.u (a, b) NOT ENFORCED, m INT",
            "n INT, m INT",
        ),
        (
            "n INT NOT NULL PRIMARY KEY COMMENT 'a primary key', m INT primary key",
            "n INT NOT NULL COMMENT 'a primary key', m INT",
        ),
    ],
)
def test_keys_are_left_out(columns: str, expected: str) -> None:
    assert " ".join(drop_keys(columns).split()) == expected
    assert to_spark(f"CREATE TABLE t ({columns}) COMMENT 'x'", []) == (
        f"CREATE TABLE t ({drop_keys(columns)}) COMMENT 'x'",
        [],
    )
