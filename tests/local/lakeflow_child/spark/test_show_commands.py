"""``SHOW`` and ``DESCRIBE`` that Sail lacks, as queries."""

# ruff: noqa: E501  # lines of SQL

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.show_commands import replace_show


class Result:
    """A frame with two columns and two schemas."""

    columns = ("id", "name")

    def __init__(self, statement: str) -> None:
        self._statement = statement
        kind = SimpleNamespace(simpleString=lambda: "int")
        self.schema = SimpleNamespace(fields=[SimpleNamespace(name="id", dataType=kind)])

    def collect(self) -> list[Any]:
        if "current_catalog" in self._statement:
            return [("main", "default")]
        if self._statement.startswith("DESCRIBE"):
            details = ("# Detailed Table Information", "", "")
            return [("id", "int", "key"), ("", "", ""), details, ("Provider", "csv", "")]
        return [{"name": "sales"}, {"name": "default"}]


SHOWN = "SELECT * FROM VALUES {} AS shown({})"


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SHOW SCHEMAS", SHOWN.format("('default'), ('sales')", "databaseName")),
        ("SHOW DATABASES IN dev LIKE 's*';", SHOWN.format("('sales')", "databaseName")),
        ("show schemas like 'x|DEF%'", SHOWN.format("('default')", "databaseName")),
        ("SHOW COLUMNS IN dev.s.t", SHOWN.format("('id'), ('name')", "col_name")),
        ("SHOW VOLUMES IN dev.raw", SHOWN.format("('raw', 'files')", "database, volume_name")),
        (
            "SHOW VOLUMES",
            "SELECT CAST(NULL AS STRING) AS database, CAST(NULL AS STRING) AS volume_name WHERE false",
        ),
        (
            "DESCRIBE VOLUME dev.raw.files",
            SHOWN.format(
                "('files', 'dev', 'raw', '/Volumes/dev/raw/files', 'MANAGED')",
                "name, catalog, database, storageLocation, volumeType",
            ),
        ),
        (
            "DESC QUERY SELECT 1",
            SHOWN.format("('id', 'int', CAST(NULL AS STRING))", "col_name, data_type, comment"),
        ),
        ("describe dev.s.t;", SHOWN.format("('id', 'int', 'key')", "col_name, data_type, comment")),
        (
            "DESC FORMATTED t",
            SHOWN.format(
                "('id', 'int', 'key'), ('', '', ''), ('# Detailed Table Information', '', ''), ('Provider', 'csv', '')",
                "col_name, data_type, comment",
            ),
        ),
        (
            "DESCRIBE TABLE `a-b`.t ID",
            SHOWN.format(
                "('col_name', 'id'), ('data_type', 'int'), ('comment', 'key')",
                "info_name, info_value",
            ),
        ),
        ("DESCRIBE SCHEMA s", "DESCRIBE SCHEMA s"),
        ("SHOW FUNCTIONS", "SHOW FUNCTIONS"),
        ("SELECT 1", "SELECT 1"),
    ],
)
def test_show_is_a_query(statement: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "dev/raw/files").mkdir(parents=True)
    assert replace_show(statement, Result, str(tmp_path)) == shown


def test_show_tables_of_a_pattern() -> None:
    def query(statement: str) -> Any:
        assert statement == "SHOW TABLES IN sales"
        names = ["day", "night"]
        rows = [SimpleNamespace(database="", tableName=name, isTemporary=True) for name in names]
        return SimpleNamespace(collect=lambda: rows)

    day, night = (f"('', '{name}', CAST('true' AS BOOLEAN))" for name in ("day", "night"))
    assert f"VALUES {day} AS" in replace_show("SHOW TABLES IN sales 'd*'", query, "")
    both = f"VALUES {day}, {night} AS"
    assert both in replace_show("SHOW TABLES FROM sales", query, "")


def test_grants_are_none_and_a_table_is_described_by_its_statement(tmp_path: Path) -> None:
    assert replace_show("SHOW GRANTS ON TABLE t", Result, "").endswith("WHERE false")
    assert "CREATE TABLE t (\\n  id INT)" in replace_show(
        "SHOW CREATE TABLE t", Result, ""
    ).replace("\n", "\\n")
    with pytest.raises(ValueError, match=r"no volume dev\.raw\.none\. Create it"):
        replace_show("DESCRIBE VOLUME dev.raw.none", Result, str(tmp_path))
