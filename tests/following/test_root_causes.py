"""The root cause that the record has of a run after its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from flask import Flask

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.following import root_causes
from flask_lakeflow_jobs.following.root_causes import RootCauseRecorder
from tests.record.rows import add_run, end
from tests.records import SwitchableRecord
from tests.run_documents import FAILED, JOB_ID, SUCCEEDED, build_job, run, run_state, task

JOB = build_job("etl")
CAUSE = task("load", run_state("TERMINATED", "FAILED", message="Workload failed."))


def failed(**fields: Any) -> RunStatus:
    return RunStatus(1, run(FAILED, run_id=7, tasks=[CAUSE], **fields))


@pytest.mark.parametrize(
    ("status", "job", "is_selected"),
    [
        (failed(), JOB, True),
        (failed(), replace(JOB, run_as="user"), False),
        (failed(), replace(JOB, key="other"), False),
        (RunStatus(1, run(FAILED)), JOB, False),
        (RunStatus(1, run(SUCCEEDED, tasks=[task("load", SUCCEEDED)])), JOB, False),
    ],
)
def test_ends_with_a_cause_that_the_app_may_read_are_selected(
    record: SwitchableRecord, status: RunStatus, job: Job, is_selected: bool
) -> None:
    recorder = RootCauseRecorder(record, lambda: pytest.fail("called"), {job.key: job})
    names = recorder.select({"job": "etl", "run_id": 7, "status": status})
    assert bool(names) is is_selected
    assert {*names} <= {*recorder.find()}


@pytest.mark.parametrize(
    ("cause", "ended_at", "recorded"),
    [
        ("load: KeyError: 'day'", 5, "load: KeyError: 'day'"),
        ("load: two\nlines", 5, "load: two lines"),
        ("load: KeyError: 'day'", 4, "load: Workload failed."),  # it was repaired since
        ("", 5, "load: Workload failed."),
    ],
)
def test_cause_is_recorded_of_the_end_that_it_explains(
    record: SwitchableRecord,
    monkeypatch: pytest.MonkeyPatch,
    cause: str,
    ended_at: int,
    recorded: str,
) -> None:
    monkeypatch.setattr(root_causes, "read_root_cause", lambda *_: cause)
    recorder = RootCauseRecorder(record, lambda: cast(Any, None), {"etl": JOB})
    add_run(record, 7, job_id=JOB_ID)
    record.finish_run(end(7, "failed", ended_at=5, job_id=JOB_ID, error="load: Workload failed."))
    (receiver,) = recorder.find().values()
    receiver(Flask("app"), job="etl", run_id=7, status=failed(end_time=ended_at), delivery_id="d")
    (row,) = record.list_runs()
    assert (row.error, row.outcome) == (recorded, "failed")
