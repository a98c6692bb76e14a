"""The records of runs and attempts."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.model import JobRun, TaskRun


def test_attempt_of_an_older_database_has_the_defaults_of_new_fields() -> None:
    task = TaskRun(1, {"task_key": "a"}, state=states.SUCCESS)
    record = task.to_record()
    del record["ending"], record["concurrency"]
    assert TaskRun.from_record(record, task.spec) == task


@pytest.mark.parametrize(
    ("run_id", "first"), [(10, 10), (11, 10), (12, 12), (13, 12), (20, 20), (21, 20), (22, 22)]
)
def test_first_try_of_a_retry_is_not_of_an_earlier_repair(run_id: int, first: int) -> None:
    spec = {"task_key": "a"}
    tasks = tuple(
        TaskRun(10 + attempt, spec, attempt=attempt, retry=attempt % 2) for attempt in range(4)
    )
    iterations = (
        TaskRun(20, spec, parent=10, index=0),
        TaskRun(21, spec, parent=10, index=0, attempt=1, retry=1),
        TaskRun(22, spec, parent=10, index=1),
    )
    run = JobRun(1, 2, "etl", "me", {}, 0, tasks=tasks, iterations=iterations)
    assert run.first_try_of(run.attempt(run_id)).run_id == first
