"""Responses of the console, also in apps that have changed Jinja for their own templates."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, request
from jinja2 import StrictUndefined

from flask_lakeflow_jobs.console.rendering import MIN_COMPRESSED_BYTES, compress
from tests.console.support import run

if TYPE_CHECKING:
    from tests.console.conftest import MakeShop


@pytest.mark.parametrize(
    "options",
    [
        {"autoescape": False},
        {"is_async": True},
        {"variable_start_string": "[[", "variable_end_string": "]]"},
        {"line_statement_prefix": "<", "line_comment_prefix": "#"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_pages_escape_and_have_the_usual_syntax(
    make_shop: MakeShop, options: dict[str, Any]
) -> None:
    app = make_shop(jobs={"broken": {"description": "<script>"}})
    app.jinja_env.__dict__.update(options)
    client, run_id = app.test_client(), run(app, "broken")

    jobs, page = client.get("/jobs/").text, client.get(f"/jobs/broken/runs/{run_id}").text

    assert "&lt;script&gt;" in jobs
    assert "<script>" not in jobs
    assert 'class="lf-attempt"' in page
    assert "{{" not in jobs + page


def test_pages_work_in_an_app_whose_templates_are_strict(make_shop: MakeShop) -> None:
    app = make_shop()
    app.jinja_env.undefined = StrictUndefined
    client, run_id = app.test_client(), run(app, "broken")
    run_document: Any = client.get(f"/api/jobs/broken/runs/{run_id}").json
    task_run_id = run_document["tasks"][0]["run_id"]

    for path in (
        *("/", "/?view=table", "/~runs", "/broken", "/broken/run", "/broken/matrix", "/nope"),
        *(f"/broken/runs/{run_id}{page}" for page in ("", "/repair", f"/tasks/{task_run_id}")),
        f"/broken/compare?run={run_id}&run={run(app, 'broken')}",
    ):
        assert client.get(f"/jobs{path}").status_code == (404 if path == "/nope" else 200), path


BODY = "abc" * MIN_COMPRESSED_BYTES


@pytest.mark.parametrize(
    ("accepted", "body", "encoding"),
    [
        ("gzip, br", BODY, "gzip"),
        ("*", BODY, "gzip"),
        ("gzip;q=0", BODY, None),
        ("br", BODY, None),
        (None, BODY, None),
        ("gzip", "short", None),
    ],
)
def test_compress_follows_what_the_client_accepts(
    accepted: str | None, body: str, encoding: str | None
) -> None:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    with Flask("x").test_request_context(headers=headers):
        response = compress(Response(body), request)
    assert response.headers.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in response.vary
    data = response.get_data()
    assert (gzip.decompress(data) if encoding else data) == body.encode()
    assert response.content_length == len(data)
