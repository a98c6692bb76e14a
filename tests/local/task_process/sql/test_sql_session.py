"""State that lasts from one SQL statement to the next: variables, and that of a notebook."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from flask_lakeflow_jobs.local.task_process.sql.run_sql import run_statements
from flask_lakeflow_jobs.local.task_process.sql.sql_session import SqlSession


def rows(text: str, session: SqlSession | None = None) -> list[tuple[Any, ...]]:
    table = run_statements(text, {}, session=session)
    return table.rows if table else []


# Databricks, SQL language reference: DECLARE VARIABLE, SET VARIABLE, EXECUTE IMMEDIATE.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DECLARE VARIABLE x INT DEFAULT 5; SELECT x + 1", [(6,)]),
        ("DECLARE x = 5; DECLARE OR REPLACE x = 6; SELECT X", [(6,)]),
        ("DECLARE x INT; SELECT x", [(None,)]),
        ("DECLARE x INT; SET VAR x = '7'; SELECT x + 1", [(8,)]),
        (
            "DECLARE x INT; SET VARIABLE x = (SELECT max(a) FROM VALUES (3) AS v(a)); SELECT x",
            [(3,)],
        ),
        ("DECLARE x = 5; SELECT session.x, x FROM (SELECT 1 AS x)", [(5, 1)]),
        ("DECLARE x = 5; CREATE TABLE t AS SELECT 1 AS a; SELECT a FROM t WHERE a < x", [(1,)]),
        (
            "DECLARE a INT; DECLARE b STRING; SET VAR (a, b) = (SELECT 1, 'z'); SELECT a, b",
            [(1, "z")],
        ),
        ("DECLARE t = 't'; CREATE TABLE t AS SELECT 1 AS a; SELECT * FROM IDENTIFIER(t)", [(1,)]),
        ("DECLARE q = 'SELECT 42'; EXECUTE IMMEDIATE q", [(42,)]),
        ("EXECUTE IMMEDIATE 'SELECT 1 + ?, \\'?\\', ?' USING 4, 'b'", [(5, "?", "b")]),
        ("EXECUTE IMMEDIATE 'SELECT :a + :b' USING (1 AS a, 2 AS b)", [(3,)]),
        ("DECLARE r INT; EXECUTE IMMEDIATE 'SELECT 1 + ?' INTO r USING 4; SELECT r", [(5,)]),
        ("DROP TEMPORARY VARIABLE IF EXISTS x; SELECT 1", [(1,)]),
    ],
)
def test_variables(text: str, expected: list[tuple[Any, ...]]) -> None:
    assert rows(text) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("DECLARE x INT; DECLARE x INT", r"x already exists\. Write DECLARE OR REPLACE\."),
        ("SET VAR x = 1", r"There is no variable x\. Declare it first: DECLARE x = …"),
        ("DROP TEMPORARY VARIABLE x", r"There is no variable x\."),
        ("DECLARE x = 1; DROP TEMPORARY VARIABLE x; SELECT x", 'Referenced column "x"'),
        ("DECLARE x = 1; SELECT y", 'Referenced column "y"'),
        ("EXECUTE IMMEDIATE 'SELECT ?'", "needs more than 0 values after USING"),
    ],
)
def test_variable_that_is_missing_is_an_error(text: str, error: str) -> None:
    with pytest.raises(Exception, match=error):
        rows(text)


def test_cells_of_a_notebook_share_views_functions_variables_and_the_schema() -> None:
    session = SqlSession()
    rows("USE CATALOG lake; USE SCHEMA daily; CREATE TABLE days AS SELECT 1 AS n", session)
    rows(
        "CREATE TEMP VIEW v AS SELECT n + 1 AS n FROM days; DECLARE x DATE = '2025-01-02'", session
    )
    rows("CREATE TEMPORARY FUNCTION twice(n INT) RETURNS INT RETURN n * 2", session)
    query = "SELECT twice(n), day(x), current_catalog(), current_schema() FROM v"
    assert rows(query, session) == [(4, 2, "lake", "daily")]
    with pytest.raises(Exception, match="Table with name v does not exist"):
        rows("SELECT * FROM v", SqlSession())
