"""Statements whose names of tables are in lower case, and whose stars leave columns out."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.spark.language.sql_names import (
    hide_metadata,
    lower_in_sql,
)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT A FROM Main.S.T O, U JOIN `V` ON A", "SELECT A from main.s.t o, u join `v` ON A"),
        ("SELECT 'FROM T' FROM T -- FROM T", "SELECT 'FROM T' from t -- FROM T"),
        ("SELECT T.*, U.A FROM T, (SELECT B) U", "SELECT t.*, U.A from t, (SELECT B) U"),
        ("SELECT u.*, A FROM (SELECT B) U", "SELECT u.*, A FROM (SELECT B) u"),
        ("SELECT U.*, A FROM (SELECT B) U", "SELECT U.*, A FROM (SELECT B) U"),
        ("WITH T AS (SELECT 1) SELECT A FROM T", "with t AS (SELECT 1) SELECT A from t"),
        ("SELECT A IS DISTINCT FROM B, C FROM T", "SELECT A IS DISTINCT FROM B, C from t"),
        ("SELECT A FROM delta.`/Volumes/A`", "SELECT A from delta.`/Volumes/A`"),
        ("INSERT INTO TABLE T (A) VALUES ('B')", "INSERT into table t (a) VALUES ('B')"),
        ("MERGE INTO T USING U ON T.A = U.A", "MERGE into t using u ON T.A = U.A"),
        ("CREATE TABLE IF NOT EXISTS T (A INT)", "CREATE table if not exists t (A INT)"),
        ("ALTER TABLE T RENAME TO U", "ALTER table t rename to u"),
        ("ALTER TABLE T RENAME COLUMN A TO B", "ALTER table t RENAME COLUMN A TO B"),
        ("SHOW TABLES IN S LIKE 'T*'", "show tables in s like 't*'"),
    ],
)
def test_names_of_tables_are_in_lower_case(statement: str, expected: str) -> None:
    assert lower_in_sql(statement) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT A FROM Dev.T, x.u JOIN dev.S.v", "SELECT A from main.dev.t, x.u join dev.s.v"),
        ("SELECT A FROM dev JOIN `dev`.t", "SELECT A from dev join main.`dev`.t"),
        ("MERGE INTO dev.t USING dev.u", "MERGE into main.dev.t using main.dev.u"),
        ("SELECT extract(DAY FROM dev.a) FROM dev", "SELECT extract(DAY from dev.a) from dev"),
        ("CREATE SCHEMA IF NOT EXISTS dev", "CREATE schema if not exists main.dev"),
        ("DROP SCHEMA main.dev CASCADE", "DROP schema main.dev CASCADE"),
        ("CREATE TABLE dev.t (dev INT)", "CREATE table main.dev.t (dev INT)"),
        ("CREATE CATALOG dev", "CREATE catalog dev"),
        ("USE CATALOG dev", "use catalog dev"),
        ("USE SCHEMA dev", "use schema dev"),
        ("SHOW TABLES IN dev LIKE 't'", "show tables in main.dev like 't'"),
        ("SHOW TABLES IN main.dev", "show tables in main.dev"),
        ("SHOW SCHEMAS IN dev", "show schemas in dev"),
    ],
)
def test_schema_named_like_a_catalog_is_one_of_the_current_catalog(
    statement: str, expected: str
) -> None:
    def prefix(schema: str) -> str:
        return "main." if schema == "dev" else ""

    assert lower_in_sql(statement, prefix) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT *, _metadata.f FROM v", "SELECT * EXCEPT (_metadata), _metadata.f FROM v"),
        ("SELECT a * 2, count(*), '*', * FROM STREAM(v)", None),
        (
            "SELECT * FROM (SELECT (SELECT 1) AS n, * FROM STREAM v) WHERE n IN (SELECT * FROM u)",
            None,
        ),
        ("SELECT * EXCEPT (a) FROM v", "SELECT * EXCEPT (_metadata, a) FROM v"),
    ],
)
def test_metadata_of_files_is_no_column_of_the_query(query: str, expected: str | None) -> None:
    expected = expected or query.replace(", * FROM", ", * EXCEPT (_metadata) FROM")
    assert hide_metadata(query.replace(" v", " v_1").replace("(v", "(v_1"), "v_1") == (
        expected.replace(" v", " v_1").replace("(v", "(v_1")
    )
