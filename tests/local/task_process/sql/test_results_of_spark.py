"""Statements on DuckDB have the results of Spark, or a known difference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from flask_lakeflow_jobs.local.task_process.sql.catalogs import Warehouse
from flask_lakeflow_jobs.local.task_process.sql.run_sql import run_statement
from tests.spark_reference.results import compare
from tests.spark_reference.statements import Result, plain, read_statements


@pytest.fixture
def database() -> Iterator[Any]:
    """A connection to the warehouse."""
    database = Warehouse()
    yield database
    database.close()


def test_results_on_duckdb_are_those_of_spark_but_for_known_differences(database: Any) -> None:
    results: dict[str, Result] = {}
    for statement in read_statements():
        if statement.startswith("CREATE"):
            run_statement(database, statement, {})
        else:
            results[statement] = None
            with suppress(Exception):  # DuckDB refuses it
                rows = run_statement(database, statement, {}).fetchall()
                results[statement] = [], [[plain(value) for value in row] for row in rows]
    new, _ = compare(results, "duckdb_differences.txt", with_names=False)
    assert new == {}
