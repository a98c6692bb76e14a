"""Secrets are redacted in every response and in the output of every command."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.runs.redaction import REDACTED
from tests.conftest import MakeApp


class ConnectionParams(Schema):
    who = fields.String()
    db_password = fields.String(data_key="dbPassword")
    pin = fields.String(metadata={"secret": True})
    account = fields.Dict()


PARAMS = {"who": "anna", "dbPassword": "hunter2", "pin": "swordfish"}

ACCOUNT = {"apiKey": "swordfish"}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    jobs = {"greeting": {"of": "greeting", "task_type": "job", "params": ConnectionParams}}
    return make_app(jobs=jobs)


@pytest.fixture
def run_id(app: Flask) -> int:
    """A run that has ended, started with secrets."""
    with app.app_context():
        run_id = current_jobs["greeting"].run_now({**PARAMS, "account": ACCOUNT}).run_id
        current_jobs["greeting"].wait(run_id)
    return run_id


@pytest.mark.parametrize(
    "path", ["runs", "runs/{run_id}", "runs/{run_id}/output", "status", "runs/{run_id}/stream"]
)
def test_responses_contain_no_secrets(app: Flask, run_id: int, path: str) -> None:
    response = app.test_client().get(f"/api/jobs/greeting/{path.format(run_id=run_id)}")
    assert response.status_code == 200
    shown = response.text.replace('\\"', '"')
    printed_by_the_notebook = '"dbPassword": "hunter2"'  # output of a job is not redacted
    assert "hunter2" not in shown.replace(printed_by_the_notebook, "")
    assert '"pin","value":"swordfish"' not in shown
    if not path.endswith("output"):
        assert "swordfish" not in shown
        assert "anna" in shown


def test_stream_of_several_runs_contains_no_secrets(app: Flask, run_id: int) -> None:
    response = app.test_client().get(f"/api/jobs/stream?run=greeting:{run_id}")
    assert "hunter2" not in response.text
    assert "swordfish" not in response.text
    assert "anna" in response.text


def test_python_api_returns_secrets(app: Flask, run_id: int) -> None:
    with app.app_context():
        parameters = current_jobs["greeting"].get_run(run_id).job_parameters
    sent = {**PARAMS, "account": '{"apiKey": "swordfish"}'}
    assert {parameter.name: parameter.value for parameter in parameters or []} == sent


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "greeting"],
        ["status", "greeting"],
        ["show", "greeting", "{run_id}"],
        ["output", "greeting", "{run_id}"],
        ["watch", "greeting", "{run_id}"],
    ],
)
def test_commands_print_no_secrets(app: Flask, run_id: int, command: list[str]) -> None:
    arguments = [part.format(run_id=run_id) for part in command]
    result = app.test_cli_runner().invoke(args=["jobs", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    printed = result.stdout.replace('\\"', '"').replace('"dbPassword": "hunter2"', "")
    assert "hunter2" not in printed


def test_run_command_prints_no_secrets(app: Flask) -> None:
    given = [part for name, value in PARAMS.items() for part in ("-p", f"{name}={value}")]
    result = app.test_cli_runner().invoke(args=["jobs", "run", "greeting", *given, "--json"])
    assert result.exit_code == 0, result.output
    parameters = json.loads(result.stdout)["run"]["job_parameters"]
    assert {each["name"]: each["value"] for each in parameters} == {
        "who": "anna",
        "dbPassword": REDACTED,
        "pin": REDACTED,
    }
