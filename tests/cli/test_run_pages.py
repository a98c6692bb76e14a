"""The page of a run that commands name."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.cli.run_pages import development_url, find_run_url
from flask_lakeflow_jobs.globals import current_state
from tests import run_documents
from tests.cli.conftest import BUNDLE

WORKSPACE_PAGE = "https://host/jobs/7/runs/1001"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:5000"),
        ({"FLASK_RUN_PORT": "8000", "FLASK_RUN_HOST": "::"}, "http://127.0.0.1:8000"),
        ({"FLASK_RUN_HOST": "::1", "FLASK_RUN_CERT": "adhoc"}, "https://[::1]:5000"),
    ],
)
def test_development_url_by_environment(
    environ: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert development_url() == url


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"LAKEFLOW_JOBS_CONSOLE": True}, "http://127.0.0.1:5000/jobs/etl/runs/1001"),
        ({"LAKEFLOW_JOBS_CONSOLE": True, "SERVER_NAME": "x"}, "http://x/jobs/etl/runs/1001"),
        ({"LAKEFLOW_JOBS_CONSOLE": True, "DATABRICKS_HOST": "https://host"}, WORKSPACE_PAGE),
        ({"LAKEFLOW_JOBS_CONSOLE": False}, WORKSPACE_PAGE),
    ],
)
def test_run_url_is_in_the_console_if_its_address_is_known(
    settings: dict[str, object], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_HOST")
    app = Flask("app", instance_path=str(tmp_path))
    app.config.update({"LAKEFLOW_JOBS_BUNDLE": str(BUNDLE), **settings})
    LakeflowJobs(app)
    with app.app_context():
        state = current_state()
        run = run_documents.run(run_page_url="https://host/#job/7/run/1001")
        assert find_run_url(state, state.settings.jobs["etl"], run) == url
