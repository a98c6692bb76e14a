"""Responses to paths and methods that no route serves."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.config.jobs import RESERVED_KEYS
from tests.conftest import MakeApp
from tests.web.problem_documents import document_of

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("", {"GET", "HEAD"}),
        ("never", {"GET", "HEAD"}),
        ("never/", {"GET", "HEAD"}),
        ("never/run", {"POST"}),
        ("never/runs", {"GET", "HEAD"}),
        ("never/runs/1", {"GET", "HEAD", "DELETE"}),
        ("never/runs/1/repair", {"POST"}),
        ("stream", {"GET", "HEAD"}),
        ("openapi.json", {"GET", "HEAD"}),
    ],
)
def test_other_method_is_405_and_options_204_with_the_allowed_methods(
    client: FlaskClient, path: str, allowed: set[str]
) -> None:
    for method in METHODS - allowed:
        response = client.open(f"/api/jobs/{path}", method=method)
        assert (method, response.status_code) == (method, 405)
        assert set(response.headers["Allow"].split(", ")) == allowed
        assert response.mimetype == "application/problem+json"
        if method != "HEAD":
            problem = response.get_json(force=True)
            assert problem["status"] == 405
            assert problem["detail"] == f"This route has only {', '.join(sorted(allowed))}."
    options = client.options(f"/api/jobs/{path}")
    assert options.status_code == 204
    assert set(options.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "path", ["never/nothing", "never/runs/1/nothing", "a/b/c/d/e", "stream/x", "never//"]
)
def test_other_path_is_404(client: FlaskClient, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        response = client.open(f"/api/jobs/{path}", method=method)
        assert (method, response.status_code) == (method, 404)
        assert response.mimetype == "application/problem+json"
        assert "openapi.json" in response.get_json(force=True)["detail"]


@pytest.mark.parametrize(
    ("method", "host", "status"), [("PROPFIND", "localhost", 405), ("GET", "a" * 64, 400)]
)
def test_request_that_reaches_no_route_gets_a_problem_document_under_the_prefix(
    client: FlaskClient, method: str, host: str, status: int
) -> None:
    for path in ("/api/jobs/", "/api/jobs/never/runs"):
        response = client.open(path, method=method, headers={"Host": host})
        assert response.status_code == status
        document_of(response)
    for path in ("/api/jobs2", "/api"):
        response = client.open(path, method=method, headers={"Host": host})
        assert response.mimetype == "text/html"


def test_redirect_of_the_router_is_kept(client: FlaskClient) -> None:
    response = client.get("/api//jobs/never")
    assert (response.status_code, response.location) == (308, "http://localhost/api/jobs/never")


def test_browsers_do_not_guess_the_type_of_a_response(client: FlaskClient) -> None:
    for method, path, status in (
        ("GET", "", 200),
        ("GET", "never", 200),
        ("POST", "never/run", 200),
        ("POST", "never/run?stream=true&poll=true", 200),
        ("OPTIONS", "never/run", 204),
        ("GET", "never/runs/1", 404),
        ("GET", "never/runs/x", 400),
        ("GET", "nothing/else", 404),
        ("GET", "lakeflow.js", 200),
    ):
        response = client.open(f"/api/jobs/{path}", method=method)
        assert (path, response.status_code) == (path, status)
        assert response.headers.getlist("X-Content-Type-Options") == ["nosniff"]


def test_routes_of_the_app_under_the_prefix_take_precedence(app: Flask) -> None:
    for rule, methods in (
        ("/api/jobs/mine/deep/page", ["GET"]),
        ("/api/jobs/<name>/extra/<thing>", ["GET", "POST"]),
        ("/api/jobs/mine/", ["PUT"]),
        ("/api/<path:rest>", ["GET"]),
        ("/api/jobs/folder/with/slash/", ["GET"]),
    ):
        app.add_url_rule(rule, rule, lambda **_: "the host's own", methods=methods)
    client = app.test_client()

    assert client.get("/api/jobs/mine/deep/page").text == "the host's own"
    assert client.post("/api/jobs/a/extra/b").text == "the host's own"
    assert client.put("/api/jobs/mine/").text == "the host's own"
    assert client.get("/api/other/page").text == "the host's own"
    assert client.get("/api/jobs/folder/with/slash").status_code == 308
    assert client.get("/api/jobs/never").get_json()["key"] == "never"


@pytest.mark.parametrize("prefix", ["", "/"])
def test_without_a_prefix_other_pages_belong_to_the_app(prefix: str) -> None:
    app = Flask("app")

    @app.errorhandler(404)
    def lost(error: Exception) -> tuple[str, int]:
        return "the host's own page", 404

    LakeflowJobs(app, url_prefix=prefix)
    assert app.test_client().get("/a/b/c").text == "the host's own page"


def test_first_path_segments_of_routes_are_reserved_keys(make_app: MakeApp) -> None:
    app = make_app(
        LAKEFLOW_JOBS_WEBHOOK_USERNAME="databricks", LAKEFLOW_JOBS_WEBHOOK_PASSWORD="secret"
    )
    parts = [
        rule.rule.removeprefix("/api/jobs/").split("/")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/jobs/")
    ]
    assert {first for first, *_ in parts if first and "<" not in first} == RESERVED_KEYS
