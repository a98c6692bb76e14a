"""Retries of tasks, and timeouts of tasks and runs."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import (
    python_task,
    simulated_job,
    simulated_task,
    state_fields,
    task_results,
)
from tests.support import needs_newer_sdk


@needs_newer_sdk
def test_failed_task_is_retried_after_its_interval(serve: Serve, clock: ManualClock) -> None:
    parts = {"a": {"result": ["FAILED", "FAILED", "SUCCESS"]}}
    job = simulated_job(
        simulated_task("a", max_retries=2, min_retry_interval_millis=8000),
        simulated_task("b", "a"),
        seconds=5,
        tasks=parts,
    )
    client = serve({"etl": job}, clock=clock)
    run_id = client.start("etl")
    clock.advance(5)
    run = client.jobs.get_run(run_id)
    first, blocked, waiting = run.tasks or []
    assert state_fields(first) == ("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR")
    assert state_fields(blocked)[0] == "BLOCKED"
    assert (state_fields(waiting)[0], waiting.attempt_number) == ("WAITING_FOR_RETRY", 1)
    assert waiting.status is not None
    assert waiting.status.state is not None
    assert waiting.status.state.value == "WAITING"
    clock.advance(2.9)
    assert state_fields((client.jobs.get_run(run_id).tasks or [])[2])[0] == "WAITING_FOR_RETRY"
    clock.advance(0.1 + 5 + 3 + 5 + 5)
    run = client.jobs.get_run(run_id)
    assert state_fields(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
    attempts = [
        (task.task_key, task.attempt_number, state_fields(task)[1]) for task in run.tasks or []
    ]
    assert attempts == [
        ("a", 0, "FAILED"),
        ("b", 0, "SUCCESS"),
        ("a", 1, "FAILED"),
        ("a", 2, "SUCCESS"),
    ]
    ids = [task.run_id or 0 for task in run.tasks or []]
    originals = [client.jobs.get_run(each).original_attempt_run_id for each in ids]
    assert originals == [ids[0], ids[1], ids[0], ids[0]]


@pytest.mark.parametrize(("again", "attempts"), [(False, 1), (True, 2)])
def test_task_that_times_out_is_retried_on_request(
    serve: Serve, clock: ManualClock, again: bool, attempts: int
) -> None:
    task = simulated_task("a", timeout_seconds=3, max_retries=1, retry_on_timeout=again)
    client = serve({"etl": simulated_job(task, seconds=60)}, clock=clock)
    run_id = client.start("etl")
    clock.advance(2.9)
    assert state_fields(client.jobs.get_run(run_id))[0] == "RUNNING"
    clock.advance(4)
    run = client.jobs.get_run(run_id)
    assert [state_fields(task) for task in run.tasks or []] == [
        ("TERMINATED", "TIMEDOUT", "CANCELED")
    ] * attempts
    assert state_fields(run)[1] == "FAILED"


def test_process_that_times_out_is_stopped(serve: Serve) -> None:
    task = python_task("main", timeout_seconds=1)
    client = serve({"etl": {"tasks": [task]}}, {"main.py": "import time; time.sleep(1000)"})
    run = client.run("etl")
    assert task_results(run) == {"main": "TIMEDOUT"}


def test_run_that_times_out_stops_its_tasks(serve: Serve, clock: ManualClock) -> None:
    job = {
        **simulated_job(simulated_task("a"), simulated_task("b", "a"), seconds=60),
        "timeout_seconds": 90,
    }
    client = serve({"etl": job}, clock=clock)
    run_id = client.start("etl")
    clock.advance(90)
    run = client.jobs.get_run(run_id)
    assert state_fields(run) == ("TERMINATED", "TIMEDOUT", "CANCELED")
    assert task_results(run) == {"a": "SUCCESS", "b": "TIMEDOUT"}
    assert run.state is not None
    assert run.state.user_cancelled_or_timedout is True
