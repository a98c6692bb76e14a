"""Attempts after the first, and what runs too long."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import played, script, scripted, task_words, words


def test_retry(serve: Serve, clock: ManualClock) -> None:
    parts = {"a": {"result": ["FAILED", "FAILED", "SUCCESS"]}}
    job = scripted(
        played("a", max_retries=2, min_retry_interval_millis=8000),
        played("b", "a"),
        seconds=5,
        tasks=parts,
    )
    client = serve({"etl": job}, clock=clock)
    run_id = client.start("etl")
    clock.advance(5)
    run = client.jobs.get_run(run_id)
    first, blocked, waiting = run.tasks or []
    assert words(first) == ("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR")
    assert words(blocked)[0] == "BLOCKED"
    assert (words(waiting)[0], waiting.attempt_number) == ("WAITING_FOR_RETRY", 1)
    assert waiting.status is not None
    assert waiting.status.state is not None
    assert waiting.status.state.value == "WAITING"
    clock.advance(2.9)
    assert words((client.jobs.get_run(run_id).tasks or [])[2])[0] == "WAITING_FOR_RETRY"
    clock.advance(0.1 + 5 + 3 + 5 + 5)
    run = client.jobs.get_run(run_id)
    assert words(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
    attempts = [(task.task_key, task.attempt_number, words(task)[1]) for task in run.tasks or []]
    assert attempts == [
        ("a", 0, "FAILED"),
        ("b", 0, "SUCCESS"),
        ("a", 1, "FAILED"),
        ("a", 2, "SUCCESS"),
    ]
    ids = [task.run_id or 0 for task in run.tasks or []]
    originals = [client.jobs.get_run(each).original_attempt_run_id for each in ids]
    assert originals == [ids[0], ids[1], ids[0], ids[0]]


def test_a_retry_that_is_overdue_comes_at_once(serve: Serve, clock: ManualClock) -> None:
    job = scripted(
        played("a", max_retries=1, min_retry_interval_millis=3000),
        seconds=5,
        result=["FAILED", "SUCCESS"],
    )
    client = serve({"etl": job}, clock=clock)
    run_id = client.start("etl")
    clock.advance(10)
    assert words(client.jobs.get_run(run_id))[1] == "SUCCESS"


def test_retries_run_out(serve: Serve) -> None:
    job = scripted(played("a", max_retries=2), result="FAILED")
    run = serve({"etl": job}).run("etl")
    assert [task.attempt_number for task in run.tasks or []] == [0, 1, 2]
    assert words(run)[1] == "FAILED"


@pytest.mark.parametrize(("again", "attempts"), [(False, 1), (True, 2)])
def test_task_timeout(serve: Serve, clock: ManualClock, again: bool, attempts: int) -> None:
    task = played("a", timeout_seconds=3, max_retries=1, retry_on_timeout=again)
    client = serve({"etl": scripted(task, seconds=60)}, clock=clock)
    run_id = client.start("etl")
    clock.advance(2.9)
    assert words(client.jobs.get_run(run_id))[0] == "RUNNING"
    clock.advance(4)
    run = client.jobs.get_run(run_id)
    assert [words(task) for task in run.tasks or []] == [
        ("TERMINATED", "TIMEDOUT", "CANCELED")
    ] * attempts
    assert words(run)[1] == "FAILED"


def test_timeout_of_a_process(serve: Serve) -> None:
    task = script("main", timeout_seconds=1)
    client = serve({"etl": {"tasks": [task]}}, {"main.py": "import time; time.sleep(1000)"})
    run = client.run("etl")
    assert task_words(run) == {"main": "TIMEDOUT"}


def test_run_timeout(serve: Serve, clock: ManualClock) -> None:
    job = {**scripted(played("a"), played("b", "a"), seconds=60), "timeout_seconds": 90}
    client = serve({"etl": job}, clock=clock)
    run_id = client.start("etl")
    clock.advance(90)
    run = client.jobs.get_run(run_id)
    assert words(run) == ("TERMINATED", "TIMEDOUT", "CANCELED")
    assert task_words(run) == {"a": "SUCCESS", "b": "TIMEDOUT"}
    assert run.state is not None
    assert run.state.user_cancelled_or_timedout is True


def test_no_retry_once_the_run_has_timed_out(serve: Serve, clock: ManualClock) -> None:
    task = played("a", max_retries=3, retry_on_timeout=True)
    client = serve({"etl": {**scripted(task, seconds=60), "timeout_seconds": 30}}, clock=clock)
    run_id = client.start("etl")
    clock.advance(300)
    run = client.jobs.get_run(run_id)
    assert words(run)[1] == "TIMEDOUT"
    assert len(run.tasks or []) == 1
