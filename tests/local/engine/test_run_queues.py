"""The running and queued runs of each job."""

from __future__ import annotations

from dataclasses import replace

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.engine.engine import RunQueues
from flask_lakeflow_jobs.local.model import JobRun

QUEUED = states.queued_for_concurrency(1)


def job_run(run_id: int, job_id: int = 1) -> JobRun:
    return JobRun(run_id, job_id, "etl", "me", {}, 0, state=states.RUNNING)


def test_queues_count_running_runs_of_each_job() -> None:
    queues = RunQueues()
    first, second = job_run(1), job_run(2)
    for run in (first, second, second, job_run(3, job_id=2), replace(job_run(4), state=QUEUED)):
        queues.track(run)
    assert [queues.running_runs(job_id) for job_id in (1, 2, 3)] == [2, 1, 0]
    queues.track(replace(first, state=states.TERMINATING))
    assert queues.running_runs(1) == 2
    queues.track(replace(first, state=states.CANCELED))
    assert queues.running_runs(1) == 1


def test_queues_return_the_run_that_was_queued_first() -> None:
    queues = RunQueues()
    for run_id in (3, 1, 2):
        queues.track(replace(job_run(run_id), state=QUEUED))
    assert queues.next_queued(1) == 3
    queues.track(job_run(3))
    queues.track(replace(job_run(1), state=states.CANCELED))
    assert queues.next_queued(1) == 2
    queues.track(job_run(2))
    assert queues.next_queued(1) is queues.next_queued(2) is None
