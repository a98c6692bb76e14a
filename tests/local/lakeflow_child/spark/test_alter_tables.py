"""The columns of a table after ``ALTER TABLE``."""

# ruff: noqa: E501  # lines of SQL

from __future__ import annotations

import pytest
from sqlglot import exp

from flask_lakeflow_jobs.local.lakeflow_child.spark.alter_tables import alter_table, change_columns
from flask_lakeflow_jobs.local.lakeflow_child.sql.databricks_dialect import (
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
    with pytest.raises(ValueError, match=r"FIELD_ALREADY_EXISTS.*ADD COLUMN IF NOT EXISTS"):
        change_columns(COLUMNS, action)


@pytest.mark.parametrize(
    "change",
    [
        "SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')",
        "ADD CONSTRAINT k PRIMARY KEY (id)",
        "DROP CONSTRAINT IF EXISTS k",
        "CLUSTER BY NONE",
        "ALTER COLUMN id DROP NOT NULL",
    ],
)
def test_change_without_a_result_is_skipped(change: str) -> None:
    tree = parse_one(f"ALTER TABLE t {change}", DatabricksDialect)
    assert isinstance(tree, exp.Alter)
    assert "skipped" in str(alter_table(tree, lambda _: None))
