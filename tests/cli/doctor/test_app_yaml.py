"""The ``app.yaml`` of an app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs.cli.doctor.app_yaml import (
    AppYaml,
    check_app_yaml,
    parse_app_yaml,
    read_app_yaml,
)
from flask_lakeflow_jobs.cli.doctor.findings import Level
from tests.cli.doctor.conftest import RunDoctor
from tests.conftest import MakeApp

PATH = Path("app.yaml")


def test_app_yaml_is_read_from_the_first_folder_that_has_it(tmp_path: Path) -> None:
    assert read_app_yaml([tmp_path]) is None
    path = tmp_path / "app.yaml"
    path.write_text("command: gunicorn a:b -w 2\nenv:\n  - name: A\n")
    expected = AppYaml(path, ("gunicorn", "a:b", "-w", "2"), frozenset({"A"}))
    assert read_app_yaml([tmp_path / "nowhere", tmp_path]) == expected


@pytest.mark.parametrize(
    ("document", "command", "env"),
    [
        ({}, (), set()),
        ({"command": ["gunicorn", "-w", 4]}, ("gunicorn", "-w", "4"), set()),
        ({"command": None, "env": [{"name": "A"}, "B"]}, (), {"A"}),
    ],
)
def test_parse_app_yaml_reads_command_and_variables(
    document: Any, command: tuple[str, ...], env: set[str]
) -> None:
    assert parse_app_yaml(PATH, document) == AppYaml(PATH, command, frozenset(env))


@pytest.mark.parametrize("text", ["[", "just words", "", "command: 5", "env: x", 'command: "\'"'])
def test_invalid_app_yaml_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "app.yaml").write_text(text)
    app_yaml = read_app_yaml([tmp_path])
    assert app_yaml is not None
    (finding,) = check_app_yaml(app_yaml, ["etl"])
    assert finding.about == "app.yaml"
    assert finding.message.startswith("It cannot be read: ")


def test_job_id_that_app_yaml_does_not_set_is_an_error() -> None:
    app_yaml = AppYaml(PATH, env=frozenset({"DATABRICKS_JOB_ETL"}))
    (finding,) = check_app_yaml(app_yaml, ["etl", "nightly-load"])
    assert finding.about == "job nightly-load"
    assert "name: DATABRICKS_JOB_NIGHTLY_LOAD" in finding.lines["app.yaml"]
    assert "id: ${resources.jobs.nightly-load.id}" in finding.lines["databricks.yml"]


def test_invalid_app_yaml_does_not_stop_the_doctor(doctor: RunDoctor, app: Flask) -> None:
    PATH.write_text("[")
    assert "cannot be read" in doctor(app).select_one("app.yaml")["message"]


def test_unused_bundle_is_expected_on_databricks_apps(
    doctor: RunDoctor, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_APP_NAME", "portal")
    result = doctor(make_app({"LAKEFLOW_JOBS_BUNDLE": "databricks.yml"}))
    assert "is not used" in result.select_one("bundle", Level.OK)["message"]
