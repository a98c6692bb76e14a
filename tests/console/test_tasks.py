"""Groups of tasks by their state, and filters."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.console.labels import KIND_NAMES
from flask_lakeflow_jobs.console.tasks import KIND_ORDER, NO_FILTER, TaskFilter, group_rows
from flask_lakeflow_jobs.console.timeline import build_timeline
from tests.run_documents import FAILED, SUCCEEDED, run, run_state, task


def test_groups_have_every_kind_of_state_once() -> None:
    assert sorted(KIND_ORDER) == sorted(KIND_NAMES)


def test_group_of_a_task_is_that_of_its_last_attempt() -> None:
    documents = [
        task("a", FAILED, run_id=1, start_time=1, end_time=2),
        task("a", SUCCEEDED, run_id=2, attempt_number=1, start_time=3, end_time=4),
        task("b", run_state("RUNNING"), run_id=3, start_time=3),
        task("c", FAILED, run_id=4, start_time=3, end_time=5),
    ]
    groups = group_rows(build_timeline(run(start_time=1, tasks=documents), 9).rows)
    shown = {group.name: (group.count, [row.anchor for row in group.rows]) for group in groups}
    assert {name: each for name, each in shown.items() if each[0]} == {
        "failed": (1, ["c-1"]),
        "running": (1, ["b-1"]),
        "succeeded": (1, ["a-1", "a-2"]),
    }
    assert [group.name for group in groups if group.count] == ["failed", "running", "succeeded"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, NO_FILTER),
        ({"state": "bad", "find": " Load "}, TaskFilter("bad", "Load")),
        ({"state": '"><script>', "find": "x" * 200}, TaskFilter("", "x" * 100)),
    ],
)
def test_filter_of_a_query_has_valid_values_only(query: dict[str, str], shown: TaskFilter) -> None:
    assert TaskFilter.of(query) == shown
    assert TaskFilter("", "Load").matches("preload_orders")
