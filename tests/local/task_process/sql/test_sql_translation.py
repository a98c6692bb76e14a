"""SQL of Databricks as SQL of DuckDB."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from flask_lakeflow_jobs.local.task_process.sql.sql_advice import UnsupportedStatement
from flask_lakeflow_jobs.local.task_process.sql.sql_translation import (
    parse,
    skipped_name,
    translate,
)

SOURCE = "CREATE OR REPLACE TEMPORARY TABLE lakeflow_source AS SELECT * FROM t"
INSERT = "INSERT INTO t SELECT * FROM lakeflow_source"
DROP = "DROP TABLE lakeflow_source"
BIGINT = "MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807"


@pytest.mark.parametrize(
    ("databricks", "duckdb"),
    [
        ("SELECT :day", "SELECT $day"),
        ("SELECT $day", "SELECT $day"),
        ("SELECT ':day', \":day\" -- :day", "SELECT ':day', ':day'"),
        ("SELECT 'it''s :day' /* {{day}} */", "SELECT 'it''s :day'"),
        (r"SELECT 'it\'s', \"a\"\"b\"".replace('\\"', '"'), "SELECT 'it''s', 'a\"b'"),
        (
            "SELECT x::int AS y, a:c.b",
            """SELECT LAKEFLOW_INT(x) AS y, TRY(a ->> '$.c.b') AS "b\"""",
        ),
        ("SELECT `my column`", 'SELECT "my column"'),
        (
            "SELECT current_date() AS d, Current_Timestamp ( ) AS t",
            "SELECT CURRENT_DATE AS d, CURRENT_TIMESTAMP AS t",
        ),
        (
            "SELECT date_add(d, 1) AS e",
            "SELECT CAST(CAST(d AS DATE) + INTERVAL 1 DAY AS DATE) AS e",
        ),
        ("SELECT CAST(d AS TIMESTAMP) AS e", "SELECT LAKEFLOW_TIMESTAMP(d) AS e"),
        (
            "SELECT CAST('2024-01-02' AS TIMESTAMP) AS t",
            "SELECT CAST('2024-01-02' AS TIMESTAMP) AS t",
        ),
        ("SELECT id FROM range(3)", "SELECT id FROM RANGE(3) AS range(id)"),
        ("SELECT r.id FROM range(3) r", "SELECT r.id FROM RANGE(3) AS r(id)"),
        ("SELECT range FROM range(3)", "SELECT range FROM RANGE(3)"),
        ("SELECT * FROM main.sales.days", "SELECT * FROM warehouse.sales.days"),
        ('SELECT * FROM "main".sales.days', "SELECT * FROM warehouse.sales.days"),
        ("SELECT * FROM main.days", "SELECT * FROM main.days"),
        ("CREATE SCHEMA IF NOT EXISTS main.sales", "CREATE SCHEMA IF NOT EXISTS warehouse.sales"),
        ("CREATE DATABASE s MANAGED LOCATION 'x'", "CREATE SCHEMA s"),
        ("CREATE /* a */ SCHEMA `a b` COMMENT 'x'", 'CREATE SCHEMA "a b"'),
        ("SELECT ' DEEP CLONE ' AS a", "SELECT ' DEEP CLONE ' AS a"),
        ("DROP SCHEMA main.sales", "DROP SCHEMA warehouse.sales"),
        ("SELECT 'main.a.b' -- main.a.b", "SELECT 'main.a.b'"),
        ("SELECT domain.a.b", "SELECT domain.a.b"),
        (
            "CREATE OR REFRESH MATERIALIZED VIEW v AS SELECT 1",
            "CREATE OR REPLACE VIEW v AS SELECT 1",
        ),
        (
            "CREATE TABLE t (a INT PRIMARY KEY, b INT NOT NULL)",
            "CREATE TABLE t (a INT, b INT NOT NULL)",
        ),
        (
            "CREATE TABLE t (a INT CONSTRAINT k PRIMARY KEY, b INT CONSTRAINT f REFERENCES s)",
            "CREATE TABLE t (a INT, b INT)",
        ),
        (
            "CREATE TABLE t (a INT, PRIMARY KEY (a), CONSTRAINT f FOREIGN KEY (a) REFERENCES s(b))",
            "CREATE TABLE t (a INT)",
        ),
        (
            "SELECT j:c:d, j:a AS e",
            """SELECT TRY(TRY(j ->> '$.c') ->> '$.d') AS "d", TRY(j ->> '$.a') AS e""",
        ),
    ],
)
def test_translate_returns_one_statement(databricks: str, duckdb: str) -> None:
    assert translate(parse(databricks)) == [duckdb]


@pytest.mark.parametrize(
    ("databricks", "duckdb"),
    [
        ("INSERT OVERWRITE t SELECT * FROM t", [SOURCE, "DELETE FROM t", INSERT, DROP]),
        (
            "INSERT INTO t REPLACE WHERE a = :a SELECT * FROM t",
            [SOURCE, "DELETE FROM t WHERE a = $a", INSERT, DROP],
        ),
        (
            "CREATE TABLE s.t (n INT GENERATED ALWAYS AS IDENTITY (START WITH 5))",
            [
                f'CREATE SEQUENCE IF NOT EXISTS "s"."t_n_sequence" {BIGINT} START 5',
                'CREATE TABLE s.t (n INT DEFAULT NEXTVAL(\'"s"."t_n_sequence"\'))',
            ],
        ),
    ],
)
def test_translate_returns_several_statements_for_one(databricks: str, duckdb: list[str]) -> None:
    assert translate(parse(databricks)) == duckdb


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("OPTIMIZE t ZORDER BY (a)", True),
        ("GRANT SELECT ON TABLE t TO `x`", True),
        ("REVOKE SELECT ON TABLE t FROM `x`", True),
        ("ANALYZE TABLE t COMPUTE STATISTICS", True),
        ("VACUUM t RETAIN 1 HOURS", True),
        ("COMMENT ON SCHEMA main.a IS 'x'", True),
        ("COMMENT ON COLUMN a.b IS 'x'", False),
        ("ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)", False),
        ("ALTER TABLE t SET LOCATION 'x'", False),
        ("ALTER SCHEMA a OWNER TO `x`", True),
        ("ALTER TABLE t\nSET /* all */ TAGS ('a' = 'b')", True),
        ("ALTER TABLE t ALTER COLUMN a COMMENT 'set owner to'", False),
        ("ALTER TABLE t SET TBLPROPERTIES ('a' = 'b')", True),
        ("ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (a)", True),
        ("CACHE TABLE t", True),
        ("CACHE TABLE t AS SELECT 1", False),
        ("CACHE LAZY TABLE t SELECT 1", False),
        ("CACHE SELECT a FROM t", True),
        ("ALTER TABLE t ADD COLUMNS (a INT)", False),
        ("SELECT 1", False),
    ],
)
def test_statement_that_changes_no_result_is_skipped(statement: str, expected: bool) -> None:
    assert bool(skipped_name(statement, parse(statement))) is expected


def test_parse_drops_a_comment_behind_the_statement() -> None:
    assert translate(parse("SELECT 1; -- the end")) == ["SELECT 1"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELEC 1", r"The statement: SELEC 1 \(.*near '1'\)$"),
        ("SELECT 1; SELECT 2", r"\(There are 2 statements in place of one\)$"),
        ("-- nothing", r"\(There are 0 statements in place of one\)$"),
    ],
)
def test_parse_of_no_statement_is_an_error_with_advice(text: str, error: str) -> None:
    with pytest.raises(UnsupportedStatement, match=error):
        parse(text)


def test_dialect_of_duckdb_is_complete_before_threads_translate() -> None:
    """A thread that found it half loaded left functions such as TS_OR_DS_ADD in the code."""
    code = f"import sys, {translate.__module__}; assert 'sqlglot.dialects.duckdb' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
