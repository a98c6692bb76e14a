"""Names of columns without an alias, as Spark 4.1 gives them."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.sql.sql_translation import parse, translate


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("count(*)", "count(1)"),
        ("MAX(t.id)", "max(id)"),
        ("count(DISTINCT id, n)", "count(DISTINCT id, n)"),
        ("id + 1 * 2", "(id + (1 * 2))"),
        ("id + 1 + 2 + n % 2", "(((id + 1) + 2) + (n % 2))"),
        ("(id + 1) * 2", "((id + 1) * 2)"),
        ("-sum(id)", "(- sum(id))"),
        ("upper('a')", "upper(a)"),
        ("CAST(t.id AS STRING)", "id"),
        ("CAST(sum(id) AS DOUBLE)", "CAST(sum(id) AS DOUBLE)"),
        ("year(current_date)", "year(current_date())"),
        ("round(avg(id), 2)", "round(avg(id), 2)"),
        ("CASE WHEN id > 1 THEN 'x' END", "CASE WHEN (id > 1) THEN x END"),
        ("'a' || n || 'b'", "concat(a, n, b)"),
        ("NOT b OR id = 1 AND b", "((NOT b) OR ((id = 1) AND b))"),
        ("current_user()", "current_user()"),
        ("datediff(max(d), min(d))", "datediff(max(d), min(d))"),
        ("ceil(x) - floor(-1.5) + sqrt(TRUE)", "((CEIL(x) - FLOOR(-1.5)) + SQRT(true))"),
        ("own(id)", "own(id)"),
    ],
)
def test_column_without_alias_has_the_name_of_spark(expression: str, name: str) -> None:
    (translated,) = translate(parse(f"SELECT {expression} FROM t"))  # noqa: S608
    assert translated.partition(" FROM t")[0].endswith(f' AS "{name}"'), translated


@pytest.mark.parametrize("expression", ["id", "*", "1 AS a", "explode(array(1))", ":p"])
def test_column_with_a_name_of_its_own_keeps_it(expression: str) -> None:
    (translated,) = translate(parse(f"SELECT {expression}"))
    assert ' AS "' not in translated


def test_query_around_one_reads_its_column_by_the_name() -> None:
    query = "SELECT `count(1)` FROM (SELECT count(*) FROM t)"
    (translated,) = translate(parse(query))
    assert translated == 'SELECT "count(1)" FROM (SELECT COUNT(*) AS "count(1)" FROM t)'
