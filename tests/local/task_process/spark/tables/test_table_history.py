"""Queries for the history of a Delta table, its details and its changed rows."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.spark.tables.table_history import (
    build_counts,
    build_history,
    find_keys,
    replace_descriptions,
)
from tests.local.task_process.spark.tables.support import commit, describe


def test_descriptions_are_replaced_outside_of_texts(table: str) -> None:
    statement = "SELECT '(DESC HISTORY t' AS `(desc detail t` FROM ({})"
    replaced = replace_descriptions(statement.format("desc\nHistory `my t`"), describe(table))
    assert replaced == statement.format(build_history(table))


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
