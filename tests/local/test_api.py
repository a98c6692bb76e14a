"""The API itself: what a request may look like, tokens, errors."""

from __future__ import annotations

import uuid
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import simulated_job, simulated_task, state_fields

VERSIONS = ["2.0", "2.1", "2.2"]


@pytest.mark.parametrize("version", VERSIONS)
def test_versions(serve: Serve, etl_jobs: dict[str, Any], version: str) -> None:
    client = serve(etl_jobs)
    root = f"/api/{version}/jobs"
    status, jobs = client.http("GET", f"{root}/list")
    assert (status, [job["job_id"] for job in jobs["jobs"]]) == (200, [client.job_ids["etl"]])
    assert ("has_more" in jobs) == (version != "2.2")
    assert client.http("GET", f"{root}/get?job_id={client.job_ids['etl']}")[0] == 200
    status, started = client.http("POST", f"{root}/run-now", {"job_id": client.job_ids["etl"]})
    assert (status, started["number_in_job"]) == (200, started["run_id"])
    assert 10**14 <= started["run_id"] <= 2**53 - 1
    run = client.finish(started["run_id"])
    assert client.http("GET", f"{root}/runs/get?run_id={run.run_id}")[0] == 200
    (task,) = run.tasks or []
    status, output = client.http("GET", f"{root}/runs/get-output?run_id={task.run_id}")
    assert (status, output["metadata"]["run_id"]) == (200, task.run_id)
    status, runs = client.http("GET", f"{root}/runs/list")
    assert (status, len(runs["runs"])) == (200, 1)
    assert ("has_more" in runs) == (version != "2.2")
    assert "next_page_token" not in runs
    status, error = client.http("GET", f"{root}/runs/get-output?run_id={run.run_id}")
    if version == "2.0":
        assert (status, error["metadata"]["run_id"]) == (200, task.run_id)
    else:
        assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert error["message"] == (
            "Retrieving the output of runs with multiple tasks is not supported. "
            "Please retrieve the output of each individual task run instead."
        )


def without_details(body: Any) -> Any:
    """An error's body, once it is seen that it names the request."""
    (request,) = body.pop("details")
    assert request["@type"] == "type.googleapis.com/google.rpc.RequestInfo"
    assert str(uuid.UUID(request["request_id"])) == request["request_id"]
    return body


@pytest.mark.parametrize(
    ("method", "path", "known_as"),
    [
        ("GET", "/nowhere", "/nowhere"),
        ("POST", "/", "/"),
        ("GET", "/api/2.3/jobs/list", "/jobs/list"),
        ("GET", "/api/2.2/jobs", "/jobs"),
        ("POST", "/api/2.2/jobs/list", "/jobs/list"),
        ("GET", "/api/2.2/clusters/list", "/clusters/list"),
        ("PUT", "/api/2.2/jobs/run-now", "/jobs/run-now"),
    ],
)
def test_unknown_endpoint(
    serve: Serve, etl_jobs: dict[str, Any], method: str, path: str, known_as: str
) -> None:
    status, body = serve(etl_jobs).http(method, path)
    assert (status, without_details(body)) == (
        404,
        {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for '{method} {known_as}'"},
    )


def test_head_has_no_body(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    client = serve(etl_jobs)
    connection = HTTPConnection(urlsplit(client.address.host).netloc, timeout=30)
    for path, status in (("/", 200), ("/api/2.2/jobs/list", 401)):
        connection.request("HEAD", path)
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, b"")
    connection.request("GET", "/")
    assert connection.getresponse().read().startswith(b"<!DOCTYPE html>")
    connection.close()


def test_a_get_may_carry_its_fields_as_json(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    client = serve(etl_jobs)
    job_id = client.job_ids["etl"]
    status, job = client.http("GET", "/api/2.0/jobs/get", {"job_id": job_id})
    assert (status, job["job_id"]) == (200, job_id)
    status, job = client.http("GET", f"/api/2.1/jobs/get?job_id={job_id}", {"job_id": 7})
    assert (status, job["job_id"]) == (200, job_id)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("jobs/run-now", b"{", "Could not parse request object: The body is not JSON."),
        ("jobs/run-now", b"[" * 100_000, "Could not parse request object: The body is not JSON."),
        ("jobs/run-now", [], "Could not parse request object: The body has to be an object."),
        (
            "jobs/run-now",
            {"job_id": "1001abc"},
            "Could not parse request object: Expected integer for field job_id, found STRING",
        ),
        (
            "jobs/run-now",
            {"job_id": 10**30},
            "Could not parse request object: job_id is out of range.",
        ),
        (
            "jobs/run-now",
            {"job_id": True},
            "Could not parse request object: Expected integer for field job_id, found BOOLEAN",
        ),
        (
            "jobs/run-now",
            {"job_id": "ETL", "notebook_params": "x"},
            (
                "Could not parse request object: Expected object for field notebook_params, found "
                "STRING"
            ),
        ),
        (
            "jobs/run-now",
            {"job_id": "ETL", "python_params": {"a": 1}},
            "Could not parse request object: Expected array for field python_params, found OBJECT",
        ),
        (
            "jobs/run-now",
            {"job_id": "ETL", "job_parameters": {"a": None}},
            (
                "Could not parse request object: Expected string for field job_parameters.a, found "
                "NULL"
            ),
        ),
        (
            "jobs/run-now",
            {"job_id": "ETL", "idempotency_token": 5},
            (
                "Could not parse request object: Expected string for field idempotency_token, "
                "found "
                "NUMBER"
            ),
        ),
        (
            "jobs/runs/cancel",
            {"run_id": []},
            "Could not parse request object: Expected integer for field run_id, found ARRAY",
        ),
    ],
)
def test_malformed(
    serve: Serve, etl_jobs: dict[str, Any], path: str, body: Any, message: str
) -> None:
    client = serve(etl_jobs)
    if isinstance(body, dict) and body.get("job_id") == "ETL":
        body["job_id"] = client.job_ids["etl"]
    status, answer = client.http("POST", f"/api/2.2/{path}", body)
    assert (status, without_details(answer)) == (
        400,
        {"error_code": "MALFORMED_REQUEST", "message": message},
    )


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("POST", "jobs/run-now", "Missing required field: job_id"),
        ("GET", "jobs/runs/get", "Missing required field: run_id"),
        ("POST", "jobs/runs/cancel-all", "Missing required field: job_id"),
        ("GET", "jobs/get?job_id=7", "Job 7 does not exist."),
        ("GET", "jobs/runs/get?run_id=7", "Run 7 does not exist."),
        ("GET", "jobs/runs/get-output?run_id=-7", "Run -7 does not exist."),
        ("GET", "jobs/runs/list?limit=27", "Invalid limit 27 - it has to be no more than 26."),
        ("GET", "jobs/runs/list?limit=-1", "Invalid limit -1 - it must not be negative."),
        ("GET", "jobs/list?limit=101", "Invalid limit 101 - it has to be no more than 100."),
        ("GET", "jobs/runs/list?page_token=abc", "Invalid page token 'abc'."),
        ("GET", "jobs/list?page_token=W10=", "Invalid page token 'W10='."),
        ("GET", "jobs/runs/list?run_type=X", "Unknown run_type 'X'. Use one of JOB_RUN, "),
        (
            "GET",
            "jobs/runs/list?active_only=true&completed_only=true",
            "active_only and completed_only cannot both be true.",
        ),
        (
            "GET",
            "jobs/list?offset=1001",
            (
                "The supplied offset 1001 has exceeded the value of 1000 allowed for this "
                "parameter."
                "Please use the page_token parameter to paginate"
            ),
        ),
    ],
)
def test_invalid(
    serve: Serve, etl_jobs: dict[str, Any], method: str, path: str, message: str
) -> None:
    status, answer = serve(etl_jobs).http(
        method, f"/api/2.2/{path}", {} if method == "POST" else None
    )
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert answer["message"].startswith(message)


def test_what_does_not_exist_in_the_sdk(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    jobs = serve(etl_jobs).jobs
    with pytest.raises(ResourceDoesNotExist, match=r"^Job 7 does not exist\.$"):
        jobs.get(7)
    with pytest.raises(ResourceDoesNotExist, match=r"^Run 7 does not exist\.$"):
        jobs.get_run(7)
    with pytest.raises(InvalidParameterValue, match=r"^Job 7 does not exist\.$"):
        jobs.run_now(7)
    with pytest.raises(InvalidParameterValue, match=r"^Run 7 does not exist\.$"):
        jobs.cancel_run(7)
    with pytest.raises(ResourceDoesNotExist):
        jobs.get_permissions("7")


def test_permissions(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    client = serve(etl_jobs)
    job_id = str(client.job_ids["etl"])
    permissions = client.jobs.get_permissions(job_id)
    assert permissions.object_id == f"/jobs/{job_id}"
    (entry,) = permissions.access_control_list or []
    (permission,) = entry.all_permissions or []
    assert permission.as_dict() == {"permission_level": "IS_OWNER", "inherited": False}
    levels = client.jobs.get_permission_levels(job_id).permission_levels or []
    assert {level.permission_level.value for level in levels if level.permission_level} == {
        "CAN_VIEW",
        "CAN_MANAGE_RUN",
        "IS_OWNER",
        "CAN_MANAGE",
    }


def test_idempotency_token(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    client = serve(etl_jobs)
    token = "x" * 64
    first = client.start("etl", idempotency_token=token)
    assert client.start("etl", idempotency_token=token) == first
    client.finish(first)
    assert client.start("etl", idempotency_token=token) == first
    assert client.start("etl", idempotency_token="other") != first
    client.jobs.delete_run(first)
    with pytest.raises(InvalidParameterValue, match="has been deleted"):
        client.start("etl", idempotency_token=token)


def test_performance_target(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    client = serve(etl_jobs | {"usual": {**etl_jobs["etl"], "performance_target": "STANDARD"}})
    given: dict[str, Any] = {"performance_target": "PERFORMANCE_OPTIMIZED"}

    def effective(job: str, **fields: Any) -> Any:
        body = {"job_id": client.job_ids[job], **fields}
        status, started = client.http("POST", "/api/2.2/jobs/run-now", body)
        if status != 200:
            return started["message"]
        path = f"/api/2.2/jobs/runs/get?run_id={started['run_id']}"
        return client.http("GET", path)[1].get("effective_performance_target")

    assert effective("etl") is None
    assert effective("usual") == "STANDARD"
    assert effective("usual", **given) == "PERFORMANCE_OPTIMIZED"
    cheap = {"performance_target": "COST_OPTIMIZED"}
    assert effective("etl", **cheap, duration_target="4h") == "COST_OPTIMIZED"
    assert effective("etl", **cheap).startswith("performance_target COST_OPTIMIZED needs a dur")
    assert effective("etl", performance_target="FAST").startswith(
        "Unknown performance_target 'FAST'. Use one of STANDARD, PERFORMANCE_OPTIMIZED, "
    )


def test_a_run_that_is_going(serve: Serve) -> None:
    clock = ManualClock()
    client = serve(
        {"etl": simulated_job(simulated_task("main"), simulated_task("next", "main"), seconds=5)},
        clock=clock,
    )
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


def test_a_task_is_a_run_of_its_own(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    client = serve(etl_jobs)
    run = client.run("etl")
    (task,) = run.tasks or []
    assert task.run_id is not None
    alone = client.jobs.get_run(task.run_id)
    assert (alone.run_id, alone.job_run_id) == (task.run_id, run.run_id)
    assert state_fields(alone) == state_fields(task)


def test_delete(serve: Serve) -> None:
    clock = ManualClock()
    client = serve({"etl": simulated_job(simulated_task("main"), seconds=5)}, clock=clock)
    run_id = client.start("etl")
    status, error = client.http("POST", "/api/2.2/jobs/runs/delete", {"run_id": run_id})
    assert (status, error["error_code"]) == (400, "INVALID_STATE")
    clock.advance(5)
    client.jobs.delete_run(run_id)
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get_run(run_id)
    assert list(client.jobs.list_runs()) == []
