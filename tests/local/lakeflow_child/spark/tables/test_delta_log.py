"""The commits, files and versions in the log of a Delta table."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.tables.delta_log import (
    build_counts,
    build_history,
    find_files,
    find_keys,
    find_location,
    read_commits,
    read_metadata,
    replace_descriptions,
    restore,
    write_commit,
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


def test_table_without_files_here_is_named() -> None:
    with pytest.raises(ValueError, match=r"dev\.a\.t is no Delta table with files on this machine"):
        find_location(describe("s3://bucket/t"), "dev.a.t")


def test_descriptions_are_replaced_outside_of_texts(table: str) -> None:
    statement = "SELECT '(DESC HISTORY t' AS `(desc detail t` FROM ({})"
    replaced = replace_descriptions(statement.format("desc\nHistory `my t`"), describe(table))
    assert replaced == statement.format(build_history(table))


def commit(table: str, version: int, *actions: dict[str, Any]) -> None:
    path = Path(table, "_delta_log", f"{version:020}.json")
    path.write_text("".join(json.dumps(each) + "\n" for each in actions))


@pytest.mark.parametrize(
    ("kind", "metrics", "counts"),
    [
        ("DELETE", {"numDeletedRows": 2, "numCopiedRows": 9}, "2L AS num_affected_rows"),
        ("DELETE", {"numTargetRowsDeleted": "1"}, "1L AS num_affected_rows"),
        (
            "UPDATE",
            {"numTargetRowsUpdated": 3, "numTargetRowsCopied": 9},
            "3L AS num_affected_rows",
        ),
        (
            "MERGE",
            {"numTargetRowsInserted": 1, "numTargetRowsUpdated": 2, "numTargetRowsDeleted": 4},
            (
                "7L AS num_affected_rows, 2L AS num_updated_rows, 4L AS num_deleted_rows, "
                "1L AS num_inserted_rows"
            ),
        ),
    ],
)
def test_counts_are_those_of_the_first_change_after_a_version(
    table: str, kind: str, metrics: dict[str, Any], counts: str
) -> None:
    commit(table, 3, {"commitInfo": {"operation": "WRITE", "operationMetrics": {"n": 8}}})
    commit(table, 4, {"commitInfo": {"operation": "MERGE", "operationMetrics": metrics}})
    commit(table, 5, {"commitInfo": {"operation": "MERGE"}})
    assert build_counts(kind, table, 2) == f"SELECT {counts}"
    assert build_counts(kind, table, 4) is None
    assert build_counts("DELETE", table, 5) == "SELECT 0L AS num_affected_rows"


def test_files_of_a_version_are_those_added_and_not_removed(table: str) -> None:
    commits = list(read_commits(table))
    assert list(find_files(commits[:2])) == ["a", "b"]
    assert find_files(commits) == {"b": {"path": "b", "size": 5}}
    assert [version for version, _ in read_commits(table, after=0)] == [1, 2]


def test_version_that_another_writer_has_added_stays(table: str) -> None:
    with pytest.raises(FileExistsError):
        write_commit(table, 2, [{"add": {"path": "c"}}])
    assert list(read_commits(table))[2:] == [(2, COMMITS[2])]
    assert not list(Path(table).rglob("*.part"))


def test_restored_table_has_the_files_and_the_metadata_of_a_version(table: str) -> None:
    commit(table, 3, {"metaData": {"id": "y", "schemaString": "{}"}}, {"add": {"path": "c"}})
    commit(table, 4, {"metaData": {"id": "z", "schemaString": "[]"}}, {"add": {"path": "d"}})
    assert restore(table, "t", lambda each: each[0] == 3)
    assert read_metadata(table)["id"] == "y"
    assert sorted(find_files(read_commits(table))) == ["b", "c"]
    assert not restore(table, "t", lambda each: each[0] < 4)
    with pytest.raises(ValueError, match=r"TABLE_VERSION\] The table t .* DESCRIBE HISTORY t"):
        restore(table, "t", lambda _: False)


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ("t . id = s . id ", ["id"]),
        ("main . t . Id=s.id AND a . `p q` <=> b . `p q` AND a . n = b . m", ["Id", "p q"]),
        ("t . id = s . key OR t . day = '2024' ", []),
        ("", []),
    ],
)
def test_keys_of_a_merge_are_compared_by_their_names(condition: str, keys: list[str]) -> None:
    assert find_keys({"operationParameters": {"mergePredicate": condition}}) == keys
    assert find_keys({"operationParameters": None}) == []
