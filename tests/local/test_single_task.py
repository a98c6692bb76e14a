"""Jobs without a list of tasks, as API 2.0 has them and many clients still send them."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import (
    Client,
    repair,
    simulated_job,
    simulated_task,
    state_fields,
    task_results,
)

NOTEBOOK = {"notebook_path": "/simulated"}
CLUSTER = {"existing_cluster_id": "0717-132531-5opeqon1"}
SINGLE = {
    "notebook_task": NOTEBOOK,
    **CLUSTER,
    "libraries": [{"pypi": {"package": "six"}}],
    "max_retries": 1,
    "timeout_seconds": 60,
}


@pytest.fixture
def client(serve: Serve, etl_jobs: dict[str, Any]) -> Client:
    return serve(etl_jobs)


def of(result: str) -> dict[str, Any]:
    return {"tags": simulated_job(result=result, output="42")["tags"]}


def created(client: Client, version: str = "2.1", **fields: Any) -> int:
    body = {"name": "my job", **of("SUCCESS"), **SINGLE, **fields}
    status, answer = client.http("POST", f"/api/{version}/jobs/create", body)
    assert status == 200, answer
    return int(answer["job_id"])


def settings(client: Client, job_id: int, version: str = "2.2") -> Any:
    return client.http("GET", f"/api/{version}/jobs/get?job_id={job_id}")[1]["settings"]


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_create(client: Client, version: str) -> None:
    told = settings(client, created(client, version))
    (task,) = told["tasks"]
    assert (told["format"], told["timeout_seconds"]) == ("SINGLE_TASK", 60)
    assert "notebook_task" not in told
    assert task == {
        "task_key": "my_job",
        "notebook_task": NOTEBOOK,
        **CLUSTER,
        "libraries": SINGLE["libraries"],
        "max_retries": 1,
        "email_notifications": {},
        "run_if": "ALL_SUCCESS",
        "timeout_seconds": 0,
    }


def test_the_old_api_tells_it_as_it_was_made(client: Client) -> None:
    job_id = created(client)
    _, listed = client.http("GET", "/api/2.0/jobs/list")
    found = next(job["settings"] for job in listed["jobs"] if job["job_id"] == job_id)
    for told in (settings(client, job_id, "2.0"), found):
        assert told.items() >= SINGLE.items()
        assert (told["format"], "tasks" in told) == ("SINGLE_TASK", False)
    assert settings(client, client.job_ids["etl"], "2.0")["format"] == "MULTI_TASK"


def test_the_format_that_a_client_gives_is_ignored(client: Client) -> None:
    body = {"format": "SINGLE_TASK", "tasks": [{"task_key": "a", "notebook_task": NOTEBOOK}]}
    _, made = client.http("POST", "/api/2.1/jobs/create", body)
    assert settings(client, made["job_id"])["format"] == "MULTI_TASK"
    assert settings(client, created(client, format="MULTI_TASK"))["format"] == "SINGLE_TASK"


def test_update_and_reset(client: Client) -> None:
    job_id = created(client)
    other = {"spark_python_task": {"python_file": "main.py"}}
    change = {"job_id": job_id, "new_settings": {"name": "renamed", **other}}
    assert client.http("POST", "/api/2.0/jobs/update", change) == (200, {})
    told = settings(client, job_id)
    assert (told["name"], told["timeout_seconds"]) == ("renamed", 60)
    assert [task.get("spark_python_task") for task in told["tasks"]] == [{"python_file": "main.py"}]
    client.http("POST", "/api/2.0/jobs/update", {"job_id": job_id, "new_settings": {"name": "x"}})
    assert settings(client, job_id)["format"] == "SINGLE_TASK"
    reset = {"job_id": job_id, "new_settings": {"notebook_task": NOTEBOOK}}
    assert client.http("POST", "/api/2.0/jobs/reset", reset) == (200, {})
    told = settings(client, job_id, "2.0")
    assert (told["name"], told["notebook_task"]) == ("x", NOTEBOOK)
    several = {"tasks": [{"task_key": "b", "notebook_task": NOTEBOOK}]}
    client.http("POST", "/api/2.1/jobs/update", {"job_id": job_id, "new_settings": several})
    told = settings(client, job_id)
    assert (told["format"], [task["task_key"] for task in told["tasks"]]) == (
        "MULTI_TASK",
        ["x", "b"],
    )


def test_two_kinds_at_once(client: Client) -> None:
    body = {**SINGLE, "spark_python_task": {"python_file": "main.py"}}
    status, answer = client.http("POST", "/api/2.1/jobs/runs/submit", body)
    assert status == 400
    assert answer["message"].startswith("Task 'Untitled' has 2 kinds (")


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_submit(client: Client, version: str) -> None:
    root = f"/api/{version}/jobs/runs"
    body = {"run_name": "from airflow", **SINGLE, **of("SUCCESS")}
    status, answer = client.http("POST", f"{root}/submit", body)
    assert status == 200
    run = client.finish(answer["run_id"])
    assert state_fields(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
    _, told = client.http("GET", f"{root}/get?run_id={run.run_id}")
    (task,) = told["tasks"]
    assert (told["format"], told["run_name"], task["task_key"]) == (
        "SINGLE_TASK",
        "from airflow",
        "from_airflow",
    )
    assert task["run_id"] == run.run_id
    _, output = client.http("GET", f"{root}/get-output?run_id={run.run_id}")
    assert output["notebook_output"] == {"result": "42", "truncated": False}


def test_a_retried_one_has_the_output_of_its_last_attempt(client: Client) -> None:
    body = {**SINGLE, "tags": simulated_job(result=["FAILED", "SUCCESS"], output="42")["tags"]}
    _, answer = client.http("POST", "/api/2.1/jobs/runs/submit", body)
    run = client.finish(answer["run_id"])
    assert [task.attempt_number for task in run.tasks or []] == [0, 1]
    _, output = client.http("GET", f"/api/2.1/jobs/runs/get-output?run_id={run.run_id}")
    assert output["notebook_output"]["result"] == "42"
    assert "error" not in output


def test_cancel(serve: Serve, clock: ManualClock) -> None:
    client = serve({"etl": simulated_job(simulated_task("main"))}, clock=clock)
    body = {**SINGLE, "tags": simulated_job(seconds=5)["tags"]}
    _, answer = client.http("POST", "/api/2.0/jobs/runs/submit", body)
    client.jobs.cancel_run(answer["run_id"])
    clock.advance(0)
    run = client.jobs.get_run(answer["run_id"])
    assert (state_fields(run)[1], task_results(run)) == ("CANCELED", {"Untitled": "CANCELED"})
    client.jobs.delete_run(answer["run_id"])
    assert list(client.jobs.list_runs()) == []


def test_repair(client: Client) -> None:
    job_id = created(client, max_retries=0, **of("FAILED"))
    run = client.finish(client.jobs.run_now(job_id).bind()["run_id"])
    assert run.run_id is not None
    repair(client, run.run_id, rerun_all_failed_tasks=True)
    tasks = client.finish(run.run_id).tasks or []
    assert [task.attempt_number for task in tasks] == [0, 1]
    assert tasks[0].run_id == run.run_id != tasks[1].run_id
