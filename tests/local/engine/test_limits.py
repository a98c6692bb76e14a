"""The running and queued runs of each job."""

from __future__ import annotations

from dataclasses import replace

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.engine.limits import RunLimits
from flask_lakeflow_jobs.local.model import JobRun

QUEUED = states.queued_for_concurrency(1)


def job_run(run_id: int, job_id: int = 1) -> JobRun:
    return JobRun(run_id, job_id, "etl", "me", {}, 0, state=states.RUNNING)


def test_limits_count_running_runs_of_each_job() -> None:
    limits = RunLimits()
    first, second = job_run(1), job_run(2)
    for run in (first, second, second, job_run(3, job_id=2), replace(job_run(4), state=QUEUED)):
        limits.track(run)
    assert [limits.running_runs(job_id) for job_id in (1, 2, 3)] == [2, 1, 0]
    limits.track(replace(first, state=states.TERMINATING))
    assert limits.running_runs(1) == 2
    limits.track(replace(first, state=states.CANCELED))
    assert limits.running_runs(1) == 1


def test_limits_return_the_run_that_was_queued_first() -> None:
    limits = RunLimits()
    for run_id in (3, 1, 2):
        limits.track(replace(job_run(run_id), state=QUEUED))
    assert limits.next_queued(1) == 3
    limits.track(job_run(3))
    limits.track(replace(job_run(1), state=states.CANCELED))
    assert limits.next_queued(1) == 2
    limits.track(job_run(2))
    assert limits.next_queued(1) is limits.next_queued(2) is None
