"""Queries in the SQL of Databricks, with the results expected of it: those of ``queries.sql``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from flask_lakeflow_jobs.local.task_process.result_types import (
    describe_column,
    simple_type,
    to_text,
)
from flask_lakeflow_jobs.local.task_process.sql.catalogs import Warehouse
from flask_lakeflow_jobs.local.task_process.sql.run_sql import run_statement


def read_queries() -> list[tuple[str, str]]:
    """Read the queries and the lines with their results."""
    lines = Path(__file__).with_name("queries.sql").read_text().splitlines()
    return [
        (query.removesuffix(";"), result.removeprefix("-- "))
        for query, result in pairwise(lines)
        if query.endswith(";") and not query.startswith("--")
    ]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A connection to a warehouse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEFLOW_LOCAL_DATA", str(tmp_path_factory.mktemp("warehouse")))
        patch.setenv("LAKEFLOW_LOCAL_USER", "me@example.com")
        database = Warehouse()
        yield database
        database.close()


@pytest.mark.parametrize(("query", "expected"), read_queries())
def test_query_has_the_result_of_databricks(database: Any, query: str, expected: str) -> None:
    result = run_statement(database, query, {})
    rows = [[to_text(value) for value in row] for row in result.fetchall()]
    assert rows == json.loads(expected)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("length('a')", "INT"),
        ("year(current_date())", "INT"),
        ("hour(current_timestamp())", "INT"),
        ("datediff('2024-01-02', '2024-01-01')", "INT"),
        ("datediff(DAY, '2024-01-01', '2024-01-02')", "BIGINT"),
        ("row_number() OVER (ORDER BY 1)", "INT"),
        ("count(*)", "BIGINT"),
        ("size(array(1))", "INT"),
        ("5 DIV 2", "BIGINT"),
        ("floor(2.5D)", "BIGINT"),
        ("sign(2)", "DOUBLE"),
        ("array_position(array(1), 1)", "BIGINT"),
        ("percentile_approx(1, 0.5)", "INT"),
        ("to_number('1,234.5', '9,999.9')", "DECIMAL(5,1)"),
        ("CAST(1 AS DECIMAL)", "DECIMAL(10,0)"),
        ("extract(SECOND FROM current_timestamp())", "DECIMAL(8,6)"),
        ("to_timestamp('2024-01-02T03:04Z', 'yyyy-MM-dd''T''HH:mmX')", "TIMESTAMP"),
    ],
)
def test_result_has_the_type_of_databricks(database: Any, expression: str, kind: str) -> None:
    ((_, found, *_),) = run_statement(database, f"SELECT {expression}", {}).description
    assert describe_column("", 0, simple_type(found))["type_text"] == kind


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT 1 / 0", r"\[DIVIDE_BY_ZERO\] Division by zero\. Use try_divide"),
        ("SELECT 1 % a FROM VALUES (0) AS v(a)", r"\[DIVIDE_BY_ZERO\]"),
        ("SELECT cast('x' AS INT)", "Could not convert string 'x' to INT32"),
        ("SELECT assert_true(1 = 2, 'why')", "why"),
        ("SELECT raise_error('why')", "why"),
        ("SELECT to_char(454, '000D00')", "DuckDB has no function to_char"),
    ],
)
def test_query_that_fails_on_databricks_fails(database: Any, query: str, error: str) -> None:
    with pytest.raises(Exception, match=error):
        run_statement(database, query, {}).fetchall()


def test_view_of_another_task_has_the_functions_that_it_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", str(tmp_path))
    for statement, rows in (
        ("CREATE VIEW v AS SELECT CAST(2.7 AS INT) AS n, pmod(-7, 3) AS m", None),
        ("SELECT * FROM v", [(2, 2)]),
    ):
        database = Warehouse()
        result = run_statement(database, statement, {})
        assert rows is None or result.fetchall() == rows
        database.close()
