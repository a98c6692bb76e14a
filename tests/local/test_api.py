"""The API itself: who may come in, what a request may look like, pages, tokens, errors."""

from __future__ import annotations

import base64
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import played, scripted, words

VERSIONS = ["2.0", "2.1", "2.2"]


@pytest.fixture
def quick() -> dict[str, Any]:
    return {"etl": {**scripted(played("main")), "max_concurrent_runs": 1000}}


def test_no_way_in_without_the_token(serve: Serve, quick: dict[str, Any]) -> None:
    client = serve(quick)
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {client.address.token}"},
        {"Authorization": "Bearer 99999999999.abc"},
        {"Authorization": "Bearer ü"},
    ):
        status, body = client.http("GET", "/api/2.2/jobs/list", headers=headers)
        assert status == 401, headers
        assert body["error_code"] == "UNAUTHENTICATED"
        assert client.address.token not in json.dumps(body)


def test_listens_on_loopback_only(serve: Serve, quick: dict[str, Any]) -> None:
    parts = urlsplit(serve(quick).address.host)
    assert parts.hostname == "127.0.0.1"
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in addresses - {"127.0.0.1", "::1"}:
        with pytest.raises(OSError, match=r"."):
            socket.create_connection((str(address), parts.port or 0), timeout=2).close()


def test_discovery(serve: Serve, quick: dict[str, Any]) -> None:
    client = serve(quick)
    status, config = client.http("GET", "/.well-known/databricks-config", headers={})
    assert status == 200
    assert config["oidc_endpoint"] == f"{client.address.host}/oidc"
    assert config["host_type"] == "workspace"
    status, oauth = client.http("GET", "/oidc/.well-known/oauth-authorization-server", headers={})
    assert status == 200
    assert oauth["token_endpoint"] == f"{client.address.host}/oidc/v1/token"
    me = client.sdk.current_user.me()
    assert me.user_name
    assert me.user_name.endswith("@localhost")
    assert str(client.sdk.get_workspace_id()) == config["workspace_id"]


def test_client_id_and_secret(serve: Serve, quick: dict[str, Any]) -> None:
    client = serve(quick)
    machine = WorkspaceClient(
        config=Config(
            host=client.address.host,
            client_id="some-app",
            client_secret=client.address.token,
            auth_type="oauth-m2m",
        )
    )
    assert [job.job_id for job in machine.jobs.list()] == [client.job_ids["etl"]]


@pytest.mark.parametrize(
    ("secret", "form", "error"),
    [
        (None, "grant_type=client_credentials&scope=all-apis", None),
        ("wrong", "grant_type=client_credentials", "invalid_client"),
        (None, "grant_type=password", "unsupported_grant_type"),
        (None, "", "unsupported_grant_type"),
    ],
)
def test_token_endpoint(
    serve: Serve, quick: dict[str, Any], secret: str | None, form: str, error: str | None
) -> None:
    client = serve(quick)
    pair = f"app:{secret or client.address.token}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    status, body = client.http("POST", "/oidc/v1/token", form.encode(), headers=headers)
    if error:
        assert status in (400, 401)
        assert body["error"] == error
        return
    assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", 3600)
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    assert client.http("GET", "/api/2.2/jobs/list", headers=bearer)[0] == 200


def test_oauth_token_expires(serve: Serve, quick: dict[str, Any]) -> None:
    clock = ManualClock()
    client = serve(quick, clock=clock)
    pair = base64.b64encode(f"app:{client.address.token}".encode()).decode()
    _, issued = client.http(
        "POST",
        "/oidc/v1/token",
        b"grant_type=client_credentials",
        headers={"Authorization": f"Basic {pair}"},
    )
    bearer = {"Authorization": f"Bearer {issued['access_token']}"}
    statuses = []
    for seconds in (0, 3599, 2):
        clock.advance(seconds)
        statuses.append(client.http("GET", "/api/2.2/jobs/list", headers=bearer)[0])
    assert statuses == [200, 200, 401]


@pytest.mark.parametrize("version", VERSIONS)
def test_versions(serve: Serve, quick: dict[str, Any], version: str) -> None:
    client = serve(quick)
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


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/2.3/jobs/list"),
        ("GET", "/api/2.2/jobs"),
        ("POST", "/api/2.2/jobs/list"),
        ("GET", "/api/2.2/clusters/list"),
        ("PUT", "/api/2.2/jobs/run-now"),
    ],
)
def test_unknown_endpoint(serve: Serve, quick: dict[str, Any], method: str, path: str) -> None:
    assert serve(quick).http(method, path) == (
        404,
        {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for '{method} {path}'"},
    )


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("jobs/run-now", b"{", "Could not parse request object: The body is no JSON."),
        ("jobs/run-now", b"[" * 100_000, "Could not parse request object: The body is no JSON."),
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
                "Could not parse request object: Expected Object for field notebook_params, found "
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
def test_malformed(serve: Serve, quick: dict[str, Any], path: str, body: Any, message: str) -> None:
    client = serve(quick)
    if isinstance(body, dict) and body.get("job_id") == "ETL":
        body["job_id"] = client.job_ids["etl"]
    status, answer = client.http("POST", f"/api/2.2/{path}", body)
    assert (status, answer) == (400, {"error_code": "MALFORMED_REQUEST", "message": message})


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
        ("GET", "jobs/runs/list?run_type=X", "Unknown run_type 'X'. It is one of JOB_RUN, "),
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
def test_invalid(serve: Serve, quick: dict[str, Any], method: str, path: str, message: str) -> None:
    status, answer = serve(quick).http(method, f"/api/2.2/{path}", {} if method == "POST" else None)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert answer["message"].startswith(message)


def test_what_does_not_exist_in_the_sdk(serve: Serve, quick: dict[str, Any]) -> None:
    jobs = serve(quick).jobs
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


def test_permissions(serve: Serve, quick: dict[str, Any]) -> None:
    client = serve(quick)
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


def test_idempotency_token(serve: Serve, quick: dict[str, Any]) -> None:
    client = serve(quick)
    token = "x" * 64
    first = client.start("etl", idempotency_token=token)
    assert client.start("etl", idempotency_token=token) == first
    client.finish(first)
    assert client.start("etl", idempotency_token=token) == first
    assert client.start("etl", idempotency_token="other") != first
    client.jobs.delete_run(first)
    with pytest.raises(InvalidParameterValue, match="has been deleted"):
        client.start("etl", idempotency_token=token)


def test_sixty_runs_come_in_pages(serve: Serve, quick: dict[str, Any]) -> None:
    client = serve(quick)
    started = [client.start("etl") for _ in range(60)]
    status, page = client.http("GET", "/api/2.2/jobs/runs/list")
    assert (status, len(page["runs"])) == (200, 20)
    status, page = client.http("GET", "/api/2.2/jobs/runs/list?limit=0")
    assert (status, len(page["runs"])) == (200, 26)
    listed = list(client.jobs.list_runs(job_id=client.job_ids["etl"], limit=25))
    assert [run.run_id for run in listed] == started[::-1]
    assert (
        client.http("GET", "/api/2.2/jobs/runs/list?offset=58")[1]["runs"][0]["run_id"]
        in (started[:2])
    )
    assert list(client.jobs.list_runs(job_id=5)) == []
    assert client.http("GET", "/api/2.2/jobs/runs/list?job_id=5") == (200, {})


def test_pages_hold_still_while_runs_are_added(serve: Serve, quick: dict[str, Any]) -> None:
    client = serve(quick)
    started = [client.start("etl") for _ in range(6)]
    runs = client.jobs.list_runs(limit=2)
    seen = [next(runs).run_id]
    client.start("etl")
    seen += [run.run_id for run in runs]
    assert seen == started[::-1]


def test_filters(serve: Serve) -> None:
    clock = ManualClock(1_000_000)
    jobs = {"etl": {**scripted(played("main"), seconds=10), "max_concurrent_runs": 5}}
    client = serve(jobs, clock=clock)
    first = client.start("etl")
    clock.advance(20)
    second = client.start("etl")

    def ids(**fields: Any) -> list[int | None]:
        return [run.run_id for run in client.jobs.list_runs(**fields)]

    assert ids() == [second, first]
    assert ids(active_only=True) == [second]
    assert ids(completed_only=True) == [first]
    assert ids(start_time_from=1_000_000_001) == [second]
    assert ids(start_time_to=1_000_000_000) == [first]
    assert ids(start_time_from=1_000_020_000, start_time_to=1_000_020_000) == [second]


def test_a_hundred_and_twenty_tasks(serve: Serve) -> None:
    job = scripted(*(played(f"t{number:03}") for number in range(120)))
    job["parameters"] = [{"name": f"p{number}", "default": ""} for number in range(101)]
    client = serve({"etl": job})
    run = client.run("etl")
    keys = [f"t{number:03}" for number in range(120)]
    assert [task.task_key for task in run.tasks or []] == keys
    assert len(run.job_parameters or []) == 101
    settings = client.jobs.get(client.job_ids["etl"]).settings
    assert settings is not None
    assert [task.task_key for task in settings.tasks or []] == keys
    assert len(settings.parameters or []) == 101
    path = f"/api/2.2/jobs/runs/get?run_id={run.run_id}"
    status, first = client.http("GET", path)
    assert (status, len(first["tasks"])) == (200, 100)
    status, second = client.http("GET", f"{path}&page_token={first['next_page_token']}")
    assert (status, len(second["tasks"]), len(second["job_parameters"])) == (200, 20, 1)
    assert "next_page_token" not in second
    status, old = client.http("GET", path.replace("2.2", "2.1"))
    assert (len(old["tasks"]), "next_page_token" in old) == (100, False)
    (listed,) = client.http("GET", "/api/2.2/jobs/runs/list?expand_tasks=true")[1]["runs"]
    assert (len(listed["tasks"]), listed["has_more"]) == (100, True)
    (expanded,) = client.jobs.list_runs(expand_tasks=True)
    assert len(expanded.tasks or []) == 120
    (plain,) = client.http("GET", "/api/2.2/jobs/runs/list")[1]["runs"]
    assert "tasks" not in plain
    (job_shape,) = client.http("GET", "/api/2.2/jobs/list?expand_tasks=true")[1]["jobs"]
    assert (len(job_shape["settings"]["tasks"]), job_shape["has_more"]) == (100, True)


def test_a_run_that_is_going(serve: Serve) -> None:
    clock = ManualClock()
    client = serve(
        {"etl": scripted(played("main"), played("next", "main"), seconds=5)}, clock=clock
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
    assert words(client.jobs.get_run(run_id)) == ("TERMINATED", "SUCCESS", "SUCCESS")
    assert client.jobs.get_run(run_id).run_duration == 10_000


def test_a_task_is_a_run_of_its_own(serve: Serve, quick: dict[str, Any]) -> None:
    client = serve(quick)
    run = client.run("etl")
    (task,) = run.tasks or []
    assert task.run_id is not None
    alone = client.jobs.get_run(task.run_id)
    assert (alone.run_id, alone.job_run_id) == (task.run_id, run.run_id)
    assert words(alone) == words(task)


def test_delete(serve: Serve) -> None:
    clock = ManualClock()
    client = serve({"etl": scripted(played("main"), seconds=5)}, clock=clock)
    run_id = client.start("etl")
    status, error = client.http("POST", "/api/2.2/jobs/runs/delete", {"run_id": run_id})
    assert (status, error["error_code"]) == (400, "INVALID_STATE")
    clock.advance(5)
    client.jobs.delete_run(run_id)
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get_run(run_id)
    assert list(client.jobs.list_runs()) == []
