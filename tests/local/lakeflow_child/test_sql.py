"""SQL of Databricks in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")

from flask_lakeflow_jobs.local.lakeflow_child.catalogs import (
    connect,
    prepare_create,
    quote_name,
    rename_main_catalog,
)
from flask_lakeflow_jobs.local.lakeflow_child.sql import run_sql, run_statements, to_duckdb
from flask_lakeflow_jobs.local.lakeflow_child.sql_advice import UnsupportedStatement


@pytest.fixture(autouse=True)
def _warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty warehouse."""
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", str(tmp_path))


@pytest.fixture
def database() -> Iterator[Any]:
    """A connection to the warehouse."""
    database = connect()
    yield database
    database.close()


def rows(text: str, **parameters: str) -> list[tuple[Any, ...]]:
    table = run_statements(text, parameters)
    return table.rows if table else []


@pytest.mark.parametrize(
    ("databricks", "duckdb"),
    [
        ("SELECT :day", "SELECT $day"),
        ("SELECT {{ day }}", "SELECT $day"),
        ("SELECT ':day', \":day\" -- :day", "SELECT ':day', \":day\" -- :day"),
        ("SELECT 'it''s :day' /* {{day}} */", "SELECT 'it''s :day' /* {{day}} */"),
        ("SELECT x::int, a:b", "SELECT x::int, a:b"),
        ("SELECT `my column`", 'SELECT "my column"'),
        ("SELECT current_date(), Current_Timestamp ( )", "SELECT current_date, Current_Timestamp"),
    ],
)
def test_to_duckdb(databricks: str, duckdb: str) -> None:
    assert to_duckdb(databricks) == duckdb


@pytest.mark.parametrize(
    ("statement", "renamed"),
    [
        ("SELECT * FROM main.sales.days", "SELECT * FROM warehouse.sales.days"),
        ('SELECT * FROM "main".sales.days', "SELECT * FROM warehouse.sales.days"),
        ("SELECT * FROM main.days", "SELECT * FROM main.days"),
        ("CREATE SCHEMA IF NOT EXISTS main.sales", "CREATE SCHEMA IF NOT EXISTS warehouse.sales"),
        ("DROP SCHEMA main.sales", "DROP SCHEMA warehouse.sales"),
        ("SELECT 'main.a.b' -- main.a.b", "SELECT 'main.a.b' -- main.a.b"),
        ("SELECT domain.a.b", "SELECT domain.a.b"),
    ],
)
def test_rename_main_catalog(statement: str, renamed: str) -> None:
    assert rename_main_catalog(statement) == renamed


@pytest.mark.parametrize(
    ("name", "quoted"), [("a.b", '"a"."b"'), ('"a"."b"', '"a"."b"'), ("a-b", '"a-b"')]
)
def test_quote_name(name: str, quoted: str) -> None:
    assert quote_name(name) == quoted


@pytest.mark.parametrize(
    ("statement", "catalogs", "is_complete"),
    [
        ("CREATE CATALOG IF NOT EXISTS sales", ["sales"], True),
        ("CREATE SCHEMA sales.daily", ["sales"], False),
        ("CREATE SCHEMA daily", [], False),
        ("CREATE OR REPLACE TABLE sales.daily.days AS SELECT 1", ["sales"], False),
        ("create view daily.days AS SELECT 1", [], False),
        ("CREATE CATALOG main", [], True),
        ("SELECT 1", [], False),
    ],
)
def test_prepare_create_creates_what_the_statement_needs(
    database: Any, tmp_path: Path, statement: str, catalogs: list[str], is_complete: bool
) -> None:
    assert prepare_create(database, statement) is is_complete
    files = sorted(file.stem for file in tmp_path.glob("*.duckdb"))
    assert files == sorted([*catalogs, "warehouse"])


def test_statements_share_tables_over_runs() -> None:
    assert rows("CREATE TABLE sales.daily.days AS SELECT :day AS day;", day="monday") != []
    assert rows("USE CATALOG sales; USE SCHEMA daily; SELECT day FROM days") == [("monday",)]
    assert rows("SELECT day FROM IDENTIFIER(:table)", table="sales.daily.days") == [("monday",)]


@pytest.mark.parametrize(
    "clauses",
    [
        "USING DELTA",
        "COMMENT 'it''s a table' TBLPROPERTIES ('a' = 'b')",
        "PARTITIONED BY (day)",
        "CLUSTER BY AUTO",
    ],
)
def test_storage_clauses_are_ignored(clauses: str) -> None:
    rows(f"CREATE TABLE days (day STRING) {clauses}")
    rows("CREATE MATERIALIZED VIEW later AS SELECT 'USING DELTA' AS day FROM days")
    assert rows("SELECT * FROM days; SELECT 'COMMENT ''x'''") == [("COMMENT 'x'",)]


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("CREATE OR REFRESH STREAMING TABLE t AS SELECT 1", "DuckDB has no streaming tables."),
        ("CREATE VIEW v WITH METRICS LANGUAGE YAML AS $$x$$", "DuckDB has no metric views."),
        ("OPTIMIZE t ZORDER BY (a)", "DuckDB keeps its tables itself. Remove this statement"),
        ("GRANT SELECT ON TABLE t TO `x`", "DuckDB has no permissions. Remove this statement"),
        ("SELECT * FROM t LATERAL VIEW explode(a) x AS y", "DuckDB has no LATERAL VIEW."),
        ("CREATE VOLUME a.b.c", "DuckDB has schemas and tables only. Remove this statement"),
        ("SELECT * FROM read_files('x')", "DuckDB has no read_files. Use read_csv, read_json or"),
        ("SELEC 1", "DuckDB does not know this SQL. Write it as DuckDB has it, or run it with"),
    ],
)
def test_unsupported_statement_is_shown_with_advice(statement: str, advice: str) -> None:
    with pytest.raises(UnsupportedStatement) as error:
        run_statements(f"SELECT 1;\n{statement}", {})
    message = str(error.value)
    assert message.startswith(advice)
    shown = to_duckdb(statement)
    assert f" The statement: {shown} (" in message


def test_unknown_table_is_told_by_duckdb() -> None:
    from duckdb import CatalogException

    with pytest.raises(CatalogException, match="Table with name nowhere does not exist"):
        run_statements("SELECT * FROM nowhere", {})


def test_unsupported_statement_is_one_short_line() -> None:
    error = UnsupportedStatement("SELEC\n" + "a, " * 500, ValueError("x!\n  ^"))
    assert "\n" not in str(error)
    assert str(error).endswith("a, … (x)")
    assert len(str(error)) < 500


def test_missing_parameter_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^The parameter a, b has no value\.$"):
        rows("SELECT :a, :b, :c", c="1")


def test_run_sql_prints_and_returns_the_last_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "days.sql"
    file.write_text(
        "\ufeffSELECT 0; -- a comment; no statement\nSELECT 'a;b' AS x, DATE '2025-01-02' AS y;"
    )
    assert run_sql(str(file), {}) == {
        "rows": [{"x": "a;b", "y": "2025-01-02"}],
        "query_result": {
            "columns": ["x", "y"],
            "rows": [["a;b", "2025-01-02"]],
            "truncated": False,
        },
    }
    assert capsys.readouterr().out == "x\ty\na;b\t2025-01-02\n"


def test_run_sql_returns_at_most_1000_rows(tmp_path: Path) -> None:
    file = tmp_path / "many.sql"
    file.write_text("SELECT * FROM range(1500)")
    outcome = run_sql(str(file), {})
    assert len(outcome["rows"]) == len(outcome["query_result"]["rows"]) == 1000
    assert outcome["query_result"]["truncated"] is True
