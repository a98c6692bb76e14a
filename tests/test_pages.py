"""The addresses of the console's pages outside a request."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.pages import find_run_page


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
