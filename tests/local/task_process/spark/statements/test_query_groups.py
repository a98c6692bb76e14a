"""Groups of queries whose keys or aggregates Sail loses."""

# ruff: noqa: E501  # lines of SQL

from __future__ import annotations

import re

import pytest
from sqlglot import exp

from flask_lakeflow_jobs.local.task_process.spark.statements.query_groups import (
    lift_aggregates,
    name_groups,
    name_repeated_keys,
    order_by_stars,
)
from flask_lakeflow_jobs.local.task_process.sql.databricks_sql import (
    DatabricksDialect,
    parse_one,
    write_sql,
)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("SELECT f(id) AS a, sum(sum(n)) OVER (ORDER BY f(id)) FROM u GROUP BY ALL", "f(id)"),
        ("SELECT f(id), n, rank() OVER (ORDER BY f(id)) FROM u GROUP BY 1, n", "f(id), n"),
        ("SELECT id, rank() OVER (ORDER BY id) FROM u GROUP BY 7", "7"),
        ("SELECT f(id), sum(n) FROM u GROUP BY 1", "1"),
        ("SELECT id, rank() OVER (ORDER BY id) FROM u GROUP BY id", "id"),
        ("SELECT window(t, '1 day') AS W, id AS i FROM u GROUP BY w, 2", "window(t, '1 day'), id"),
        ("SELECT window(t, '1 day') AS t FROM u GROUP BY t", "t"),
    ],
)
def test_keys_of_groups_with_windows_are_expressions(query: str, named: str) -> None:
    tree = parse_one(query, DatabricksDialect)
    assert isinstance(tree, exp.Select)
    name_groups(tree)
    assert write_sql(tree).endswith(f" GROUP BY {named}")


@pytest.mark.parametrize(
    ("query", "lifted"),
    [
        (
            "SELECT id, count(n) AS c FROM u GROUP BY id ORDER BY count(n) DESC, c, 1, upper(id) LIMIT 3",
            "SELECT `id`, `c` FROM (SELECT id, count(n) AS c, count(n) AS lakeflow_group_0, upper(id) AS lakeflow_group_1 FROM u GROUP BY id) AS grouped ORDER BY lakeflow_group_0 DESC, c, 1, lakeflow_group_1 LIMIT 3",
        ),
        (
            "SELECT u.id FROM u GROUP BY u.id ORDER BY u.id, max(n)",
            "SELECT `id` FROM (SELECT u.id, u.id AS lakeflow_group_0, max(n) AS lakeflow_group_1 FROM u GROUP BY u.id) AS grouped ORDER BY lakeflow_group_0, lakeflow_group_1",
        ),
        (
            "SELECT id, sum(n) AS n FROM u GROUP BY id HAVING max(n) > 0 AND n < 9",
            "SELECT `id`, `n` FROM (SELECT id, sum(n) AS n, max(n) > 0 AND (sum(n)) < 9 AS lakeflow_group_0 FROM u GROUP BY id) AS grouped WHERE lakeflow_group_0",
        ),
        (
            "SELECT 1 FROM (SELECT id FROM u GROUP BY id ORDER BY max(n) LIMIT 1)",
            "SELECT 1 FROM (SELECT `id` FROM (SELECT id, max(n) AS lakeflow_group_0 FROM u GROUP BY id) AS grouped ORDER BY lakeflow_group_0 LIMIT 1)",
        ),
        (
            "SELECT id, count(id) FROM u GROUP BY id ORDER BY count(id)",
            "SELECT `id` FROM (SELECT id, count(id), count(id) AS lakeflow_group_0 FROM u GROUP BY id) AS grouped ORDER BY lakeflow_group_0",
        ),
        ("SELECT id, sum(n) FROM u GROUP BY id HAVING sum(n) > 0 ORDER BY sum(n)", None),
        ("SELECT id, sum(n) AS s FROM u GROUP BY id HAVING sum(n) > 0 ORDER BY s", None),
    ],
)
def test_aggregates_that_sail_loses_are_columns_of_an_inner_query(
    query: str, lifted: str | None
) -> None:
    def describe(probe: str) -> dict[str, str]:
        return dict.fromkeys(["id", *re.findall(r" AS (c|n|lakeflow_group_\d)\b", probe)], "int")

    tree = parse_one(query, DatabricksDialect)
    assert write_sql(lift_aggregates(tree, describe)).lower() == (lifted or query).lower()


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("SELECT * FROM t ORDER BY ALL DESC", "1 DESC, 2 DESC, 3 DESC"),
        ("SELECT u.*, 1 AS x FROM u ORDER BY ALL LIMIT 1", "1, 2, 3 LIMIT 1"),
        ("SELECT a FROM t ORDER BY ALL", "ALL"),
        ("SELECT * FROM t ORDER BY a", "a"),
    ],
)
def test_order_by_all_takes_each_column_of_a_star(query: str, order: str) -> None:
    tree = parse_one(query, DatabricksDialect)
    order_by_stars(tree, lambda _: dict.fromkeys("abc", "int"))
    assert write_sql(tree).partition(" ORDER BY ")[2] == order


@pytest.mark.parametrize(
    ("query", "end"),
    [
        ("SELECT f(a) AS x, count(*) FROM t GROUP BY 1 ORDER BY f(a) DESC", "ORDER BY x DESC"),
        ("SELECT f(a) AS x FROM t GROUP BY x HAVING f(a) > 1", "HAVING x > 1"),
        ("SELECT a + 1 AS x FROM t GROUP BY ALL ORDER BY (a + 1) * 2", "ORDER BY (x) * 2"),
        ("SELECT f(a) AS a FROM t GROUP BY 1 ORDER BY f(a)", "ORDER BY f(a)"),
        ("SELECT f(x) AS y FROM t GROUP BY y ORDER BY max(f(x))", "ORDER BY max(f(x))"),
        ("SELECT sum(x) AS y FROM t GROUP BY a ORDER BY sum(x)", "ORDER BY sum(x)"),
        ("SELECT f(a) AS x FROM t ORDER BY f(a)", "ORDER BY f(a)"),
    ],
)
def test_key_of_groups_is_sorted_and_filtered_by_its_alias(query: str, end: str) -> None:
    tree = parse_one(query, DatabricksDialect)
    assert isinstance(tree, exp.Select)
    name_repeated_keys(tree)
    assert write_sql(tree).endswith(f" {end}")


@pytest.mark.parametrize(
    ("query", "lifted"),
    [
        (
            "SELECT explode(sequence(min(a), max(a))) AS x FROM t WHERE a > 1",
            "SELECT explode(lakeflow_rows) AS x FROM (SELECT sequence(min(a), max(a)) AS lakeflow_rows FROM t WHERE a > 1) AS grouped",
        ),
        ("SELECT explode(sequence(1, a)) AS x FROM t", None),
        ("SELECT max(a) AS x FROM t", None),
    ],
)
def test_aggregate_is_exploded_by_an_outer_query(query: str, lifted: str | None) -> None:
    tree = lift_aggregates(parse_one(query, DatabricksDialect), lambda _: {"a": "int"})
    assert write_sql(tree) == (lifted or query)
