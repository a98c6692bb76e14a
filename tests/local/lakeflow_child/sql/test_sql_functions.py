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

from flask_lakeflow_jobs.local.lakeflow_child.result_types import to_text
from flask_lakeflow_jobs.local.lakeflow_child.sql.catalogs import Warehouse
from flask_lakeflow_jobs.local.lakeflow_child.sql.run_sql import run_statement


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
        database = Warehouse()
        yield database
        database.close()


@pytest.mark.ledger("sql_task", same="docs")
@pytest.mark.parametrize(("query", "expected"), read_queries())
def test_query_has_the_result_of_databricks(database: Any, query: str, expected: str) -> None:
    result = run_statement(database, query, {})
    rows = [[to_text(value) for value in row] for row in result.fetchall()]
    assert rows == json.loads(expected)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT 1 / 0", r"\[DIVIDE_BY_ZERO\] Division by zero\. Use try_divide"),
        ("SELECT 1 % a FROM VALUES (0) AS v(a)", r"\[DIVIDE_BY_ZERO\]"),
        ("SELECT cast('x' AS INT)", "Could not convert string 'x' to INT32"),
        ("SELECT assert_true(1 = 2, 'why')", "why"),
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
