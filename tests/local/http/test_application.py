"""Routes, errors and bodies of requests, over HTTP."""

from __future__ import annotations

import errno
import sqlite3
import uuid
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from databricks.sdk.errors import NotFound

from flask_lakeflow_jobs.local.http.application import RouteTable
from flask_lakeflow_jobs.local.registry import Registry
from tests.local.support import Client
from tests.support import DEADLINE

HALF_A_CHARACTER = "The body contains half a character: a lone surrogate."


def pop_request_id(body: Any) -> Any:
    """Check that an error names its request, and return the rest of it."""
    (request,) = body.pop("details")
    assert request["@type"] == "type.googleapis.com/google.rpc.RequestInfo"
    assert str(uuid.UUID(request["request_id"])) == request["request_id"]
    return body


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_each_version_serves_jobs(client: Client, version: str) -> None:
    root = f"/api/{version}/jobs"
    status, jobs = client.http("GET", f"{root}/list")
    assert (status, [job["job_id"] for job in jobs["jobs"]]) == (200, [client.job_ids["etl"]])
    assert ("has_more" in jobs) == (version != "2.2")
    assert client.http("GET", f"{root}/get?job_id={client.job_ids['etl']}")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "api_path"),
    [
        ("GET", "/nowhere", "/nowhere"),
        ("POST", "/", "/"),
        ("GET", "/api/2.3/jobs/list", "/jobs/list"),
        ("GET", "/api/2.2/jobs", "/jobs"),
        ("POST", "/api/2.2/jobs/list", "/jobs/list"),
        ("POST", "/api/2.1/clusters/create", "/clusters/create"),
        ("PUT", "/api/2.2/jobs/run-now", "/jobs/run-now"),
    ],
)
def test_unknown_endpoint_is_not_found(
    client: Client, method: str, path: str, api_path: str
) -> None:
    status, body = client.http(method, path)
    assert (status, pop_request_id(body)) == (
        404,
        {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for '{method} {api_path}'"},
    )


NO_WAREHOUSE = "The local workspace serves no SQL warehouse. Run the statement in a sql_task, or"
NO_UPLOADS = "The local workspace runs the files of its bundle. Add the file there, or upload data"
JOBS_ONLY = "The local workspace runs jobs only. Leave "


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: list(w.warehouses.list()), NO_WAREHOUSE),
        (lambda w: w.statement_execution.execute_statement("SELECT 1", "x"), NO_WAREHOUSE),
        (lambda w: list(w.catalogs.list()), "The local workspace has no Unity Catalog."),
        (lambda w: list(w.registered_models.list()), f"{JOBS_ONLY}registered models out"),
        (lambda w: list(w.dbfs.list("/")), "The local workspace has no DBFS. Use a volume"),
        (lambda w: list(w.experiments.list_experiments()), "The local workspace serves no MLflow."),
        (lambda w: w.workspace.mkdirs("/Shared/a"), NO_UPLOADS),
        (lambda w: w.workspace.get_status("/Shared/a"), NO_UPLOADS),
        (
            lambda w: w.api_client.do("POST", "/api/2.0/workspace-files/import-file/a"),
            NO_UPLOADS,
        ),
        (
            lambda w: w.api_client.do("GET", "/api/2.0/pipelines/a/b/c"),
            "The local workspace runs no pi",
        ),
        (lambda w: list(w.apps.list()), f"{JOBS_ONLY}apps out of this target."),
        (lambda w: list(w.lakeview.list()), f"{JOBS_ONLY}dashboards out of this target."),
        (lambda w: list(w.serving_endpoints.list()), f"{JOBS_ONLY}serving endpoints out"),
    ],
)
def test_endpoint_of_another_product_says_what_to_do_instead(
    module_client: Client, call: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(NotFound) as caught:
        call(module_client.sdk)
    assert str(caught.value).startswith(message)


def test_head_has_no_body_and_pages_need_no_token(client: Client) -> None:
    connection = HTTPConnection(urlsplit(client.address.host).netloc, timeout=DEADLINE)
    for path, status in (("/", 200), ("/api/2.2/jobs/list", 401)):
        connection.request("HEAD", path)
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, b"")
    for path, title in (
        ("/", b"Local workspace"),
        ("/jobs/5?w=1", b"Job 5"),
        ("/jobs/5/runs/7", b"Run 7 of job 5"),
    ):
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, response.headers["Content-Type"]) == (
            200,
            "text/html; charset=utf-8",
        )
        page = response.read()
        assert page.startswith(b"<!DOCTYPE html>")
        assert b"<h1>" + title in page
    connection.close()


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("jobs/run-now", b"{", "The body is not JSON."),
        ("jobs/run-now", b"[" * 100_000, "The body is not JSON."),
        ("jobs/create", b'{"tags": {"n": NaN}}', "The body is not JSON."),
        ("jobs/create", b'{"tags": {"n": -1e999}}', "The body is not JSON."),
        ("jobs/create", rb'{"name": "\uD800"}', HALF_A_CHARACTER),
        ("jobs/create", b'{"name": "\xed\xa0\x80"}', "The body is not JSON."),
        ("jobs/create", '{"name": "\\udc00"}'.encode("utf-16"), HALF_A_CHARACTER),
        ("jobs/run-now", [], "The body has to be an object."),
        (
            "jobs/run-now",
            {"job_id": "1001abc"},
            "Expected integer for field job_id, found STRING",
        ),
        (
            "jobs/runs/cancel",
            {"run_id": []},
            "Expected integer for field run_id, found ARRAY",
        ),
    ],
)
def test_malformed_body_is_refused(client: Client, path: str, body: Any, message: str) -> None:
    status, error = client.http("POST", f"/api/2.2/{path}", body)
    assert (status, pop_request_id(error)) == (
        400,
        {
            "error_code": "MALFORMED_REQUEST",
            "message": f"Could not parse request object: {message}",
        },
    )


def test_whole_characters_of_two_surrogates_are_accepted(client: Client) -> None:
    body = rb'{"name": "\ud83d\ude00"}'
    status, created = client.http("POST", "/api/2.2/jobs/create", body)
    assert status == 200
    assert client.jobs.get(created["job_id"]).as_dict()["settings"]["name"] == "\U0001f600"


@pytest.mark.parametrize(
    ("error", "status", "code", "remedy"),
    [
        (sqlite3.OperationalError("database or disk is full"), 507, "INVALID_STATE", "Make room"),
        (OSError(errno.ENOSPC, "No space left on device"), 507, "INVALID_STATE", "Make room"),
        (OSError(errno.EIO, "Input/output error"), 500, "INTERNAL_ERROR", ""),
        (sqlite3.OperationalError("database is locked"), 500, "INTERNAL_ERROR", ""),
        (sqlite3.DatabaseError("is damaged"), 500, "INTERNAL_ERROR", "move its database away"),
    ],
)
def test_failure_of_the_disk_is_shown_with_the_remedy(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
    remedy: str,
) -> None:
    """On a full disk, nothing of the request is carried out, so that it is not repeated."""

    def fail(self: object, job_id: int) -> None:
        raise error

    monkeypatch.setattr(Registry, "find", fail)
    got, answer = client.http("GET", "/api/2.2/jobs/get?job_id=7")
    assert (got, answer["error_code"]) == (status, code)
    assert "The local workspace cannot use its folder" in answer["message"]
    assert f": {error}." in answer["message"]
    assert remedy in answer["message"]
    assert "Traceback" not in caplog.text


def test_internal_error_is_logged_and_not_shown(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: object, job_id: int) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(Registry, "find", fail)
    status, error = client.http("GET", "/api/2.0/permissions/jobs/7")
    assert (status, error) == (
        500,
        {
            "error_code": "INTERNAL_ERROR",
            "message": "Internal error of the local workspace. See its log.",
        },
    )
    assert "GET /api/2.0/permissions/jobs/7 failed" in caplog.text
    assert "a secret" in caplog.text


PATHS = ("jobs/get", "jobs/{id}", "jobs/{id}/runs", "files/{path...}", "a.b/{id}")
TABLE = RouteTable({("GET", path): lambda request, path=path: path for path in PATHS})


@pytest.mark.parametrize(
    ("method", "path", "found", "variables"),
    [
        ("GET", "jobs/get", "jobs/get", {}),
        ("GET", "jobs/7", "jobs/{id}", {"id": "7"}),
        ("GET", "jobs/a b\n/runs", "jobs/{id}/runs", {"id": "a b\n"}),
        ("GET", "files/a/b.py", "files/{path...}", {"path": "a/b.py"}),
        ("GET", "a.b/7", "a.b/{id}", {"id": "7"}),
        ("POST", "jobs/7", None, {}),
        ("GET", "jobs/", None, {}),
        ("GET", "jobs/7/runs/8", None, {}),
        ("GET", "files/", None, {}),
        ("GET", "axb/7", None, {}),
    ],
)
def test_route_of_a_path_is_found(
    method: str, path: str, found: str | None, variables: dict[str, str]
) -> None:
    route = TABLE.find(method, path)
    assert (route and (route[0](None), route[1])) == (found and (found, variables))
