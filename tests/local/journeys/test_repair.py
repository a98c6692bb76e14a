"""Repairs: tasks of a run that has ended run again."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, InvalidState

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import (
    Client,
    python_task,
    repair,
    simulated_job,
    simulated_task,
    state_fields,
    task_results,
)


def repairable(serve: Serve, clock: ManualClock) -> tuple[Client, int]:
    tasks = [
        simulated_task("a"),
        simulated_task("b", "a"),
        simulated_task("c", "b"),
        simulated_task("x"),
    ]
    parts = {"b": {"result": ["FAILED", "FAILED", "SUCCESS"]}}
    client = serve({"etl": simulated_job(*tasks, seconds=1, tasks=parts)}, clock=clock)
    run_id = client.start("etl")
    clock.advance(10)
    assert task_results(client.jobs.get_run(run_id)) == {
        "a": "SUCCESS",
        "b": "FAILED",
        "c": "UPSTREAM_FAILED",
        "x": "SUCCESS",
    }
    return client, run_id


def test_repair_runs_failed_tasks_and_keeps_the_history(serve: Serve, clock: ManualClock) -> None:
    client, run_id = repairable(serve, clock)
    first = repair(client, run_id, rerun_all_failed_tasks=True)
    run = client.jobs.get_run(run_id)
    assert (state_fields(run)[0], run.end_time) == ("RUNNING", 0)
    clock.advance(10)
    assert state_fields(client.jobs.get_run(run_id))[1] == "FAILED"
    with pytest.raises(InvalidParameterValue) as caught:
        client.jobs.repair_run(run_id, rerun_tasks=["b"])
    assert str(caught.value) == (
        "The latest repair ID needs to be provided in order to create a new repair"
    )
    second = repair(
        client, run_id, latest_repair_id=first, rerun_tasks=["b"], rerun_dependent_tasks=True
    )
    clock.advance(10)
    run = client.jobs.get_run(run_id, include_history=True)
    assert state_fields(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
    assert task_results(run) == dict.fromkeys("abcx", "SUCCESS")
    attempts = [task.attempt_number for task in run.tasks or [] if task.task_key == "b"]
    assert attempts == [0, 1, 2]
    history = run.repair_history or []
    assert [(each.id, each.type and each.type.value) for each in history] == [
        (None, "ORIGINAL"),
        (first, "REPAIR"),
        (second, "REPAIR"),
    ]
    assert [state_fields(each)[1] for each in history] == ["FAILED", "FAILED", "SUCCESS"]
    ids = [task.run_id for task in run.tasks or []]
    assert [each.task_run_ids for each in history] == [ids[:4], ids[4:6], ids[6:8]]
    assert all(each.end_time for each in history)
    assert client.jobs.get_run(run_id).repair_history in (None, [])


def test_repair_with_dependent_tasks_runs_successful_ones_too(
    serve: Serve, clock: ManualClock
) -> None:
    tasks = [simulated_task("a"), simulated_task("b", "a", run_if="ALL_DONE"), simulated_task("x")]
    parts = {"a": {"result": ["FAILED", "SUCCESS"]}}
    client = serve({"etl": simulated_job(*tasks, tasks=parts)}, clock=clock)
    run_id = client.start("etl")
    clock.advance(0)
    assert task_results(client.jobs.get_run(run_id)) == {
        "a": "FAILED",
        "b": "SUCCESS",
        "x": "SUCCESS",
    }
    repair(client, run_id, rerun_all_failed_tasks=True, rerun_dependent_tasks=True)
    clock.advance(0)
    tried = [
        (each.task_key, each.attempt_number) for each in client.jobs.get_run(run_id).tasks or []
    ]
    assert tried == [("a", 0), ("b", 0), ("x", 0), ("a", 1), ("b", 1)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Exactly one of rerun_tasks and rerun_all_failed_tasks has to be given."),
        (
            {"rerun_tasks": ["b"], "rerun_all_failed_tasks": True},
            "Exactly one of rerun_tasks and rerun_all_failed_tasks has to be given.",
        ),
        ({"rerun_tasks": ["q"]}, "Task q does not exist in the job."),
        (
            {"rerun_tasks": ["b"], "latest_repair_id": 5},
            "The latest repair ID needs to be provided in order to create a new repair",
        ),
    ],
)
def test_repair_with_invalid_fields_is_refused(
    serve: Serve, clock: ManualClock, fields: dict[str, Any], message: str
) -> None:
    client, run_id = repairable(serve, clock)
    with pytest.raises(InvalidParameterValue) as caught:
        client.jobs.repair_run(run_id, **fields)
    assert str(caught.value) == message


def test_repair_of_an_active_run_is_refused(serve: Serve, clock: ManualClock) -> None:
    client, run_id = repairable(serve, clock)
    client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
    with pytest.raises(InvalidState, match="is still active"):
        client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)


def test_repair_runs_with_the_current_settings_of_the_job(serve: Serve) -> None:
    """SDK, documentation of ``repair_run``: its tasks use the current job and task settings."""

    def settings(day: str) -> dict[str, Any]:
        cluster = {"num_workers": 1, "spark_version": "1", "spark_env_vars": {"DAY": day}}
        return {
            "name": "etl",
            "job_clusters": [{"job_cluster_key": "main", "new_cluster": cluster}],
            "tasks": [python_task("main", job_cluster_key="main")],
        }

    code = "import os; assert os.environ['DAY'] == 'friday'"
    client = serve({"other": settings("monday")}, {"main.py": code})
    _, created = client.http("POST", "/api/2.2/jobs/create", settings("monday"))
    _, started = client.http("POST", "/api/2.2/jobs/run-now", {"job_id": created["job_id"]})
    assert state_fields(client.finish(started["run_id"]))[1] == "FAILED"
    change = {"job_id": created["job_id"], "new_settings": settings("friday")}
    client.http("POST", "/api/2.2/jobs/reset", change)
    repair(client, started["run_id"], rerun_all_failed_tasks=True)
    assert state_fields(client.finish(started["run_id"]))[1] == "SUCCESS"


def test_repair_takes_other_parameters(serve: Serve) -> None:
    job = {
        "parameters": [{"name": "day", "default": "monday"}],
        "tasks": [python_task("main", "main.py", "{{job.parameters.day}}", "{{job.repair_count}}")],
    }
    code = "import sys; print(sys.argv[1:]); assert sys.argv[1] == 'friday'"
    client = serve({"etl": job}, {"main.py": code})
    run = client.run("etl")
    assert run.run_id is not None
    client.jobs.repair_run(run.run_id, rerun_tasks=["main"], job_parameters={"day": "friday"})
    run = client.finish(run.run_id)
    assert state_fields(run)[1] == "SUCCESS"
    assert client.outputs(run)["main"].logs == "['friday', '1']\n"
