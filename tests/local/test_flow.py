"""What follows what, and how many runs and processes go at once: run_if, queues, cancel."""

from __future__ import annotations

from pathlib import Path

import pytest
from databricks.sdk.service.jobs import QueueSettings

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

UPSTREAM = ["good", "bad"]


@pytest.mark.parametrize(
    ("rule", "results", "expected"),
    [
        (None, ["SUCCESS", "SUCCESS"], "SUCCESS"),
        (None, ["SUCCESS", "FAILED"], "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", ["SUCCESS", "CANCELED"], "UPSTREAM_CANCELED"),
        ("ALL_SUCCESS", ["FAILED", "CANCELED"], "UPSTREAM_FAILED"),
        ("ALL_DONE", ["FAILED", "CANCELED"], "SUCCESS"),
        ("NONE_FAILED", ["SUCCESS", "SUCCESS"], "SUCCESS"),
        ("NONE_FAILED", ["SUCCESS", "FAILED"], "UPSTREAM_FAILED"),
        ("AT_LEAST_ONE_SUCCESS", ["SUCCESS", "FAILED"], "SUCCESS"),
        ("AT_LEAST_ONE_SUCCESS", ["FAILED", "FAILED"], "UPSTREAM_FAILED"),
        ("ALL_FAILED", ["FAILED", "FAILED"], "SUCCESS"),
        ("ALL_FAILED", ["SUCCESS", "FAILED"], "EXCLUDED"),
        ("AT_LEAST_ONE_FAILED", ["SUCCESS", "FAILED"], "SUCCESS"),
        ("AT_LEAST_ONE_FAILED", ["SUCCESS", "SUCCESS"], "EXCLUDED"),
    ],
)
def test_run_if(serve: Serve, rule: str | None, results: list[str], expected: str) -> None:
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


def test_success_with_failures(serve: Serve) -> None:
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


def test_failed_leaf_fails_the_run(serve: Serve) -> None:
    parts = {"b": {"result": "FAILED"}}
    client = serve({"etl": simulated_job(simulated_task("a"), simulated_task("b"), tasks=parts)})
    run = client.run("etl")
    assert state_fields(run) == ("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR")
    assert state_message(run) == (
        "Task b failed with message: Workload failed, see run output for details."
    )


def test_disabled_task(serve: Serve) -> None:
    client = serve({"etl": simulated_job(simulated_task("a", disabled=True), simulated_task("b"))})
    run = client.run("etl")
    assert task_results(run) == {"a": "DISABLED", "b": "SUCCESS"}
    assert state_fields(run)[1] == "SUCCESS"


@pytest.mark.parametrize(
    ("only", "ran"),
    [
        (["b"], ["b"]),
        (["+b"], ["a", "b"]),
        (["b+"], ["b", "c", "d"]),
        (["+c", "x"], ["a", "b", "c", "x"]),
    ],
)
def test_only(serve: Serve, only: list[str], ran: list[str]) -> None:
    tasks = [
        simulated_task("a"),
        simulated_task("b", "a"),
        simulated_task("c", "b"),
        simulated_task("d", "c"),
        simulated_task("x"),
    ]
    run = serve({"etl": simulated_job(*tasks)}).run("etl", only=only)
    assert task_results(run) == dict.fromkeys(ran, "SUCCESS")


def test_a_long_chain(serve: Serve) -> None:
    tasks = [simulated_task("t0")] + [
        simulated_task(f"t{n}", f"t{n - 1}", disabled=True) for n in range(1, 600)
    ]
    run = serve({"etl": simulated_job(*tasks)}).run("etl")
    assert state_fields(run)[1] == "SUCCESS"


# Concurrency


def test_over_the_limit_without_a_queue(serve: Serve, clock: ManualClock) -> None:
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


def test_over_the_limit_with_a_queue(serve: Serve, clock: ManualClock) -> None:
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


def test_a_run_may_refuse_the_queue(serve: Serve, clock: ManualClock) -> None:
    client = serve({"etl": simulated_job(simulated_task("a"), seconds=5)}, clock=clock)
    client.start("etl")
    run = client.jobs.get_run(client.start("etl", queue=QueueSettings(enabled=False)))
    assert state_fields(run)[0] == "SKIPPED"
    body = {"job_id": client.job_ids["etl"], "queue": {"enabled": "False"}}
    _, answer = client.http("POST", "/api/2.2/jobs/run-now", body)
    assert state_fields(client.jobs.get_run(answer["run_id"]))[0] == "SKIPPED"


def test_limit_of_none_skips_all(serve: Serve) -> None:
    client = serve({"etl": {**simulated_job(simulated_task("a")), "max_concurrent_runs": 0}})
    assert state_fields(client.run("etl"))[0] == "SKIPPED"


def test_cancel_is_answered_before_it_is_done(serve: Serve, clock: ManualClock) -> None:
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


def test_cancel_of_one_task(serve: Serve, clock: ManualClock) -> None:
    client = serve(
        {"etl": simulated_job(simulated_task("a"), simulated_task("b", "a"), seconds=5)},
        clock=clock,
    )
    run_id = client.start("etl")
    (first, _) = client.jobs.get_run(run_id).tasks or []
    assert first.run_id is not None
    client.jobs.cancel_run(first.run_id)
    clock.advance(0)
    run = client.jobs.get_run(run_id)
    assert task_results(run) == {"a": "CANCELED", "b": "UPSTREAM_CANCELED"}
    assert state_fields(run)[1] == "CANCELED"


def test_cancel_all(serve: Serve, clock: ManualClock) -> None:
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


def test_more_processes_than_there_is_room_for(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.local.engine.engine._MAX_PROCESSES", 2)
    code = """
        import os, sys, time
        deadline = time.monotonic() + 30
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
