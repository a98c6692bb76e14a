"""The order of tasks, the limits of runs and processes, and cancellation."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import (
    python_task,
    simulated_job,
    simulated_task,
    state_fields,
    state_message,
    task_results,
)
from tests.support import wait_until


@pytest.mark.parametrize(
    ("rule", "results", "expected"),
    [
        (None, ["SUCCESS", "FAILED"], "UPSTREAM_FAILED"),
        ("ALL_FAILED", ["SUCCESS", "FAILED"], "EXCLUDED"),
        ("AT_LEAST_ONE_FAILED", ["SUCCESS", "FAILED"], "SUCCESS"),
    ],
)
def test_task_follows_its_run_if(
    serve: Serve, rule: str | None, results: list[str], expected: str
) -> None:
    more = {"run_if": rule} if rule else {}
    parts = {"a": {"result": results[0]}, "b": {"result": results[1]}}
    client = serve(
        {
            "etl": simulated_job(
                simulated_task("a"),
                simulated_task("b"),
                simulated_task("c", "a", "b", **more),
                tasks=parts,
            )
        }
    )
    run = client.run("etl")
    assert task_results(run)["c"] == expected
    (*_, last) = run.tasks or []
    assert last.run_if is not None
    assert last.run_if.value == (rule or "ALL_SUCCESS")


def test_run_with_a_failed_inner_task_succeeds_with_failures(serve: Serve) -> None:
    client = serve(
        {
            "etl": simulated_job(
                simulated_task("a"),
                simulated_task("b", "a", run_if="ALL_DONE"),
                tasks={"a": {"result": "FAILED"}},
            )
        }
    )
    run = client.run("etl")
    assert state_fields(run)[:2] == ("TERMINATED", "SUCCESS_WITH_FAILURES")
    _, shape = client.http("GET", f"/api/2.2/jobs/runs/get?run_id={run.run_id}")
    details = shape["status"]["termination_details"]
    assert (details["code"], details["type"]) == ("SUCCESS_WITH_FAILURES", "SUCCESS")


@pytest.mark.parametrize(
    ("only", "ran"),
    [
        (["b"], ["b"]),
        (["+c", "x"], ["a", "b", "c", "x"]),
    ],
)
def test_run_now_with_only_runs_the_selected_tasks(
    serve: Serve, only: list[str], ran: list[str]
) -> None:
    tasks = [
        simulated_task("a"),
        simulated_task("b", "a"),
        simulated_task("c", "b"),
        simulated_task("d", "c"),
        simulated_task("x"),
    ]
    run = serve({"etl": simulated_job(*tasks)}).run("etl", only=only)
    assert task_results(run) == dict.fromkeys(ran, "SUCCESS")


# Limits and cancellation


def test_run_over_the_limit_without_a_queue_is_skipped(serve: Serve, clock: ManualClock) -> None:
    job = {**simulated_job(simulated_task("a"), seconds=5), "queue": {"enabled": False}}
    client = serve({"etl": job}, clock=clock)
    first = client.start("etl")
    second = client.jobs.get_run(client.start("etl"))
    assert state_fields(second) == (
        "SKIPPED",
        "MAXIMUM_CONCURRENT_RUNS_REACHED",
        "MAX_CONCURRENT_RUNS_EXCEEDED",
    )
    assert state_message(second) == (
        "Skipping this run because the limit of 1 maximum concurrent runs has been reached."
    )
    clock.advance(5)
    assert state_fields(client.jobs.get_run(first))[1] == "SUCCESS"


def test_run_over_the_limit_is_queued(serve: Serve, clock: ManualClock) -> None:
    client = serve({"etl": simulated_job(simulated_task("a"), seconds=5)}, clock=clock)
    first, second, third = (client.start("etl") for _ in range(3))
    queued = client.jobs.get_run(second)
    assert state_fields(queued)[0] == "QUEUED"
    assert queued.state is not None
    assert queued.state.queue_reason == "Queued due to reaching maximum concurrent runs of 1."
    assert queued.status is not None
    assert queued.status.queue_details is not None
    assert queued.status.queue_details.code is not None
    assert queued.status.queue_details.code.value == "MAX_CONCURRENT_RUNS_REACHED"
    client.jobs.cancel_run(third)
    assert state_fields(client.jobs.get_run(third)) == ("TERMINATED", "CANCELED", "USER_CANCELED")
    clock.advance(5)
    run = client.jobs.get_run(second)
    assert (state_fields(run)[0], run.queue_duration) == ("RUNNING", 5000)
    clock.advance(5)
    assert state_fields(client.jobs.get_run(second))[1] == "SUCCESS"
    assert state_fields(client.jobs.get_run(first))[1] == "SUCCESS"


def test_cancel_returns_before_the_run_has_ended(serve: Serve, clock: ManualClock) -> None:
    client = serve(
        {"etl": simulated_job(simulated_task("a"), simulated_task("b", "a"), seconds=5)},
        clock=clock,
    )
    run_id = client.start("etl")
    client.jobs.cancel_run(run_id)
    run = client.jobs.get_run(run_id)
    assert state_fields(run)[0] == "TERMINATING"
    (first, _) = run.tasks or []
    assert state_fields(first)[0] == "TERMINATING"
    assert [each.run_id for each in client.jobs.list_runs(active_only=True)] == [run_id]
    clock.advance(0)
    run = client.jobs.get_run(run_id)
    assert state_fields(run) == ("TERMINATED", "CANCELED", "USER_CANCELED")
    assert task_results(run) == {"a": "CANCELED", "b": "CANCELED"}
    clock.advance(60)
    assert state_fields(client.jobs.get_run(run_id))[1] == "CANCELED"


def test_cancel_all_cancels_queued_runs_or_those_of_a_job(serve: Serve, clock: ManualClock) -> None:
    jobs = {
        "etl": simulated_job(simulated_task("a"), seconds=5),
        "other": simulated_job(simulated_task("a"), seconds=5),
    }
    client = serve(jobs, clock=clock)
    running, queued, other = client.start("etl"), client.start("etl"), client.start("other")
    client.jobs.cancel_all_runs(all_queued_runs=True)
    assert [state_fields(client.jobs.get_run(each))[0] for each in (running, queued, other)] == [
        "RUNNING",
        "TERMINATED",
        "RUNNING",
    ]
    client.start("etl")
    client.jobs.cancel_all_runs(job_id=client.job_ids["etl"])
    clock.advance(0)
    active = [run.run_id for run in client.jobs.list_runs(active_only=True)]
    assert active == [other]


def test_tasks_over_the_limit_of_processes_are_queued(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.local.engine.engine.MAX_PROCESSES", 2)
    code = """
        import os, sys, time
        deadline = time.monotonic() + 120
        while not os.path.exists(os.environ["LAKEFLOW_LOCAL_DATA"] + "/go"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    """
    tasks = [python_task(key) for key in "abcd"]
    client = serve({"etl": {"tasks": tasks}}, {"main.py": code})
    run_id = client.start("etl")

    def states() -> list[str]:
        return [state_fields(task)[0] for task in client.jobs.get_run(run_id).tasks or []]

    wait_until(lambda: states() == ["RUNNING", "RUNNING", "QUEUED", "QUEUED"], "two queued tasks")
    _, shape = client.http("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")
    queued = shape["tasks"][2]
    assert queued["status"]["queue_details"]["code"] == "ACTIVE_RUN_JOB_TASKS_LIMIT_REACHED"
    client.jobs.cancel_run(shape["tasks"][3]["run_id"])
    wait_until(lambda: states()[3] == "TERMINATED", "the end of the last task")
    (tmp_path / "folder" / "data" / "go").write_text("")
    run = client.finish(run_id)
    assert task_results(run) == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "d": "CANCELED"}
    third = (run.tasks or [])[2]
    assert third.queue_duration
    assert state_fields(run)[1] == "CANCELED"
