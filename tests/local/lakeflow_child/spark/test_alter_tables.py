"""The columns of a table after ``ALTER TABLE``."""

# ruff: noqa: E501  # lines of SQL

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlglot import exp

from flask_lakeflow_jobs.local.lakeflow_child.spark.alter_tables import alter_table
from flask_lakeflow_jobs.local.lakeflow_child.spark.delta_log import read_metadata
from flask_lakeflow_jobs.local.lakeflow_child.sql.databricks_sql import (
    DatabricksDialect,
    parse_one,
)


@pytest.mark.parametrize(
    "change",
    [
        "SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')",
        "ADD CONSTRAINT k PRIMARY KEY (id)",
        "CLUSTER BY NONE",
        "ALTER COLUMN id SET DEFAULT 1",
    ],
)
def test_change_without_a_result_is_skipped(change: str) -> None:
    tree = parse_one(f"ALTER TABLE t {change}", DatabricksDialect)
    assert isinstance(tree, exp.Alter)
    assert "skipped" in str(alter_table(tree, lambda _: None))


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A Delta table with a comment."""
    fields = [("id", {"comment": "key"}), ("name", {"delta.typeChanges": []})]
    schema = [{"name": n, "type": "string", "nullable": True, "metadata": m} for n, m in fields]
    write_log(tmp_path, schema)
    return f"delta.`{tmp_path}`"


def write_log(
    folder: Path, fields: list[dict[str, Any]], properties: dict[str, str] | None = None
) -> None:
    schema = json.dumps({"fields": fields})
    metadata = {"schemaString": schema, "configuration": properties or {}}
    log = folder / "_delta_log"
    log.mkdir()
    (log / f"{0:020}.json").write_text(json.dumps({"metaData": metadata}) + "\n")


def alter(table: str, change: str, query: Any) -> str | None:
    tree = parse_one(f"ALTER TABLE {table} {change}", DatabricksDialect)
    assert isinstance(tree, exp.Alter)
    return alter_table(tree, query)


def read_schema(table: str) -> list[dict[str, Any]]:
    return list(json.loads(read_metadata(table.split("`")[1])["schemaString"])["fields"])


def read_fields(table: str) -> dict[str, Any]:
    return {field["name"]: field["metadata"] for field in read_schema(table)}


def describe(statement: str) -> Any:
    """Answer the query for the type of a new column."""
    kind = statement.removeprefix("SELECT CAST(NULL AS ").partition(")")[0].lower()
    field = {"name": "x", "type": kind, "nullable": False, "metadata": {}}
    column = SimpleNamespace(jsonValue=lambda: field)
    return SimpleNamespace(schema=SimpleNamespace(fields=[column]))


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ("ADD COLUMN a STRING", {"id": "string", "name": "string", "a": "string"}),
        ("ADD COLUMNS (a VARCHAR(3) COMMENT 'x', b INT)", {"id": "string", "name": "string", "a": "string", "b": "int"}),
        ("ADD COLUMN a INT FIRST", {"a": "int", "id": "string", "name": "string"}),
        ("ADD COLUMN a INT AFTER ID", {"id": "string", "a": "int", "name": "string"}),
        ("ADD COLUMN IF NOT EXISTS NAME INT", {"id": "string", "name": "string"}),
    ],
)  # fmt: skip
def test_columns_are_added_to_the_log(change: str, columns: dict[str, str], table: str) -> None:
    alter(table, change, describe)
    schema = read_schema(table)
    assert [(each["name"], each["type"]) for each in schema] == [*columns.items()]
    assert all(each["nullable"] for each in schema)
    assert read_fields(table)["id"]["comment"] == "key"
    assert ("x" in str(read_fields(table).get("a"))) == ("COMMENT" in change)


def test_column_that_exists_is_not_added(table: str) -> None:
    with pytest.raises(
        ValueError, match=r"FIELD_ALREADY_.* already exists .*ADD COLUMN IF NOT EXISTS"
    ):
        alter(table, "ADD COLUMN ID STRING", describe)


def test_new_column_of_a_table_with_mapped_names_has_a_number(tmp_path: Path) -> None:
    stored = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "a"}
    fields = [{"name": "a", "type": "string", "nullable": True, "metadata": stored}]
    write_log(tmp_path, fields, {"delta.columnMapping.maxColumnId": "4"})
    table = f"delta.`{tmp_path}`"
    alter(table, "ADD COLUMN b INT", describe)
    assert read_fields(table)["a"] == stored
    assert read_fields(table)["b"]["delta.columnMapping.id"] == 5
    properties = read_metadata(str(tmp_path))["configuration"]
    assert properties == {"delta.columnMapping.maxColumnId": "5"}


@pytest.mark.parametrize(
    "change",
    [
        "DROP COLUMN name",
        "RENAME COLUMN id TO key",
        "RENAME TO other",
        "ALTER COLUMN id TYPE BIGINT",
    ],
)
def test_change_of_the_files_is_refused_with_the_remedy(change: str, table: str) -> None:
    remedy = r"Write the table again: CREATE OR REPLACE TABLE delta\..* AS SELECT … FROM delta"
    with pytest.raises(NotImplementedError, match=remedy):
        alter(table, change, lambda _: pytest.fail("a query"))


def test_column_may_forbid_null_unless_it_has_it(table: str, tmp_path: Path) -> None:
    queries: list[str] = []

    def query(statement: str) -> Any:
        queries.append(statement)
        return SimpleNamespace(collect=list)

    alter(table, "ALTER COLUMN name SET NOT NULL", query)
    assert [each["nullable"] for each in read_schema(table)] == [True, False]
    alter(table, "ALTER COLUMN name DROP NOT NULL", query)
    assert [each["nullable"] for each in read_schema(table)] == [True, True]
    assert queries == [f"SELECT 1 FROM {table} WHERE `name` IS NULL LIMIT 1"]  # noqa: S608 (quoted)
    has_null = SimpleNamespace(collect=lambda: [(1,)])
    with pytest.raises(ValueError, match=r"has NULL, so it cannot be NOT NULL. Give these rows"):
        alter(table, "ALTER COLUMN name SET NOT NULL", lambda _: has_null)


def test_comment_alone_leaves_the_rows(table: str) -> None:
    alter(table, "ALTER COLUMN NAME COMMENT 'it''s'", lambda _: pytest.fail("a query"))
    assert read_fields(table)["name"] == {"delta.typeChanges": [], "comment": "it's"}
    assert read_fields(table)["id"]["comment"] == "key"
