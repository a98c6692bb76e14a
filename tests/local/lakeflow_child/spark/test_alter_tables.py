"""The columns of a table after ``ALTER TABLE``."""

# ruff: noqa: E501  # lines of SQL

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlglot import exp

from flask_lakeflow_jobs.local.lakeflow_child.spark.alter_tables import (
    alter_table,
    change_columns,
    move_column,
)
from flask_lakeflow_jobs.local.lakeflow_child.spark.delta_log import read_metadata
from flask_lakeflow_jobs.local.lakeflow_child.sql.databricks_sql import (
    DatabricksDialect,
    parse_one,
)

COLUMNS = {"id": "`id`", "name": "`name`"}
ADDED = "CAST(NULL AS STRING)"


def actions(change: str) -> list[exp.Expr]:
    return list(parse_one(f"ALTER TABLE t {change}", DatabricksDialect).args["actions"])


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ("ADD COLUMN a STRING", {**COLUMNS, "a": ADDED}),
        ("ADD COLUMNS (a STRING COMMENT 'x', b INT)", {**COLUMNS, "a": ADDED, "b": "CAST(NULL AS INT)"}),
        ("ADD COLUMN a STRING FIRST", {"a": ADDED, **COLUMNS}),
        ("ADD COLUMN a STRING AFTER ID", {"id": "`id`", "a": ADDED, "name": "`name`"}),
        ("ADD COLUMN IF NOT EXISTS name STRING", COLUMNS),
        ("DROP COLUMN name", {"id": "`id`"}),
        ("DROP COLUMNS (ID, other)", {"name": "`name`"}),
        ("RENAME COLUMN id TO key", {"key": "`id`", "name": "`name`"}),
        ("ALTER COLUMN id TYPE BIGINT", {"id": "CAST(`id` AS BIGINT)", "name": "`name`"}),
        ("ALTER COLUMN id COMMENT 'x'", COLUMNS),
        ("ALTER COLUMN id SET NOT NULL", COLUMNS),
        ("ADD CONSTRAINT k PRIMARY KEY (id)", COLUMNS),
        ("CLUSTER BY (id)", COLUMNS),
        ("ADD CONSTRAINT k CHECK (id > 0)", None),
    ],
)  # fmt: skip
def test_columns_after_an_action(change: str, columns: dict[str, str] | None) -> None:
    (action,) = actions(change)
    changed = change_columns(COLUMNS, action)
    assert changed == columns
    assert list(changed or ()) == list(columns or ())


def test_column_that_exists_is_not_added() -> None:
    (action,) = actions("ADD COLUMN ID STRING")
    with pytest.raises(
        ValueError, match=r"FIELD_ALREADY_.* already exists .*ADD COLUMN IF NOT EXISTS"
    ):
        change_columns(COLUMNS, action)


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
    """A Delta table with a comment, a number that it gives, and columns with names as stored."""
    fields = [
        ("id", {"comment": "key", "delta.columnMapping.id": 1}),
        ("name", {"delta.columnMapping.id": 2}),
    ]
    schema = [{"name": n, "type": "string", "nullable": True, "metadata": m} for n, m in fields]
    write_log(tmp_path, schema)
    return f"delta.`{tmp_path}`"


def write_log(folder: Path, fields: list[dict[str, Any]]) -> None:
    metadata = {"schemaString": json.dumps({"fields": fields}), "partitionColumns": ["name"]}
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


class Frame:
    """A frame whose writer replaces a table by one with the columns a, b and c."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.write = self

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self

    def saveAsTable(self, name: str) -> None:  # noqa: N802 (its name in Spark)
        fields = [{"name": n, "type": "string", "nullable": True, "metadata": {}} for n in "abc"]
        metadata = {"schemaString": json.dumps({"fields": fields})}
        path = self._folder / "_delta_log" / f"{1:020}.json"
        path.write_text(json.dumps({"metaData": metadata}) + "\n")


def test_table_that_is_written_again_keeps_comments(table: str, tmp_path: Path) -> None:
    queries: list[str] = []

    def query(statement: str) -> Frame:
        queries.append(statement)
        return Frame(tmp_path)

    alter(table, "RENAME COLUMN ID TO a", query)
    assert queries == [f"SELECT `id` AS `a`, `name` AS `name` FROM {table}"]  # noqa: S608 (quoted)
    assert read_fields(table) == {"a": {"comment": "key"}, "b": {}, "c": {}}


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


def test_column_is_moved(table: str) -> None:
    move_column(f"ALTER TABLE {table} ALTER COLUMN Name FIRST;", lambda _: pytest.fail("a query"))
    assert [each["name"] for each in read_schema(table)] == ["name", "id"]
    move_column(f"alter table {table} change `name` after ID", lambda _: pytest.fail("a query"))
    assert [each["name"] for each in read_schema(table)] == ["id", "name"]
    with pytest.raises(ValueError, match="has no column other"):
        move_column(f"ALTER TABLE {table} ALTER COLUMN id AFTER other", lambda _: None)
    assert move_column("ALTER TABLE t RENAME TO u", lambda _: None) is None


def test_comment_alone_leaves_the_rows(table: str) -> None:
    alter(table, "ALTER COLUMN NAME COMMENT 'it''s'", lambda _: pytest.fail("a query"))
    assert read_fields(table)["name"] == {"delta.columnMapping.id": 2, "comment": "it's"}
    assert read_fields(table)["id"]["comment"] == "key"


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("delta.identity.step", "DROP COLUMN name"),
        ("delta.identity.step", "RENAME TO other"),
        ("CURRENT_DEFAULT", "RENAME TO other"),
    ],
)
def test_column_that_the_table_fills_is_not_lost(key: str, change: str, tmp_path: Path) -> None:
    fields = [
        {"name": n, "type": "long", "nullable": True, "metadata": {key: 1}} for n in ("id", "name")
    ]
    write_log(tmp_path, fields)
    with pytest.raises(ValueError, match=r"the column id of .* INSERT the rows into it"):
        alter(f"delta.`{tmp_path}`", change, lambda _: pytest.fail("a query"))
