"""Endpoints of runs, through the SDK and over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service.jobs import SparkPythonTask, SubmitTask

from flask_lakeflow_jobs.local import ManualClock
from flask_lakeflow_jobs.local.tasks.logs import TaskLogPart
from flask_lakeflow_jobs.local.tasks.runner import TaskRunner
from tests.local.conftest import Serve
from tests.local.support import (
    Client,
    repair,
    simulated_job,
    simulated_task,
    state_fields,
    task_results,
)

SINGLE = {"notebook_task": {"notebook_path": "/simulated"}, "max_retries": 1}


def simulated(**simulation: Any) -> dict[str, Any]:
    """Settings in the single-task format of a simulated job."""
    return {**SINGLE, "tags": simulated_job(output="42", **simulation)["tags"]}


def submit(client: Client, version: str = "2.1", **fields: Any) -> int:
    _, submitted = client.http("POST", f"/api/{version}/jobs/runs/submit", fields)
    return int(submitted["run_id"])


def get_output(client: Client, run_id: int | None, version: str = "2.2") -> tuple[int, Any]:
    return client.http("GET", f"/api/{version}/jobs/runs/get-output?run_id={run_id}")


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_run_is_started_read_and_listed_under_each_version(client: Client, version: str) -> None:
    root = f"/api/{version}/jobs"
    status, started = client.http("POST", f"{root}/run-now", {"job_id": client.job_ids["etl"]})
    assert (status, started["number_in_job"]) == (200, started["run_id"])
    assert 10**14 <= started["run_id"] <= 2**53 - 1
    run = client.finish(started["run_id"])
    assert client.http("GET", f"{root}/runs/get?run_id={run.run_id}")[0] == 200
    (task,) = run.tasks or []
    status, output = get_output(client, task.run_id, version)
    assert (status, output["metadata"]["run_id"]) == (200, task.run_id)
    status, runs = client.http("GET", f"{root}/runs/list")
    assert (status, len(runs["runs"])) == (200, 1)
    assert ("has_more" in runs) == (version != "2.2")
    assert "next_page_token" not in runs


@pytest.mark.parametrize(("version", "keys"), [("2.0", "ab"), ("2.1", "a"), ("2.2", "a")])
def test_output_of_a_run_by_its_own_id_is_refused(client: Client, version: str, keys: str) -> None:
    tasks = [simulated_task(key) for key in keys]
    run_id = submit(client, **simulated_job(*tasks))
    status, error = get_output(client, client.finish(run_id).run_id, version)
    assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert error["message"] == (
        "Retrieving the output of runs with multiple tasks is not supported. "
        "Please retrieve the output of each individual task run instead."
    )


def test_output_of_a_run_of_one_task_by_its_own_id_in_version_2_0(client: Client) -> None:
    run = client.run("etl")
    (task,) = run.tasks or []
    status, output = get_output(client, run.run_id, "2.0")
    assert (status, output["metadata"]["run_id"]) == (200, task.run_id)


@pytest.mark.parametrize(
    "path", ["/api/2.2/jobs/runs/get-output", "/api/2.2/jobs/runs/export", "/api/local/task-log"]
)
def test_other_requests_are_answered_while_a_log_is_read(
    serve: Serve, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client = serve({"etl": simulated_job(simulated_task("main"), seconds=5)}, clock=clock)
    run_id = client.start("etl")
    _, run = client.http("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")
    lists: list[tuple[int, Any]] = []

    def read(*_: Any) -> Any:
        lists.append(client.http("GET", "/api/2.2/jobs/runs/list"))
        return (
            {}
            if path != "/api/local/task-log"
            else TaskLogPart("", "", 0, 0, is_final=False, line=None)
        )

    monkeypatch.setattr(TaskRunner, "output_of", read)
    monkeypatch.setattr(TaskRunner, "read_log_part", read)
    client.http("GET", f"{path}?run_id={run['tasks'][0]['run_id']}&offset=0&limit=1")
    assert [status for status, _ in lists] == [200]


def test_active_run_shows_states_and_times(serve: Serve, clock: ManualClock) -> None:
    tasks = (simulated_task("main"), simulated_task("next", "main"))
    client = serve({"etl": simulated_job(*tasks, seconds=5)}, clock=clock)
    run_id = client.start("etl")
    _, run = client.http("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")
    assert run["state"] == {
        "life_cycle_state": "RUNNING",
        "state_message": "In run",
        "user_cancelled_or_timedout": False,
    }
    assert run["status"] == {"state": "RUNNING"}
    assert (run["end_time"], "run_duration" in run) == (0, False)
    main, following = run["tasks"]
    assert (main["status"], main["end_time"]) == ({"state": "RUNNING"}, 0)
    assert (following["status"], following["start_time"]) == ({"state": "BLOCKED"}, 0)
    clock.advance(5)
    _, run = client.http("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")
    assert [task["status"]["state"] for task in run["tasks"]] == ["TERMINATED", "RUNNING"]
    assert run["tasks"][0]["execution_duration"] == 5000
    clock.advance(5)
    assert state_fields(client.jobs.get_run(run_id)) == ("TERMINATED", "SUCCESS", "SUCCESS")
    assert client.jobs.get_run(run_id).run_duration == 10_000


def test_task_is_a_run_by_its_own_id(client: Client) -> None:
    run = client.run("etl")
    (task,) = run.tasks or []
    assert task.run_id is not None
    as_run = client.jobs.get_run(task.run_id)
    assert (as_run.run_id, as_run.job_run_id) == (task.run_id, run.run_id)
    assert state_fields(as_run) == state_fields(task)


def test_active_run_cannot_be_deleted_and_a_deleted_one_is_gone(
    serve: Serve, clock: ManualClock
) -> None:
    client = serve({"etl": simulated_job(simulated_task("main"), seconds=5)}, clock=clock)
    run_id = client.start("etl")
    status, error = client.http("POST", "/api/2.2/jobs/runs/delete", {"run_id": run_id})
    assert (status, error["error_code"]) == (400, "INVALID_STATE")
    clock.advance(5)
    client.jobs.delete_run(run_id)
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get_run(run_id)
    assert list(client.jobs.list_runs()) == []


def test_submit_runs_tasks_without_a_job_once_per_token(serve: Serve) -> None:
    client = serve({"etl": simulated_job(simulated_task("main"))}, {"main.py": "print('hello')"})
    file = Path(client.sdk.config.host or "").name  # of no file
    missing = SubmitTask(task_key="b", spark_python_task=SparkPythonTask(python_file=file))
    present = SubmitTask(task_key="a", spark_python_task=SparkPythonTask(python_file="main.py"))
    waiter = client.jobs.submit(
        run_name="once", tasks=[present, missing], idempotency_token="token"
    )
    again = client.jobs.submit(run_name="once", tasks=[present], idempotency_token="token")
    run_id = waiter.bind()["run_id"]
    assert again.bind()["run_id"] == run_id
    run = client.finish(run_id)
    assert (run.run_name, run.run_type and run.run_type.value) == ("once", "SUBMIT_RUN")
    assert task_results(run) == {"a": "SUCCESS", "b": "FAILED"}
    assert client.outputs(run)["a"].logs == "hello\n"
    assert "There is no file" in (client.outputs(run)["b"].error or "")


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_submit_in_the_single_task_format(client: Client, version: str) -> None:
    run_id = submit(client, version, run_name="from airflow", **simulated(result="SUCCESS"))
    run = client.finish(run_id)
    assert state_fields(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
    _, shape = client.http("GET", f"/api/{version}/jobs/runs/get?run_id={run_id}")
    (task,) = shape["tasks"]
    assert (shape["format"], shape["run_name"]) == ("SINGLE_TASK", "from airflow")
    assert (task["task_key"], task["run_id"]) == ("from_airflow", run_id)
    _, output = get_output(client, run_id, version)
    assert output["notebook_output"] == {"result": "42", "truncated": False}


def test_output_in_the_single_task_format_is_that_of_the_last_attempt(client: Client) -> None:
    run_id = submit(client, **simulated(result=["FAILED", "SUCCESS"]))
    run = client.finish(run_id)
    assert [task.attempt_number for task in run.tasks or []] == [0, 1]
    _, output = get_output(client, run_id, "2.1")
    assert output["notebook_output"]["result"] == "42"
    assert "error" not in output


def test_cancel_and_delete_in_the_single_task_format(serve: Serve, clock: ManualClock) -> None:
    client = serve({"etl": simulated_job(simulated_task("main"))}, clock=clock)
    run_id = submit(client, "2.0", **simulated(seconds=5))
    client.jobs.cancel_run(run_id)
    clock.advance(0)
    run = client.jobs.get_run(run_id)
    assert (state_fields(run)[1], task_results(run)) == ("CANCELED", {"Untitled": "CANCELED"})
    client.jobs.delete_run(run_id)
    assert list(client.jobs.list_runs()) == []


def test_repair_in_the_single_task_format(client: Client) -> None:
    body = {"name": "my job", **simulated(result="FAILED"), "max_retries": 0}
    _, created = client.http("POST", "/api/2.1/jobs/create", body)
    of_a_job = client.jobs.run_now(created["job_id"]).bind()["run_id"]
    for run_id in (of_a_job, submit(client, **body)):
        client.finish(run_id)
        repair(client, run_id, rerun_all_failed_tasks=True)
        tasks = client.finish(run_id).tasks or []
        assert [task.attempt_number for task in tasks] == [0, 1]
        assert tasks[0].run_id == run_id != tasks[1].run_id


def test_list_filters_by_job_state_and_start(serve: Serve) -> None:
    clock = ManualClock(1_000_000)
    job = {**simulated_job(simulated_task("main"), seconds=10), "max_concurrent_runs": 5}
    client = serve({"etl": job}, clock=clock)
    first = client.start("etl")
    clock.advance(20)
    second = client.start("etl")

    def ids(**fields: Any) -> list[int | None]:
        return [run.run_id for run in client.jobs.list_runs(**fields)]

    assert ids() == [second, first]
    assert ids(job_id=client.job_ids["etl"]) == [second, first]
    assert ids(job_id=5) == []
    assert ids(active_only=True) == [second]
    assert ids(completed_only=True) == [first]
    assert ids(start_time_from=1_000_000_001) == [second]
    assert ids(start_time_to=1_000_000_000) == [first]
    assert ids(start_time_from=1_000_020_000, start_time_to=1_000_020_000) == [second]


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("POST", "run-now", "Missing required field: job_id"),
        ("GET", "runs/get", "Missing required field: run_id"),
        ("POST", "runs/cancel-all", "Missing required field: job_id"),
        ("GET", "runs/get?run_id=7", "Run 7 does not exist."),
        ("GET", "runs/get-output?run_id=-7", "Run -7 does not exist."),
        ("GET", "runs/list?limit=27", "Invalid limit 27 - it has to be no more than 26."),
        ("GET", "runs/list?limit=-1", "Invalid limit -1 - it must not be negative."),
        ("GET", "runs/list?page_token=abc", "Invalid page token 'abc'."),
        ("GET", "runs/list?run_type=X", "Unknown run_type 'X'. Use one of JOB_RUN, "),
        (
            "GET",
            "runs/list?active_only=true&completed_only=true",
            "active_only and completed_only cannot both be true.",
        ),
    ],
)
def test_invalid_request_is_refused(client: Client, method: str, path: str, message: str) -> None:
    status, error = client.http(method, f"/api/2.2/jobs/{path}", {} if method == "POST" else None)
    assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert error["message"].startswith(message)


def test_unknown_ids_raise_the_same_errors_in_the_sdk_as_the_service(client: Client) -> None:
    with pytest.raises(ResourceDoesNotExist, match=r"^Job 7 does not exist\.$"):
        client.jobs.get(7)
    with pytest.raises(ResourceDoesNotExist, match=r"^Run 7 does not exist\.$"):
        client.jobs.get_run(7)
    with pytest.raises(InvalidParameterValue, match=r"^Job 7 does not exist\.$"):
        client.jobs.run_now(7)
    with pytest.raises(InvalidParameterValue, match=r"^Run 7 does not exist\.$"):
        client.jobs.cancel_run(7)
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get_permissions("7")
