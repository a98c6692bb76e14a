"""The history and the details of a Delta table, from its log."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.delta_log import (
    find_location,
    replace_descriptions,
)

COMMITS: list[list[dict[str, Any]]] = [
    [
        {"commitInfo": {"timestamp": 1000, "operation": "CREATE TABLE"}},
        {"metaData": {"id": "x", "partitionColumns": ["day"], "configuration": {"a": "it's"}}},
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["f"]}},
    ],
    [
        {"commitInfo": {"timestamp": 2000, "operation": "WRITE", "operationMetrics": {"n": 2}}},
        {"add": {"path": "a", "size": 10}},
        {"add": {"path": "b", "size": 5}},
    ],
    [{"remove": {"path": "a"}}],
]


@pytest.fixture
def table(tmp_path: Path) -> str:
    log = tmp_path / "_delta_log"
    log.mkdir()
    for version, actions in enumerate(COMMITS):
        text = "\n".join(map(json.dumps, actions)) + "\n"
        (log / f"{version:020}.json").write_text(text)
    (log / "_last_checkpoint").write_text("{}")
    return str(tmp_path)


def describe(location: str) -> Any:
    """Return a query that answers with the description of a table."""
    rows = [SimpleNamespace(col_name="Location", data_type=location)]
    return lambda _: SimpleNamespace(collect=lambda: rows)


def refuse(statement: str) -> Any:
    raise AssertionError(statement)


def test_history_is_a_query_of_the_commits_with_the_last_one_first(table: str) -> None:
    history = replace_descriptions("DESCRIBE HISTORY dev.a.t LIMIT 2", describe(f"file://{table}"))
    assert history.startswith("SELECT * FROM VALUES (CAST('2' AS BIGINT), ")
    assert history.endswith(" LIMIT 2")
    operations = ("'UNKNOWN'", "'WRITE'", "'CREATE TABLE'")
    assert sorted(map(history.index, operations)) == [*map(history.index, operations)]
    assert "timestamp_millis(2000L)" in history
    assert "CAST(map('n', '2') AS MAP<STRING, STRING>)" in history


def test_detail_counts_the_files_that_are_left(table: str) -> None:
    detail = replace_descriptions(f"desc detail delta.`{table}`", refuse)
    assert "CAST('1' AS BIGINT), CAST('5' AS BIGINT)" in detail
    assert "CAST(map('a', 'it\\'s') AS MAP<STRING, STRING>)" in detail
    assert "CAST(array('day') AS ARRAY<STRING>)" in detail
    assert "CAST(array('f') AS ARRAY<STRING>)" in detail


def test_description_in_a_query_is_replaced_there(table: str) -> None:
    query = "SELECT max(version) FROM (DESCRIBE HISTORY a.`b c`) WHERE x = 'DESCRIBE HISTORY t'"
    replaced = replace_descriptions(query, describe(table))
    assert replaced.startswith("SELECT max(version) FROM (SELECT * FROM VALUES (")
    assert replaced.endswith(") WHERE x = 'DESCRIBE HISTORY t'")


@pytest.mark.parametrize(
    "statement", ["DESCRIBE t", "DESCRIBE EXTENDED t", "SELECT 1 AS history", "DESCRIBE DETAILS t"]
)
def test_other_statements_stay(statement: str) -> None:
    assert replace_descriptions(statement, refuse) == statement


def test_table_without_files_here_is_named() -> None:
    with pytest.raises(ValueError, match=r"dev\.a\.t is no Delta table with files on this machine"):
        find_location(describe("s3://bucket/t"), "dev.a.t")
