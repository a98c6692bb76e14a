"""Runs that report progress, and the requests with which they do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from flask_lakeflow_jobs import (
    current_jobs,
)

#: Not the name of a secret: the tokens are found by their form.
PARAMETER = "reporting"
SETTINGS = {"LAKEFLOW_JOBS_PROGRESS_PARAMETER": PARAMETER, "SECRET_KEY": "of the app"}
REPORT = {"percent": 40, "message": "4 of 10 files", "task": "wait"}


def start_run(app: Flask, params: Mapping[str, Any], key: str = "gated") -> int:
    with app.app_context():
        return current_jobs[key].run_now(params).run_id


def token_of(app: Flask, run_id: int, key: str = "gated") -> str:
    """The token, as the run itself gets it."""
    with app.app_context():
        run = current_jobs[key].get_run(run_id)
    [token] = [each.value for each in run.job_parameters or [] if each.name == PARAMETER]
    assert token is not None
    return token


def send_report(
    app: Flask, run_id: int, token: str | None = None, body: Any = None, key: str = "gated"
) -> TestResponse:
    headers = {} if token is None else {"Lakeflow-Progress-Token": token}
    body = REPORT if body is None else body
    path = f"/api/jobs/{key}/runs/{run_id}/progress"
    return app.test_client().post(path, json=body, headers=headers)


def progress_of(app: Flask, run_id: int, key: str = "gated") -> Any:
    """The progress in the current state of a run, as a viewer gets it."""
    response = app.test_client().get(f"/api/jobs/{key}/runs/{run_id}/stream?poll=true")
    assert response.status_code == 200
    line = next(line for line in response.text.splitlines() if line.startswith("data:"))
    return json.loads(line.removeprefix("data:")).get("progress")


def stream_of(run_id: int) -> str:
    return f"/api/jobs/gated/runs/{run_id}/stream?poll=true"
