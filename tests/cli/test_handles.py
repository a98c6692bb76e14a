"""The handle that a command uses."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import click
import pytest
from flask import Flask

from flask_lakeflow_jobs import JobConfig, LakeflowJobs
from flask_lakeflow_jobs.cli import handles
from flask_lakeflow_jobs.config.jobs import build_env_name
from tests.cli import apps
from tests.cli.conftest import CommandResult, RunFlask, start_run


def test_key_is_optional_in_an_app_with_one_job(
    flask_jobs: RunFlask, job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in job_ids:
        monkeypatch.delenv(build_env_name(key))
    monkeypatch.setenv("DATABRICKS_JOB_ID", str(job_ids["etl"]))
    app = apps.create_app_without_jobs()
    run_id = flask_jobs("run", "--no-wait", of=app).stdout.strip()
    assert flask_jobs("watch", run_id, of=app).exit_code == 0
    assert flask_jobs("watch", "default", run_id, of=app).exit_code == 0
    status = flask_jobs("status", of=app)
    assert status.stdout.startswith(f"Run:      {run_id} of default\n")


def test_missing_key_is_asked_for_on_a_terminal(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = flask_jobs("runs")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Which job? This app has several: " in refused.stderr
    monkeypatch.setattr(handles, "is_interactive", lambda: True)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: "words")
    run_id = start_run(flask_jobs)
    assert run_id in flask_jobs("runs", "words").stdout


def test_ctrl_c_as_the_answer_exits_as_interrupted(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise click.Abort

    monkeypatch.setattr(handles, "is_interactive", lambda: True)
    monkeypatch.setattr(click, "prompt", interrupt)
    assert flask_jobs("runs") == CommandResult(130, "", "Interrupted.\n")


def test_app_without_jobs_explains_how_to_configure_one(
    flask_jobs: RunFlask, job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in job_ids:
        monkeypatch.delenv(build_env_name(key))
    app = apps.create_app_without_jobs()
    result = flask_jobs("run", of=app)
    assert result.exit_code == 2
    assert "This app has no jobs. Set DATABRICKS_JOB_<NAME>" in result.stderr
    listed = flask_jobs("list", of=app)
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert "This app has no jobs. Set DATABRICKS_JOB_<NAME>" in listed.stderr


def test_operator_runs_a_job_that_runs_as_its_users(
    job_ids: Mapping[str, int], flask_jobs: RunFlask
) -> None:
    app = Flask("app")
    config = JobConfig(job_id=job_ids["words"], run_as="user")
    LakeflowJobs(app, jobs={"words": config})
    assert flask_jobs("run", "words", of=app).exit_code == 0


def test_audit_log_names_the_user_of_the_command_line(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handles, "find_operator", lambda: "nightly")
    with caplog.at_level(logging.INFO, "flask_lakeflow_jobs.audit"):
        run_id = start_run(flask_jobs, "words")
    assert f"run {run_id}: triggered, requested by 'nightly'." in caplog.text
