"""Queries of Databricks that Sail refuses, written with what it takes."""

# ruff: noqa: E501  # lines of SQL

from __future__ import annotations

import pytest
from sqlglot import exp

from flask_lakeflow_jobs.local.task_process.spark.statements.sql_queries import (
    filter_laterals,
    name_dates,
    replace_unpivots,
    rewrite_queries,
)
from flask_lakeflow_jobs.local.task_process.sql.databricks_sql import (
    DatabricksDialect,
    parse_one,
    write_sql,
)

#: The columns of each table.
COLUMNS = {
    "t": {"id": "int", "name": "string", "v": "struct<value:binary,metadata:binary>"},
    "u": {"id": "int", "n": "bigint"},
}


def describe(query: str) -> dict[str, str]:
    """Return the columns of a query that reads ``t`` alone, or of the table that it names."""
    tables = [each for each in COLUMNS if f"FROM {each}" in query or f"JOIN {each}" in query]
    named = [
        each for each in tables if f"SELECT `{each}`.*" in query or f"SELECT {each}.*" in query
    ]
    return COLUMNS[(named or tables)[0]] | ({"rn": "int"} if "AS rn" in query else {})


def rewrite(query: str) -> str:
    return write_sql(rewrite_queries(parse_one(query, DatabricksDialect), describe))


@pytest.mark.parametrize(
    "query",
    [
        "WITH a AS (SELECT v:x AS x FROM t), b AS (SELECT v:y AS y FROM t) SELECT v:z FROM a, b",
        "SELECT t.v:x FROM t JOIN u ON t.v:x = u.v:x",
        "SELECT v:x FROM t LATERAL VIEW explode(v:y::array<int>) e AS y",
    ],
)
def test_columns_are_described_by_queries_without_paths(query: str) -> None:
    """Sail reads no path: one in a named query or in a join is written before, or left out."""
    described: list[str] = []

    def describe_each(text: str) -> dict[str, str]:
        described.append(text)
        return describe(text)

    rewrite_queries(parse_one(query, DatabricksDialect), describe_each)
    assert described
    assert [each for each in described if ":" in each] == []


@pytest.mark.parametrize(
    ("query", "rewritten"),
    [
        ("SELECT * EXCEPT (v) FROM t", "SELECT `id`, `name` FROM t"),
        (
            "SELECT t.* EXCEPT (ID, v), n FROM t JOIN u ON t.id = u.id",
            "SELECT t.`name`, n FROM t JOIN u ON t.id = u.id",
        ),
        (
            "SELECT * EXCEPT (v) FROM t JOIN u ON t.id = u.id",
            "SELECT `t`.`id`, `t`.`name`, `u`.`id`, `u`.`n` FROM t JOIN u ON t.id = u.id",
        ),
        (
            "WITH r AS (SELECT *, row_number() OVER (ORDER BY id) AS rn FROM t) SELECT * EXCEPT (rn, v) FROM r",
            "WITH r AS (SELECT *, row_number() OVER (ORDER BY id) AS rn FROM t) SELECT `id`, `name` FROM r",
        ),
        (
            "SELECT 7 AS n, (SELECT max(n) FROM u) FROM t GROUP BY ALL",
            "SELECT 7 AS n, (SELECT max(n) FROM u) FROM t GROUP BY 1",
        ),
        ("SELECT name, sum(id) FROM t GROUP BY ALL", "SELECT name, sum(id) FROM t GROUP BY 1"),
        ("SELECT sum(id) FROM t GROUP BY ALL", "SELECT sum(id) FROM t"),
        ("SELECT id, name FROM t ORDER BY ALL", "SELECT id, name FROM t ORDER BY 1, 2"),
        ("SELECT id + 1 AS a, a * 2 AS b FROM t", "SELECT id + 1 AS a, (id + 1) * 2 AS b FROM t"),
        ("SELECT 1 AS id, id + 1 AS b FROM t", "SELECT 1 AS id, id + 1 AS b FROM t"),
        ("SELECT 1 AS a, a + 1 AS b", "SELECT 1 AS a, (1) + 1 AS b"),
        ("SELECT name:a.b[0] FROM t", "SELECT get_json_object(name, '$.a.b[0]') AS `b` FROM t"),
        (
            "SELECT lower(name):a[0]:b:c FROM t",
            "SELECT get_json_object(LOWER(name), '$.a[0].b.c') AS `c` FROM t",
        ),
        (
            "SELECT 1 FROM t JOIN u ON t.name:a = u.n LATERAL VIEW explode(from_json(name:b, 'array<int>')) AS e",
            "SELECT 1 FROM t JOIN u ON get_json_object(t.name, '$.a') = u.n LATERAL VIEW explode(from_json(get_json_object(name, '$.b'), 'array<int>')) AS e",
        ),
        (
            "SELECT v:a::int AS a FROM t",
            "SELECT coalesce(variant_get(v, '$.a', 'int'), CAST(variant_get(v, '$.a', 'string') AS INT)) AS a FROM t",
        ),
        (
            "SELECT * FROM t PIVOT (sum(id) FOR name IN ('a' AS a))",
            "SELECT * FROM t PIVOT(sum(id) FOR (name) IN ('a' AS a))",
        ),
        (
            "SELECT x.a FROM (SELECT * FROM t) AS x PIVOT (sum(X.id) FOR x.name IN ('a'))",
            "SELECT x.a FROM (SELECT * FROM (SELECT * FROM t) PIVOT(sum(id) FOR (name) IN ('a'))) AS x",
        ),
        (
            "SELECT * FROM t AS x PIVOT (sum(id) FOR name IN ('a')) AS y",
            "SELECT * FROM (SELECT * FROM t PIVOT(sum(id) FOR (name) IN ('a'))) AS y",
        ),
        ("SELECT iff(id > 1, 1, 2)", "SELECT IF(id > 1, 1, 2)"),
        ("SELECT try_add(n, 1) * try_multiply(v, 2)", "SELECT ((n) + (1)) * ((v) * (2))"),
    ],
)
def test_query_is_written_with_what_sail_takes(query: str, rewritten: str) -> None:
    assert rewrite(query).lower() == rewritten.lower()


def test_qualify_filters_in_an_outer_query_which_keeps_the_order() -> None:
    query = "SELECT id, row_number() OVER (ORDER BY id) AS rn FROM t QUALIFY rn < 3 ORDER BY id"
    assert (
        rewrite(query)
        .lower()
        .endswith(
            "FROM (SELECT id, row_number() OVER (ORDER BY id) AS rn, (row_number() OVER (ORDER BY id)) < 3 AS lakeflow_qualifies FROM t) AS qualified WHERE lakeflow_qualifies ORDER BY id".lower()
        )
    )


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM t",
        "SELECT id FROM t EXCEPT SELECT id FROM u",
        "SELECT transform(array(1), x -> x + 1) FROM t",
        "SELECT name AS a, count(*) AS c FROM t GROUP BY name ORDER BY c DESC",
    ],
)
def test_other_queries_stay(query: str) -> None:
    assert rewrite(query) == write_sql(parse_one(query, DatabricksDialect))


@pytest.mark.parametrize(
    ("query", "filtered"),
    [
        (
            "SELECT x FROM t, LATERAL explode(t.v) AS a(x) WHERE x > 1 OR id = 2",
            "SELECT x FROM t CROSS JOIN LATERAL explode(t.v) AS a(x) WHERE (x > 1 OR id = 2) AND size(t.v) > 0",
        ),
        (
            "SELECT x FROM t JOIN LATERAL inline(v) AS a",
            "SELECT x FROM t CROSS JOIN LATERAL inline(v) AS a WHERE size(v) > 0",
        ),
        ("SELECT x FROM t LEFT JOIN LATERAL explode(v) AS a(x) ON TRUE",) * 2,
        ("SELECT x FROM t CROSS JOIN LATERAL (SELECT 1 AS x) AS a",) * 2,
    ],
)
def test_joins_leave_out_the_rows_of_empty_arrays(query: str, filtered: str) -> None:
    tree = parse_one(query, DatabricksDialect)
    filter_laterals(tree.assert_is(exp.Select))
    assert write_sql(tree) == filtered


def test_columns_that_are_cast_to_dates_keep_their_names() -> None:
    query = (
        "SELECT CAST(t.a AS DATE){}, b::DATE{}, CAST(c AS DATE) AS d, try_cast(e AS DATE) FROM t"
    )
    tree = parse_one(query.format("", ""), DatabricksDialect)
    name_dates(tree.assert_is(exp.Select))
    named = parse_one(query.format(" AS `a`", " AS `b`"), DatabricksDialect)
    assert write_sql(tree) == write_sql(named)


def test_an_array_with_the_name_of_its_elements_is_refused() -> None:
    tree = parse_one("SELECT v FROM t, LATERAL explode(v) AS a(v)", DatabricksDialect)
    with pytest.raises(NotImplementedError, match="another name"):
        filter_laterals(tree.assert_is(exp.Select))


def test_rows_are_filtered_after_views_of_arrays() -> None:
    query = "SELECT x FROM t LATERAL VIEW explode(v) AS x LATERAL VIEW OUTER explode(w) b AS y WHERE x = y"
    assert rewrite(query) == (
        "SELECT x FROM t CROSS JOIN LATERAL explode(v) AS lateral_0(x) CROSS JOIN LATERAL explode(w) AS b(y) "
        "WHERE x = y AND size(v) > 0"
    )
    assert rewrite("SELECT x FROM t LATERAL VIEW explode(v) a AS x") == (
        "SELECT x FROM t LATERAL VIEW explode(v) a AS x"
    )


@pytest.mark.parametrize(
    "query",
    [
        "SELECT sum(x), myFunction(x), datediff(a, b), datediff(DAY, a, b) FROM t",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x DESC) FROM t",
        "SELECT element_at(a, n), try_element_at(a, n), a[n] FROM t",
    ],
)
def test_query_that_is_parsed_and_written_stays_the_same(query: str) -> None:
    assert write_sql(parse_one(query, DatabricksDialect)) == query


@pytest.mark.parametrize(
    ("query", "written"),
    [
        (
            "SELECT x FROM t AS s UNPIVOT (x FOR y IN (a, b AS `c`)) AS u",
            "SELECT x FROM (SELECT * EXCEPT (a, b, lakeflow_place, x), get(array('a', 'c'), lakeflow_place) AS y, x FROM t AS s LATERAL VIEW posexplode(array(a, b)) lakeflow_values AS lakeflow_place, x WHERE NOT x IS NULL) AS u",
        ),
        (
            "SELECT x FROM (SELECT 1 AS a) AS s UNPIVOT INCLUDE NULLS (x FOR y IN (a))",
            "SELECT x FROM (SELECT * EXCEPT (a, lakeflow_place, x), get(array('a'), lakeflow_place) AS y, x FROM (SELECT 1 AS a) AS s LATERAL VIEW posexplode(array(a)) lakeflow_values AS lakeflow_place, x) AS s",
        ),
    ],
)
def test_unpivot_is_a_query_of_values_and_their_names(query: str, written: str) -> None:
    assert write_sql(replace_unpivots(parse_one(query, DatabricksDialect))) == written


def test_unpivot_of_several_values_is_refused() -> None:
    query = "SELECT * FROM t UNPIVOT ((x, y) FOR z IN ((a, b), (b, a)))"
    with pytest.raises(NotImplementedError, match="Write a SELECT for each name"):
        replace_unpivots(parse_one(query, DatabricksDialect))


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("SELECT n FROM u DISTRIBUTE BY id SORT BY n", "SELECT n FROM u SORT BY n"),
        ("SELECT n FROM u CLUSTER BY id", "SELECT n FROM u SORT BY id"),
    ],
)
def test_rows_are_in_no_parts(query: str, written: str) -> None:
    assert rewrite(query) == written
