"""Names of columns that are calls: as Spark 4.2 gives them."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.spark.language.column_names import (
    change_columns,
    name_call,
)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("datediff( max(d),min(t.d) )", "datediff(max(d), min(d))"),
        ("COUNT(*)", "count(1)"),
        ("f('x,y', `q w`, 1.5, null, true)", "f(x,y, q w, 1.5, NULL, true)"),
        ("f()", "f()"),
        ("map('a', 1)['a']", "map(a, 1)[a]"),
    ],
)
def test_call_has_the_name_that_spark_gives_it(column: str, name: str) -> None:
    assert name_call(column) == name


@pytest.mark.parametrize(
    "column",
    [
        *("a", "1", "'x'", "(a)", "f(a) b", "f(a) AS b", "f(a) + 1", "f(-1)", "sum(DISTINCT a)"),
        *("cast(a AS int)", "max(a) OVER (x)", "f(a).b", "f(a)::int", "f(t.*)", "f(x -> x)"),
        *("f(date'2024-01-01')", "explode(map(a, b))", "f('`')", ""),
    ],
)
def test_column_that_is_no_plain_call_keeps_the_name_of_sail(column: str) -> None:
    assert name_call(column) is None


@pytest.mark.parametrize(
    ("query", "changed"),
    [
        ("SELECT f(a), f(b) AS c, a FROM t", "SELECT g(a) AS `f(a)` , g(b) AS c, a FROM t"),
        ("select distinct f(a);", "select distinct g(a) AS `f(a)` ;"),
        (
            "SELECT f(a) IS DISTINCT FROM 3, (SELECT f(a) FROM u) FROM t WHERE f(a)",
            "SELECT g(a) IS DISTINCT FROM 3, (SELECT g(a) FROM u) FROM t WHERE g(a)",
        ),
        (
            "WITH q AS (SELECT f(a)) SELECT f(a) FROM q",
            "WITH q AS (SELECT g(a)) SELECT g(a) FROM q",
        ),
        ("INSERT INTO t SELECT f(a)", "INSERT INTO t SELECT g(a)"),
        (
            "SELECT f(a) FROM t GROUP BY 1 ORDER BY 1",
            "SELECT g(a) AS `f(a)` FROM t GROUP BY 1 ORDER BY 1",
        ),
        (
            "SELECT f(a) FROM t GROUP BY 1 ORDER BY f(a)",
            "SELECT g(a) FROM t GROUP BY 1 ORDER BY g(a)",
        ),
        ("SELECT f('FROM, x'), [f(a), f(b)]", "SELECT g('FROM, x') AS `f(FROM, x)` , [g(a), g(b)]"),
    ],
)
def test_changed_calls_of_a_query_keep_their_names(query: str, changed: str) -> None:
    assert change_columns(query, lambda text: text.replace("f(", "g(")) == changed
