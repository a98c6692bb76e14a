"""Definitions and changes of tables in the SQL of Databricks, with the results expected of it."""

# ruff: noqa: E501, S608  # rows of a table; fixed texts
from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from flask_lakeflow_jobs.local.task_process.sql.run_sql import run_statements
from flask_lakeflow_jobs.local.task_process.sql.sql_advice import UnsupportedStatement

SETUP = "CREATE TABLE t (id INT, name STRING); INSERT INTO t VALUES (1, 'a'), (2, 'b');"
ALL = "SELECT * FROM t ORDER BY id"
COUNT = "SELECT count(*) FROM t"
OTHER_ORDER = "(SELECT * FROM VALUES ('z', 1, 0), ('c', 3, 0) AS s(name, id, more)) s"
TWICE = "(SELECT * FROM VALUES (1, 'x'), (1, 'y') AS s(id, n)) s"
IDENTITY = "(id BIGINT GENERATED ALWAYS AS IDENTITY, x INT)"


def rows(text: str) -> list[tuple[Any, ...]]:
    table = run_statements(text, {})
    return table.rows if table else []


@pytest.mark.parametrize(
    ("statement", "query", "expected"),
    [
        ("ALTER TABLE t ADD COLUMNS (x INT, y STRING COMMENT 'c')", ALL + " LIMIT 1", [(1, "a", None, None)]),
        ("ALTER TABLE t ADD COLUMN x INT AFTER id", ALL + " LIMIT 1", [(1, None, "a")]),
        ("ALTER TABLE t ADD COLUMNS (x INT FIRST)", ALL + " LIMIT 1", [(None, 1, "a")]),
        ("ALTER TABLE t ADD COLUMN x INT COMMENT 'c' FIRST", "DESCRIBE t x", [("col_name", "x"), ("data_type", "int"), ("comment", "c")]),
        ("ALTER TABLE t ADD COLUMN x INT; ALTER TABLE t ALTER COLUMN x COMMENT 'c'", "DESCRIBE t x", [("col_name", "x"), ("data_type", "int"), ("comment", "c")]),
        ("ALTER TABLE t DROP COLUMNS (name)", ALL, [(1,), (2,)]),
        ("ALTER TABLE t RENAME COLUMN name TO n", "SELECT n FROM t ORDER BY n", [("a",), ("b",)]),
        ("ALTER TABLE t ALTER COLUMN id TYPE BIGINT", COUNT, [(2,)]),
        ("ALTER TABLE t ALTER COLUMN name SET DEFAULT 'z'; INSERT INTO t (id) VALUES (3)", ALL, [(1, "a"), (2, "b"), (3, "z")]),
        ("ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (id); INSERT INTO t VALUES (1, 'x')", COUNT, [(3,)]),
        ("ALTER TABLE t DROP CONSTRAINT IF EXISTS k; ALTER TABLE t DROP PRIMARY KEY IF EXISTS", COUNT, [(2,)]),
        ("ALTER TABLE t UNSET TBLPROPERTIES ('a'); ALTER TABLE t DROP FEATURE x", COUNT, [(2,)]),
        ("CREATE VIEW v AS SELECT 1 AS a; ALTER VIEW v AS SELECT 2 AS a", "SELECT * FROM v", [(2,)]),
        ("CREATE GLOBAL TEMPORARY VIEW v AS SELECT 2 AS a", "SELECT * FROM global_temp.v", [(2,)]),
        ("CACHE TABLE c AS SELECT id FROM t; CLEAR CACHE", "SELECT count(*) FROM c", [(2,)]),
        ("CREATE TABLE u LIKE t", "SELECT count(*) FROM u", [(0,)]),
        ("CREATE TABLE u SHALLOW CLONE t", "SELECT count(*) FROM u", [(2,)]),
        ("CREATE OR REPLACE TABLE u DEEP CLONE t", "SELECT count(*) FROM u", [(2,)]),
        ("CREATE TABLE g (a INT, b INT GENERATED ALWAYS AS (a * 2)); INSERT INTO g (a) VALUES (3)", "SELECT * FROM g", [(3, 6)]),
        ("CREATE TEMPORARY FUNCTION plus(x INT, y INT DEFAULT 3) RETURNS INT RETURN x + y", "SELECT plus(2), plus(2, 1)", [(5, 3)]),
        ("TRUNCATE TABLE t PARTITION (id = 1)", ALL, [(2, "b")]),
        ("INSERT INTO t PARTITION (id = 3) VALUES ('c')", ALL, [(1, "a"), (2, "b"), (3, "c")]),
        ("INSERT OVERWRITE t PARTITION (id = 1) SELECT 'z'", ALL, [(1, "z"), (2, "b")]),
        ("INSERT OVERWRITE t PARTITION (id) SELECT 'z', 9", ALL, [(9, "z")]),
        ("INSERT WITH SCHEMA EVOLUTION INTO t VALUES (3, 'c')", COUNT, [(3,)]),
        ("UPDATE t AS x SET x.name = 'z' WHERE x.id = 1", ALL, [(1, "z"), (2, "b")]),
        (
            """MERGE WITH SCHEMA EVOLUTION INTO t d USING (SELECT 1 AS id, 'z' AS name) s
            ON d.id = s.id WHEN MATCHED THEN UPDATE SET d.name = s.name
            WHEN NOT MATCHED BY SOURCE THEN UPDATE SET d.name = 'gone'""",
            ALL,
            [(1, "z"), (2, "gone")],
        ),
        (f"MERGE INTO t USING {OTHER_ORDER} ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *", ALL, [(1, "z"), (2, "b"), (3, "c")]),
        ("MERGE WITH SCHEMA EVOLUTION INTO t USING (SELECT 'z' AS name, 1 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *", ALL, [(1, "z"), (2, "b")]),
        (f"MERGE INTO t USING {TWICE} ON t.id = s.id WHEN MATCHED THEN DELETE", ALL, [(2, "b")]),
        (f"MERGE INTO t USING {TWICE} ON t.id = s.id WHEN MATCHED AND name = 'z' THEN UPDATE SET name = s.n", ALL, [(1, "a"), (2, "b")]),
        ("SET spark.sql.shuffle.partitions = 4; SET ansi_mode = true; RESET ansi_mode", "TABLE t", [(1, "a"), (2, "b")]),
        ("SET TIME ZONE 'America/New_York'", "SELECT current_timezone()", [("America/New_York",)]),
        ("REPLACE TABLE t AS SELECT 3 AS id", ALL, [(3,)]),
        ("CREATE MATERIALIZED VIEW v COMMENT 'c' SCHEDULE CRON '0 0 0 * * ?' AT TIME ZONE 'UTC' AS SELECT 1", "SELECT * FROM v", [(1,)]),
        ("CREATE MATERIALIZED VIEW v SCHEDULE REFRESH EVERY 2 HOURS AS SELECT 1", "SELECT * FROM v", [(1,)]),
        ("CREATE MATERIALIZED VIEW v TRIGGER ON UPDATE AT MOST EVERY INTERVAL 1 HOUR AS SELECT 1", "SELECT * FROM v", [(1,)]),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1; DROP MATERIALIZED VIEW IF EXISTS v; CREATE TABLE v AS SELECT 2", "SELECT * FROM v", [(2,)]),
        ("CREATE FUNCTION main.default.f(a STRING) RETURNS STRING RETURN upper(a)", "SELECT main.default.f(name), default.f('q') FROM t WHERE id = 1", [("A", "Q")]),
        ("FSCK REPAIR TABLE t; SET TAG ON TABLE t a = b", COUNT, [(2,)]),
        ("REORG TABLE t APPLY (PURGE); REFRESH TABLE t; UNCACHE TABLE t", COUNT, [(2,)]),
        ("CREATE TABLE main.default.x AS SELECT 1 AS a", "SELECT * FROM x", [(1,)]),
        ("CREATE TABLE lake.default.x AS SELECT 1 AS a; USE CATALOG lake", "SELECT * FROM x", [(1,)]),
    ],
)  # fmt: skip
def test_results_of_databricks(statement: str, query: str, expected: list[tuple[Any, ...]]) -> None:
    assert rows(f"{SETUP} {statement}; {query}") == expected


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (id > 1)",
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (id > 0); INSERT INTO t VALUES (0, 'c')",
    ],
)
def test_check_that_rows_do_not_pass_is_an_error_and_keeps_them(statement: str) -> None:
    rows(SETUP)
    with pytest.raises(Exception, match="CHECK constraint failed"):
        rows(statement)
    assert rows(ALL) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (
            f"MERGE INTO t USING {TWICE} ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.n",
            "Several rows of the source of MERGE match one row of its target",
        ),
        (
            f"""MERGE WITH SCHEMA EVOLUTION INTO t USING {OTHER_ORDER} ON t.id = s.id
            WHEN NOT MATCHED THEN INSERT *""",
            'does not have a column with name "more"',
        ),
    ],
)
def test_merge_that_fails_changes_nothing(statement: str, error: str) -> None:
    rows(SETUP)
    with pytest.raises(Exception, match=error):
        rows(statement)
    assert rows(ALL) == [(1, "a"), (2, "b")]


def test_check_keeps_what_else_is_known_of_a_table() -> None:
    rows(f"CREATE TABLE s.i {IDENTITY}; COMMENT ON COLUMN s.i.x IS 'why'")
    rows("INSERT INTO s.i (x) VALUES (7); ALTER TABLE s.i ADD CONSTRAINT c CHECK (x > 0)")
    rows("INSERT INTO s.i (x) VALUES (8)")
    assert rows("SELECT * FROM s.i ORDER BY id") == [(1, 7), (2, 8)]
    assert rows("DESCRIBE s.i") == [("id", "bigint", None), ("x", "int", "why")]


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("ALTER TABLE t SET LOCATION 's3://x'", "DuckDB keeps the rows of tables in files of its"),
        ("ALTER TABLE c DROP CONSTRAINT k", "DuckDB drops no CHECK of a table. Create the table"),
        ("ALTER TABLE nowhere ADD CONSTRAINT k CHECK (a > 0)", "there is no such table"),
    ],
)
def test_statement_that_cannot_run_is_refused(statement: str, advice: str) -> None:
    rows(f"{SETUP} CREATE TABLE c (a INT, CONSTRAINT k CHECK (a > 0))")
    with pytest.raises(UnsupportedStatement, match=advice):
        rows(statement)


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        (f"CREATE OR REPLACE TABLE i {IDENTITY}", [(1, 9)]),
        (f"DROP TABLE i; CREATE TABLE i {IDENTITY}", [(1, 9)]),
        (f"DROP TABLE i; CREATE TABLE IF NOT EXISTS i {IDENTITY}", [(1, 9)]),
        (f"CREATE TABLE IF NOT EXISTS i {IDENTITY}", [(1, 7), (2, 8), (3, 9)]),
    ],
)
def test_identity_begins_again_with_a_new_table(
    again: str, expected: list[tuple[int, int]]
) -> None:
    rows(f"CREATE TABLE i {IDENTITY}; INSERT INTO i (x) VALUES (7), (8)")
    assert rows(f"{again}; INSERT INTO i (x) VALUES (9); SELECT * FROM i ORDER BY id") == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [("START WITH 0 INCREMENT BY 10", [0, 10]), ("INCREMENT BY -2", [1, -1])],
)
def test_identity_has_numbers_below_one(options: str, expected: list[int]) -> None:
    rows(f"CREATE TABLE i (id BIGINT GENERATED ALWAYS AS IDENTITY ({options}), x INT)")
    found = rows("INSERT INTO i (x) VALUES (7), (8); SELECT id FROM i ORDER BY x")
    assert found == [(each,) for each in expected]
