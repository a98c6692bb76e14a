"""Recorded ends: the error in one line, and runs that the workspace dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.following.ends import EndRecorder, summarize_error
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.record.rows import add_run
from tests.records import switchable_record
from tests.run_documents import SUCCEEDED, build_job, run, run_state, task

JOB = build_job()


def failed(message: str) -> dict[str, Any]:
    return run_state("TERMINATED", "FAILED", message=message)


@pytest.mark.parametrize(
    ("state", "tasks", "error"),
    [
        (SUCCEEDED, [task("load", failed("Boom"))], None),
        (failed("Task load failed."), [task("load", failed("Boom"))], "load: Boom"),
        (failed("Task load failed."), [task("load", failed(""))], "Task load failed."),
        (failed("No cluster."), [], "No cluster."),
        (failed("No\ncluster."), [], "No cluster."),
        (failed(""), [], None),
    ],
)
def test_error_of_an_end_is_the_message_of_its_cause(
    state: dict[str, Any], tasks: list[dict[str, Any]], error: str | None
) -> None:
    assert summarize_error(JOB, RunStatus(1, run(state, tasks=tasks))) == error


def test_run_that_the_workspace_dropped_has_no_known_outcome(
    tmp_path: Path, clock: FakeClock
) -> None:
    with switchable_record(tmp_path, clock) as record:
        add_run(record, 7, job_id=JOB.job_id)
        ends = EndRecorder(
            Flask("app"), record, {JOB.key: JOB}, clock, lambda _: NotImplemented, has_thread=False
        )
        ends.abandon(RunKey(APP, JOB, 7), "The job has no run 7.")
        (row,) = record.list_runs()
        assert (row.outcome, row.error) == ("unknown", "The job has no run 7.")
        assert record.list_unfinished_runs([JOB.job_id]) == []
        assert record.list_undelivered() == []
