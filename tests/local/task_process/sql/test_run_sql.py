"""SQL of Databricks in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from flask_lakeflow_jobs.local.task_process.sql.catalogs import (
    Warehouse,
    create_catalog,
    quote_in_duckdb,
)
from flask_lakeflow_jobs.local.task_process.sql.run_sql import (
    run_sql,
    run_statement,
    run_statements,
)
from flask_lakeflow_jobs.local.task_process.sql.sql_advice import UnsupportedStatement


@pytest.fixture
def database() -> Iterator[Any]:
    """A connection to the warehouse."""
    database = Warehouse()
    yield database
    database.close()


def rows(text: str, **parameters: str) -> list[tuple[Any, ...]]:
    table = run_statements(text, parameters)
    return table.rows if table else []


@pytest.mark.parametrize(
    ("names", "quoted"), [(["a", "b"], '"a"."b"'), (["a-b"], '"a-b"'), (['a"b'], '"a""b"')]
)
def test_quote_name(names: list[str], quoted: str) -> None:
    assert quote_in_duckdb(names) == quoted


@pytest.mark.parametrize(
    ("statement", "catalogs"),
    [
        ("CREATE CATALOG IF NOT EXISTS sales", ["sales"]),
        ("CREATE SCHEMA sales.daily", ["sales"]),
        ("CREATE SCHEMA daily", []),
        ("CREATE OR REPLACE TABLE sales.daily.days AS SELECT 1", ["sales"]),
        ("create view daily.days AS SELECT 1", []),
        ("CREATE CATALOG main", []),
        ("SELECT 1", []),
    ],
)
def test_run_statement_creates_what_the_statement_needs(
    database: Any, tmp_path: Path, statement: str, catalogs: list[str]
) -> None:
    run_statement(database, statement, {})
    files = sorted(file.stem for file in tmp_path.glob("*.duckdb"))
    assert files == sorted([*catalogs, "warehouse"])


def test_dropped_catalog_has_no_file_and_no_tables(tmp_path: Path) -> None:
    rows("CREATE CATALOG Sales; CREATE TABLE sales.daily.days AS SELECT 1; USE CATALOG sales")
    with pytest.raises(ValueError, match="Write CASCADE to drop the catalog sales"):
        rows("DROP CATALOG IF EXISTS sales")
    rows("USE CATALOG sales; DROP CATALOG IF EXISTS `sales` CASCADE; CREATE TABLE days AS SELECT 1")
    rows("DROP CATALOG IF EXISTS other; CREATE SCHEMA daily; DROP CATALOG main CASCADE")
    assert [file.name for file in tmp_path.glob("*.duckdb*")] == ["warehouse.duckdb"]
    schemas = [row[0] for row in rows("SHOW SCHEMAS IN main")]
    assert schemas == ["default", "information_schema"]


def test_drop_of_a_catalog_outside_of_its_folder_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.duckdb"
    other.touch()
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", str(tmp_path / "data"))
    rows("DROP CATALOG `../other` CASCADE")
    assert other.exists()


@pytest.mark.parametrize("name", ["../sales", ".sales"])
def test_create_catalog_outside_of_its_folder_is_an_error(database: Any, name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a catalog"):
        create_catalog(database, name)


def test_statements_share_tables_over_runs() -> None:
    assert rows("CREATE TABLE sales.daily.days AS SELECT :day AS day;", day="monday") != []
    assert rows("USE CATALOG sales; USE SCHEMA daily; SELECT day FROM days") == [("monday",)]
    assert rows("SELECT day FROM IDENTIFIER(:table)", table="sales.daily.days") == [("monday",)]


def test_names_are_not_sensitive_to_case() -> None:
    rows("CREATE CATALOG Sales; CREATE TABLE Sales.Daily.Days AS SELECT 1 AS day")
    assert rows("USE CATALOG SALES; USE daily; SELECT Day FROM DAYS") == [(1,)]
    rows("USE CATALOG main; CREATE TABLE MAIN.Daily.Days AS SELECT 2 AS day")
    assert rows("SELECT day FROM main.DAILY.days") == [(2,)]


@pytest.mark.parametrize(
    "clauses",
    [
        "(day STRING NOT NULL COMMENT 'the (one); day') USING DELTA",
        "(day STRING) COMMENT 'it''s a table' TBLPROPERTIES ('a' = 'b')",
        "(day STRING) PARTITIONED BY (day) -- COMMENT",
        "CLUSTER BY AUTO AS SELECT 'x' AS day WHERE false",
    ],
)
def test_storage_clauses_are_ignored(clauses: str) -> None:
    rows(f"CREATE TABLE days {clauses}")
    rows("CREATE MATERIALIZED VIEW later AS SELECT 'USING DELTA' AS day FROM days")
    assert rows("SELECT * FROM days; SELECT 'COMMENT ''x'''") == [("COMMENT 'x'",)]


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("CREATE STREAMING TABLE t SCHEDULE EVERY 1 HOUR AS SELECT 1", "DuckDB has no streaming t"),
        ("CREATE VIEW v WITH METRICS LANGUAGE YAML AS $$x$$", "DuckDB has no metric views."),
        ("DESCRIBE HISTORY t", "DuckDB keeps no history of tables. Read the table as it is, or"),
        ("ALTER TABLE t ALTER COLUMN a SET MASK f", "DuckDB has no row filters and no masks."),
        (
            "SELECT xxhash64(1)",
            "DuckDB has no function xxhash64. Write it as DuckDB has it, or run",
        ),
        ("SELECT to_char(1.5, '9.9')", "DuckDB has no function to_char. Write it as DuckDB has it"),
        ("SELECT sha2('a', 512)", "DuckDB has no function sha2. Write it as DuckDB has it, or run"),
        ("BEGIN DECLARE n INT", "DuckDB runs no scripts in SQL. Write their statements one after"),
        ("CREATE FUNCTION f() RETURNS INT LANGUAGE PYTHON AS $$1$$", "DuckDB has no functions in"),
        (
            "CREATE TABLE t USING CSV LOCATION 'x'",
            "DuckDB keeps no tables of files. Use CREATE VIEW",
        ),
        ("CREATE TEMPORARY VIEW t USING JSON OPTIONS ('path'='x')", "DuckDB keeps no tables of f"),
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
    assert f" The statement: {statement} (" in message


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT 1;\n\n-- why\nSELEC 1", r"^days.sql, line 3: DuckDB does not know this SQL\."),
        ("SELECT 1;\nSELECT * FROM nowhere", r"^days.sql, line 2: Catalog Error: Table with name"),
        ("SELECT 1;\n SELECT CAST('x' AS INT)", r"^days.sql, line 2: Conversion Error: "),
    ],
)
def test_error_names_the_file_and_the_line(tmp_path: Path, text: str, error: str) -> None:
    file = tmp_path / "days.sql"
    file.write_text(text)
    with pytest.raises(Exception, match=error):
        run_sql(str(file), {})


def test_skipped_statement_prints_that_it_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_statements("OPTIMIZE nowhere", {}) is None
    assert capsys.readouterr().out == (
        "OPTIMIZE is skipped: it changes no result in the local workspace.\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INSERT OVERWRITE t SELECT n + 1 FROM t", [(2,), (3,)]),
        ("INSERT INTO t REPLACE WHERE n = 2 SELECT n + 8 FROM t WHERE n = 2", [(1,), (10,)]),
        (
            "MERGE INTO t USING (SELECT 5 AS n) s ON t.n = s.n WHEN NOT MATCHED THEN INSERT *",
            [(1,), (2,), (5,)],
        ),
    ],
)
def test_statement_that_replaces_rows(text: str, expected: list[tuple[int]]) -> None:
    rows("CREATE TABLE t AS SELECT 1 AS n UNION ALL SELECT 2")
    rows(text)
    assert rows("SELECT n FROM t ORDER BY n") == expected


def test_statement_that_replaces_rows_and_fails_keeps_them() -> None:
    rows("CREATE TABLE t AS SELECT 1 AS n")
    with pytest.raises(Exception, match="Conversion Error"):
        rows("INSERT OVERWRITE t SELECT 'x'")
    assert rows("SELECT n FROM t") == [(1,)]


@pytest.mark.parametrize(("given", "expected"), [({}, "monday"), ({"day": "friday"}, "friday")])
def test_create_widget_adds_a_parameter(given: dict[str, str], expected: str) -> None:
    assert rows("CREATE WIDGET TEXT day DEFAULT 'monday'; SELECT :day", **given) == [(expected,)]


def test_parameter_is_a_number_in_a_calculation() -> None:
    text = "SELECT :n + 1, -1 * :n, :x * 2, concat(:n, 'a')"
    assert rows(text, n="5", x="1.5") == [(6, -5, 3.0, "5a")]


def test_text_parameter_is_inserted_before_the_statement_is_read() -> None:
    text = "CREATE TABLE ${schema}.t_${day} AS SELECT '${day}' AS d, '${other}' AS o"
    rows(text, schema="sales", day="1")
    assert rows("SELECT * FROM sales.t_1") == [("1", "${other}")]


def test_unknown_table_is_the_error_of_duckdb() -> None:
    from duckdb import CatalogException

    with pytest.raises(CatalogException, match="Table with name nowhere does not exist"):
        run_statements("SELECT * FROM nowhere", {})


def test_unsupported_statement_is_one_short_line() -> None:
    error = UnsupportedStatement("-- why\nSELEC\n" + "a, " * 500, ValueError("x!\n  ^"))
    assert "\n" not in str(error)
    assert str(error).endswith("a, … (x)")
    assert "The statement: SELEC a, " in str(error)
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


def test_samples_have_the_trips_that_templates_read() -> None:
    assert rows("SELECT count(*), min(fare_amount) FROM samples.nyctaxi.trips") == [(2000, 3.3)]


def test_keys_of_samples_lead_to_rows() -> None:
    joined = """
        SELECT count(*), count(DISTINCT r_name), min(l_receiptdate - l_shipdate)
        FROM lineitem JOIN orders ON l_orderkey = o_orderkey JOIN customer ON o_custkey = c_custkey
        JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
        JOIN part ON p_partkey = ps_partkey JOIN supplier ON s_suppkey = ps_suppkey
        JOIN nation ON n_nationkey = s_nationkey JOIN region ON r_regionkey = n_regionkey
    """
    assert rows(f"USE samples.tpch; {joined}") == [(6000, 5, 1)]
