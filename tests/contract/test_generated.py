"""Requests generated from the OpenAPI document, by schemathesis, against the running app."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs.testing import (
    Drop,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    InvalidBody,
    Refusal,
    TruncatedBody,
)
from tests.conftest import MakeApp, Serve
from tests.support import ALICE, DEADLINE

pytest.importorskip("schemathesis", reason="tox -e contract has it")

HERE = Path(__file__).parent

FAULTS: tuple[Fault, ...] = (
    *(Refusal(status) for status in (400, 401, 403, 404, 409, 429, 500, 501, 503, 504)),
    *(GatewayPage(), Drop(), Drop(accepted=True), TruncatedBody(), InvalidBody()),
)


class Typed(Schema):
    day = fields.Date(required=True)
    rows = fields.Integer(validate=validate.Range(min=1, max=100))
    kind = fields.String(validate=validate.OneOf(["full", "delta"]))


#: One job of each task type. Their runs are skipped at once.
JOBS: dict[str, dict[str, Any]] = {
    "typed": {"task_type": "job", "params": Typed},
    "script": {"task_type": "python_script"},
    "raw": {},
    "users": {"task_type": "notebook", "run_as": "user"},
    "pipe": {"task_type": "pipeline"},
    "dbt": {"task_type": "dbt"},
    "commands": {"task_type": "dbt_commands"},
}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    jobs = {key: {"of": "never", **job} for key, job in JOBS.items()}
    return make_app(
        jobs=jobs,
        policy=lambda user, action, job: job in JOBS,
        LAKEFLOW_JOBS_STREAM_MAX_SECONDS=0.2,
        LAKEFLOW_JOBS_TIMEOUT=1,
        LAKEFLOW_JOBS_WEBHOOK_USERNAME="databricks",
        LAKEFLOW_JOBS_WEBHOOK_PASSWORD="secret",
    )


def generate(
    url: str, config: str, folder: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Send generated requests. The exit code is 0 if all responses are as documented.

    :param url: the URL of the app.
    :param config: the file name of a configuration of schemathesis.
    :param folder: the working directory of schemathesis.
    """
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / config)),
        *("run", f"{url}/api/jobs/openapi.json", "--seed", "1", "--no-color"),
        *("--header", f"X-Forwarded-Access-Token: {ALICE}", "--auth", "databricks:secret"),
        *("--request-timeout", f"{DEADLINE:g}"),
        *options,
    ]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, timeout=10 * DEADLINE
    )


def count_cases(result: subprocess.CompletedProcess[str]) -> int:
    match = re.search(r"(\d+) generated", result.stdout)
    assert match is not None, result.stdout + result.stderr
    return int(match[1])


def test_generated_requests_get_documented_responses(
    app: Flask, serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = generate(serve(app), "sound.toml", tmp_path, "--max-examples", "20")

    assert result.returncode == 0, result.stdout
    assert count_cases(result) > 500
    assert "Traceback" not in caplog.text


def test_generated_requests_with_upstream_faults(
    app: Flask,
    serve: Serve,
    fault_proxy: FaultyWorkspace,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    draw = random.Random(1)
    for fault in FAULTS:
        fault_proxy.fail(fault, rate=0.04, random=draw)

    result = generate(serve(app), "faulty.toml", tmp_path, "--max-examples", "10")

    assert result.returncode == 0, result.stdout
    assert count_cases(result) > 300
    assert "Traceback" not in caplog.text


def test_undocumented_response_would_be_detected(app: Flask, serve: Serve, tmp_path: Path) -> None:
    @app.after_request
    def change_status(response: Response) -> Response:
        if response.status_code == 404:
            response.status_code = 418
        return response

    options = ("--include-path", "/{key}/runs/{run_id}", "--max-examples", "5")
    result = generate(serve(app), "sound.toml", tmp_path, *options)

    assert result.returncode == 1
    assert "418" in result.stdout
