"""Files and streams in SQL of Databricks, on DuckDB."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from flask_lakeflow_jobs.local.task_process import paths
from flask_lakeflow_jobs.local.task_process.paths import WorkspacePaths
from flask_lakeflow_jobs.local.task_process.sql.run_sql import run_statements
from flask_lakeflow_jobs.local.task_process.sql.sql_advice import UnsupportedStatement

FOLDER = "/Volumes/main/raw/in"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume with files, in a workspace without tables."""
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    mounts = {"/Volumes": str(tmp_path / "volumes"), "/dbfs": str(tmp_path / "dbfs")}
    mounts["/databricks-datasets"] = str(tmp_path / "dbfs/databricks-datasets")
    monkeypatch.setattr(paths, "_installed", [WorkspacePaths(mounts)])
    folder = tmp_path / "volumes/main/raw/in"
    (folder / "json/deep").mkdir(parents=True)
    (folder / "json/a.json").write_text(json.dumps({"n": 1}))
    (folder / "json/deep/b.json").write_text(json.dumps({"n": 2}))
    (folder / "a.csv").write_text("n;day\n3;mo\n")
    return folder


def read(query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    table = run_statements(query, {})
    assert table is not None
    return table.rows


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        (f"read_files('{FOLDER}/json', format => 'json')", [(1,), (2,)]),
        (f"STREAM read_files('{FOLDER}/json/', format => 'json', header => true)", [(1,), (2,)]),
        (f"read_files('{FOLDER}/json/*.json')", [(1,)]),
        (f"json.`{FOLDER}/json/*.json` AS j", [(1,)]),
        (f"(SELECT _c0 AS n FROM csv.`{FOLDER}/a.csv`)", [("3;mo",), ("n;day",)]),  # noqa: S608
        (f"read_files('{FOLDER}/a.csv', header => true, sep => ';') AS f", [(3,)]),
    ],
)
def test_read_files(source: str, rows: list[tuple[Any, ...]]) -> None:
    assert sorted(read(f"SELECT n FROM {source}")) == rows  # noqa: S608 (values of the test)


def test_query_names_the_files_that_it_reads() -> None:
    text = f"""
        CREATE OR REPLACE TABLE named AS
        SELECT n, _metadata.file_path, upper(_metadata.file_name) AS f
        FROM read_files('{FOLDER}/json', format => 'json') WHERE _metadata.file_name <> 'c.json';
        SELECT * FROM named ORDER BY n
    """  # noqa: S608 (values of the test)
    address = f"dbfs:{FOLDER}/json"
    assert read(text) == [
        (1, f"{address}/a.json", "A.JSON"),
        (2, f"{address}/deep/b.json", "B.JSON"),
    ]


def test_csv_file_has_a_header_unless_an_option_says_otherwise() -> None:
    query = "SELECT {} FROM read_files('/Volumes/main/raw/in/a.csv', sep => ';'{})"
    assert read(query.format("n", "")) == [(3,)]
    assert sorted(read(query.format("column0", ", header => false"))) == [("3",), ("n",)]


@pytest.mark.parametrize(
    "call",
    [
        f"read_files('{FOLDER}/json')",
        f"read_files('{FOLDER}/json', format => 'avro')",
        f"read_files('{FOLDER}/a.csv', schema => 'n INT')",
        f"read_files(concat('{FOLDER}', '/json'), format => 'json')",
    ],
)
def test_read_files_that_duckdb_cannot_read_is_refused(call: str) -> None:
    with pytest.raises(UnsupportedStatement, match=r"^DuckDB has no read_files"):
        read(f"SELECT n FROM {call}")  # noqa: S608 (values of the test)


def test_streaming_table_is_created_whole_by_each_run() -> None:
    text = """
        CREATE OR REFRESH STREAMING TABLE t AS SELECT n FROM STREAM READ_FILES(
            "/Volumes/main/raw/in/json/", format => "json"
        );
        CREATE OR REFRESH STREAMING TABLE copy AS SELECT s.* FROM STREAM(t) AS s;
        SELECT count(*) FROM copy
    """
    assert read(text) == [(2,)]
    assert read(text) == [(2,)]


def test_orders_of_templates_exist() -> None:
    query = """
        SELECT count(*), min(to_date(from_unixtime(TRY_CAST(order_datetime AS BIGINT)))) FROM STREAM
            read_files("/databricks-datasets/retail-org/sales_orders/", format => "json")
    """
    ((count, first),) = read(query)
    assert (count, str(first)) == (2000, "2019-08-01")
