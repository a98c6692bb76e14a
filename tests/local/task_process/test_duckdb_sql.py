"""SQL of Databricks on DuckDB."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.support import require_duckdb

require_duckdb()

from flask_lakeflow_jobs.local.task_process.duckdb_sql import DuckDb, DuckDbRefused  # noqa: E402
from flask_lakeflow_jobs.local.task_process.sql import (  # noqa: E402
    MAX_ROWS,
    ResultTable,
    split_statements,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", str(tmp_path))
    monkeypatch.setenv("LAKEFLOW_LOCAL_DUCKDB", str(tmp_path / "warehouse.duckdb"))


@pytest.fixture
def duckdb() -> Iterator[DuckDb]:
    database = DuckDb()
    yield database
    database.close()


def rows(database: DuckDb, statement: str, **parameters: str) -> Any:
    found = database.run(statement, parameters)
    return found and found[1]


def test_tables_of_all_catalogs_stay_under_the_names_of_databricks() -> None:
    first = DuckDb()
    rows(first, "CREATE TABLE orders AS SELECT 1 AS id")
    rows(first, "CREATE OR REPLACE TABLE dev.sales.orders (id INT) USING DELTA")
    rows(first, "INSERT INTO dev.sales.orders VALUES (2)")
    first.close()
    second = DuckDb()
    query = "SELECT main.default.orders.id, o.id FROM main.default.orders, dev.sales.orders o"
    assert rows(second, query) == [(1, 2)]
    second.close()


def test_use_changes_where_names_lead(duckdb: DuckDb) -> None:
    for statement in ("USE CATALOG dev", "USE SCHEMA raw", "CREATE TABLE a AS SELECT 1 AS x"):
        rows(duckdb, statement)
    for statement in ("USE CATALOG main", "USE dev.raw"):
        rows(duckdb, statement)
    assert rows(duckdb, "SELECT x FROM a") == rows(duckdb, "SELECT x FROM dev.raw.a") == [(1,)]


def test_parameters_are_named(duckdb: DuckDb) -> None:
    assert rows(duckdb, "SELECT :day, ':day'", day="monday", other="x") == [("monday", ":day")]
    with pytest.raises(ValueError, match=r"^The parameter day has no value\. Give it one"):
        rows(duckdb, "SELECT :day")


def test_statement_that_duckdb_refuses_is_shown_as_translated(duckdb: DuckDb) -> None:
    with pytest.raises(DuckDbRefused) as refused:
        rows(duckdb, "SELECT no_such_function(1)")
    message = str(refused.value)
    assert message.startswith("DuckDB refused this statement, as sqlglot translates it: SELECT NO_")
    assert "Install the extra 'spark', which runs it as Spark SQL, or simulate the job" in message


def test_name_of_a_catalog_leads_to_no_other_folder(duckdb: DuckDb, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no name of a catalog"):
        rows(duckdb, "CREATE TABLE `../x`.default.a AS SELECT 1")
    assert not (tmp_path.parent / "x.duckdb").exists()


def test_tables_are_those_of_one_task_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    first, opened = DuckDb(), threading.Event()

    def open_second() -> None:
        second = DuckDb()
        opened.set()
        second.close()

    thread = threading.Thread(target=open_second)
    thread.start()
    while "Waiting for another task" not in capsys.readouterr().out:
        assert not opened.is_set()
    first.close()
    thread.join()
    assert opened.is_set()


def test_statements_are_split_at_semicolons_outside_of_texts_and_comments() -> None:
    text = "SELECT ';' -- a;b\n;\n/* ; */\nSELECT `a;b`;;\n"
    assert [*split_statements(text)] == [("SELECT ';'", 1), ("SELECT `a;b`", 4)]


def test_result_has_simple_values_and_is_cut() -> None:
    table = ResultTable(["n", "x"], [(1, None), (2.5, b"z")])
    assert table.to_outcome() == {
        "rows": [{"n": 1, "x": None}, {"n": 2.5, "x": "b'z'"}],
        "query_result": {
            "columns": ["n", "x"],
            "rows": [["1", None], ["2.5", "b'z'"]],
            "truncated": False,
        },
    }
    cut = ResultTable(["n"], [(1,)] * (MAX_ROWS + 1)).to_outcome()
    assert len(cut["rows"]) == MAX_ROWS
    assert cut["query_result"]["truncated"]
