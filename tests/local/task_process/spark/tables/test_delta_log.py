"""The commits, files and versions in the log of a Delta table."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.task_process.spark.tables.delta_log import (
    find_files,
    find_location,
    read_commits,
    read_metadata,
    restore,
    write_commit,
)
from tests.local.task_process.spark.tables.support import COMMITS, commit, describe


def test_table_without_files_here_is_named() -> None:
    with pytest.raises(ValueError, match=r"dev\.a\.t is no Delta table with files on this machine"):
        find_location(describe("s3://bucket/t"), "dev.a.t")


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
