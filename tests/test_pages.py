"""The addresses of pages: of the console outside a request, and of runs in Databricks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask, g, url_for

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.pages import PageUrl, build_run_url, find_run_page, normalize_page_url


@pytest.mark.parametrize(
    ("settings", "base_url", "page"),
    [
        ({}, None, None),
        ({"SERVER_NAME": "x.example"}, None, "http://x.example/jobs/etl/runs/5"),
        (
            {"SERVER_NAME": "x.example", "PREFERRED_URL_SCHEME": "https"},
            None,
            "https://x.example/jobs/etl/runs/5",
        ),
        ({"SERVER_NAME": "x.example"}, "https://y/app", "https://y/app/jobs/etl/runs/5"),
        ({"SERVER_NAME": "x.example", "LAKEFLOW_JOBS_CONSOLE": False}, None, None),
        ({"LAKEFLOW_JOBS_CONSOLE": False}, "https://y", None),
    ],
)
def test_find_run_page_by_settings(
    settings: dict[str, Any], base_url: str | None, page: str | None
) -> None:
    app = Flask("app")
    app.config.update({"DATABRICKS_JOB_ETL": 7, "LAKEFLOW_JOBS_CONSOLE": True, **settings})
    LakeflowJobs(app)
    assert find_run_page(app, "etl", 5, base_url) == page


@pytest.mark.parametrize(
    ("base_url", "page"),
    [
        (None, "http://x.example/own/etl/5"),
        ("https://y/app", "https://y/app/own/etl/5"),
        ("https://y/app/", "https://y/app/own/etl/5"),
    ],
)
def test_find_run_page_prefers_the_hosts_own(base_url: str | None, page: str) -> None:
    def page_url(name: str, values: Mapping[str, Any]) -> str:
        assert name == "show_run"
        return url_for("own", **values)

    assert find_run_page(shop(page_url), "etl", 5, base_url) == page


def fail(*_: object) -> str:
    raise LookupError("no page")


@pytest.mark.parametrize(("page_url", "is_logged"), [(lambda *_: None, False), (fail, True)])
def test_find_run_page_without_an_own_one_is_the_consoles(
    caplog: pytest.LogCaptureFixture, page_url: PageUrl, is_logged: bool
) -> None:
    assert find_run_page(shop(page_url), "etl", 5) == "http://x.example/jobs/etl/runs/5"
    assert ("page_url failed" in caplog.text) is is_logged


def test_find_run_page_needs_no_values_of_a_request() -> None:
    """As Flask's documentation adds a language to URLs."""
    app = shop(lambda *_: url_for("own", key="etl", run_id=5))

    @app.url_defaults
    def add_language(endpoint: str, values: dict[str, Any]) -> None:
        if app.url_map.is_endpoint_expecting(endpoint, "language"):
            values["language"] = g.language
        assert g.language

    assert find_run_page(app, "etl", 5) == "http://x.example/jobs/etl/runs/5"


def shop(page_url: PageUrl) -> Flask:
    app = Flask("app")
    settings = {"SERVER_NAME": "x.example", "DATABRICKS_JOB_ETL": 7, "LAKEFLOW_JOBS_CONSOLE": True}
    app.config.update(settings)
    app.add_url_rule("/own/<key>/<int:run_id>", "own", lambda key, run_id: key)
    LakeflowJobs(app, page_url=page_url)
    return app


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, None),
        ("", None),
        ("https://host/?o=1#job/11/run/22", "https://host/jobs/11/runs/22?o=1"),
        ("https://host/#job/11/run/22", "https://host/jobs/11/runs/22"),
        ("https://host/?o=1#job/11/run/2/x", "https://host/?o=1#job/11/run/2/x"),
        ("https://host/jobs/11/runs/22?o=1", "https://host/jobs/11/runs/22?o=1"),
        ("http://127.0.0.1:4/jobs/11/runs/22", "http://127.0.0.1:4/jobs/11/runs/22"),
        ("no url at all", None),
        ("javascript:alert(1)", None),
    ],
)
def test_normalize_page_url_rewrites_old_addresses(url: str | None, expected: str | None) -> None:
    assert normalize_page_url(url) == expected


@pytest.mark.parametrize("url", ["http://[", "https://a]b", "http://\u2100.com"])
def test_malformed_page_address_is_none(url: str) -> None:
    assert normalize_page_url(url) is None
    assert build_run_url(url, 4, 5) is None


def test_build_run_url_from_the_page_of_another_run() -> None:
    sibling = "https://x.cloud/?o=1#job/2/run/3"
    assert build_run_url(sibling, 4, 5) == "https://x.cloud/jobs/4/runs/5?o=1"
    assert build_run_url(None, 4, 5) is None
    assert build_run_url("http://127.0.0.1:9/?o=1#job/2/run/3", 4, 5) is None
