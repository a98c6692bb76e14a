"""The checks of ``flask jobs doctor`` that read the app and its workspace."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import JobConfig
from flask_lakeflow_jobs.cli.doctor.checks import (
    check_clock,
    check_key_names,
    find_unknown_variables,
)
from flask_lakeflow_jobs.cli.doctor.findings import Level
from flask_lakeflow_jobs.local import stop_workspace
from flask_lakeflow_jobs.testing import (
    Exchange,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    InvalidBody,
    Refusal,
    Reply,
)
from tests.cli.conftest import BUNDLE, RunFlask
from tests.cli.doctor.conftest import RunDoctor
from tests.conftest import MakeApp


def respond_with(document: Any, **headers: str) -> Callable[[Exchange], None]:
    def respond(exchange: Exchange) -> None:
        body = json.dumps(document).encode()
        exchange.respond(Reply(200, {"Content-Type": "application/json", **headers}, body))

    return respond


def test_doctor_of_a_correct_app_finds_no_error_and_starts_nothing(
    doctor: RunDoctor, fault_proxy: FaultyWorkspace, app: Flask
) -> None:
    result = doctor(app)
    assert result.exit_code == 0, result.stdout
    assert "can log in to the workspace" in result.select_one("login", Level.OK)["message"]
    levels = {finding["level"] for finding in result.document["findings"]}
    assert levels == {"ok", "warning"}
    assert fault_proxy.find_requests("POST") == []


def test_doctor_as_json_prints_the_findings(doctor: RunDoctor, make_app: MakeApp) -> None:
    result = doctor(make_app(jobs={"etl": {"task_type": "notebook"}}))
    assert result.exit_code == 1
    assert result.select_one("job etl") == {
        "about": "job etl",
        "level": "error",
        "message": "It declares parameters (day, rows, dry), so the Jobs API accepts no others, but"
        " its task_type is 'notebook'.",
        "remedy": "Set its task_type to 'job'.",
        "lines": {},
    }


def test_app_without_jobs_is_an_error_with_lines_to_add(
    doctor: RunDoctor,
    make_app: MakeApp,
    job_ids: Mapping[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key in job_ids:
        monkeypatch.delenv(f"DATABRICKS_JOB_{key.upper()}")
    finding = doctor(make_app(jobs={})).select_one("settings")
    assert "valueFrom: etl" in finding["lines"]["app.yaml"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("LAKEFLOW_JOBS_POLL_INTERVALL", "Did you mean LAKEFLOW_JOBS_POLL_INTERVAL?"),
        ("LAKEFLOW_JOBS_UTTER_NONSENSE", "Remove it."),
        ("LAKEFLOW_JOBS_URL_PREFIX", "Pass url_prefix to LakeflowJobs instead."),
        ("LAKEFLOW_JOBS_POLL_INTERVAL", None),
        ("LAKEFLOW_JOBS", None),
        ("LAKEFLOW_JOBSX", None),
        ("SECRET_KEY", None),
    ],
)
def test_unknown_key_is_an_error_with_the_closest_one(name: str, remedy: str | None) -> None:
    findings = list(check_key_names([name]))
    assert [finding.remedy for finding in findings] == ([remedy] if remedy else [])
    assert all(name in finding.message for finding in findings)


@pytest.mark.parametrize(
    ("name", "value", "is_error"),
    [
        ("DATABRICKS_JOB_NIGHTLY", "nightly-load", True),
        ("DATABRICKS_JOB_NIGHTLY", "0", True),
        ("DATABRICKS_JOB_NIGHTLY", "", False),
        ("DATABRICKS_JOB_NIGHTLY", " 17 ", False),
        ("DATABRICKS_JOB_ETL", "nightly-load", False),
        ("DATABRICKS_HOST", "https://host", False),
    ],
)
def test_variable_that_defines_no_job_is_an_error(name: str, value: str, is_error: bool) -> None:
    findings = list(find_unknown_variables({name: value}, ["etl"]))
    assert [name in finding.message for finding in findings] == [True] * is_error


def test_unknown_names_in_config_and_environment_are_errors(
    doctor: RunDoctor, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_UTTER_NONSENSE", "1")
    monkeypatch.setenv("DATABRICKS_JOB_NIGHTLY", "nightly-load")
    result = doctor(make_app({"LAKEFLOW_JOBS_POLL_INTERVALL": 3}))
    assert result.exit_code == 1
    assert [finding["message"] for finding in result.select("settings")] == [
        "DATABRICKS_JOB_NIGHTLY is not a job id, so it defines no job.",
        "LAKEFLOW_JOBS_POLL_INTERVALL is not a setting.",
        "LAKEFLOW_JOBS_UTTER_NONSENSE is not a setting.",
    ]


WEBHOOK = {"LAKEFLOW_JOBS_WEBHOOK_USERNAME": "u", "LAKEFLOW_JOBS_WEBHOOK_PASSWORD": "p" * 32}
REDIS = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": "redis://127.0.0.1:9/0"}
FILES = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": "cache"}


@pytest.mark.parametrize(
    ("config", "about", "level", "message"),
    [
        ({}, "access", Level.WARNING, "There is no policy"),
        ({}, "cache", Level.WARNING, "Each process has its own."),
        (WEBHOOK, "cache", Level.WARNING, "reaches only the one that gets it"),
        ({"LAKEFLOW_JOBS_CACHE": FILES}, "cache", Level.OK, "can be written and read"),
        ({"LAKEFLOW_JOBS_CACHE": REDIS}, "cache", Level.ERROR, "cannot be reached"),
        (
            {"LAKEFLOW_JOBS_BUNDLE": "databricks.yml"},
            "bundle",
            Level.WARNING,
            "LAKEFLOW_JOBS_BUNDLE is not used",
        ),
    ],
)
def test_settings_of_the_app_are_checked(
    doctor: RunDoctor,
    make_app: MakeApp,
    config: Mapping[str, Any],
    about: str,
    level: Level,
    message: str,
) -> None:
    if config.get("LAKEFLOW_JOBS_CACHE") == REDIS:
        pytest.importorskip("redis")
    result = doctor(make_app(config))
    assert message in result.select_one(about, level)["message"]
    assert result.exit_code == (level is Level.ERROR)


def test_app_on_the_local_workspace_is_checked(
    doctor: RunDoctor, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_HOST")
    monkeypatch.delenv("DATABRICKS_TOKEN")
    app = make_app({"LAKEFLOW_JOBS_BUNDLE": str(BUNDLE)})
    try:
        result = doctor(app)
    finally:
        stop_workspace(Path(app.instance_path) / "lakeflow")
    assert result.exit_code == 0, result.stdout
    assert result.select_one("bundle", Level.OK)
    assert "can log in to the local workspace" in result.select_one("login", Level.OK)["message"]


def test_local_workspace_that_cannot_start_is_an_error(
    doctor: RunDoctor, make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_HOST")
    monkeypatch.delenv("DATABRICKS_TOKEN")
    (tmp_path / "i").write_text("No folder.", encoding="utf-8")
    finding = doctor(make_app({"LAKEFLOW_JOBS_BUNDLE": str(BUNDLE)})).select_one("login")
    assert "Use a folder that is writable" in finding["message"]
    assert "flask jobs local" in finding["remedy"]


def test_refused_login_exits_with_6(
    doctor: RunDoctor, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "wrong")
    result = doctor(app)
    assert result.exit_code == 6
    login = result.select_one("login")
    assert "does not accept the app's credentials" in login["message"]
    assert "DATABRICKS_CLIENT_ID" in login["remedy"]
    assert result.select("jobs", Level.WARNING)
    assert "wrong" not in result.stdout


def test_unreachable_workspace_exits_with_7(
    doctor: RunDoctor, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    result = doctor(app)
    assert result.exit_code == 7
    assert "cannot be reached" in result.select_one("login")["message"]


def test_unavailable_workspace_is_no_wrong_address(
    doctor: RunDoctor, app: Flask, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(Refusal(503))
    assert "DATABRICKS_HOST" not in doctor(app).select_one("login")["remedy"]


def test_unknown_job_is_an_error_with_lines_to_add(doctor: RunDoctor, make_app: MakeApp) -> None:
    result = doctor(make_app(jobs={"gone": {"job_id": 17}}))
    assert result.exit_code == 1
    finding = result.select_one("job gone")
    assert "has no job 17" in finding["message"]
    assert "DATABRICKS_JOB_GONE" in finding["remedy"]
    assert "valueFrom: gone" in finding["lines"]["app.yaml"]
    assert "permission: CAN_MANAGE_RUN" in finding["lines"]["databricks.yml"]


@pytest.mark.parametrize(
    ("fault", "exit_code", "remedy"),
    [
        (Refusal(403), 6, "CAN_MANAGE_RUN on the job"),
        (Refusal(403, message="Missing required scopes: jobs"), 6, "Access fails before"),
        (Refusal(503), 7, "Try again later"),
        (Refusal(429), 7, "Try again later"),
        (GatewayPage(), 7, "Check that DATABRICKS_HOST"),
        (InvalidBody(), 7, "Check that DATABRICKS_HOST"),
    ],
    ids=["no grant", "no scope", "unavailable", "throttled", "failing", "invalid"],
)
def test_unreadable_job_is_an_error(
    doctor: RunDoctor,
    fault_proxy: FaultyWorkspace,
    make_app: MakeApp,
    fault: Fault,
    exit_code: int,
    remedy: str,
) -> None:
    fault_proxy.fail(fault, path="jobs/get")
    result = doctor(make_app(jobs={"etl": {"task_type": "job"}}))
    assert remedy in result.select_one("job etl")["remedy"]
    assert result.exit_code == exit_code


def test_job_that_the_app_may_not_run_is_an_error(
    doctor: RunDoctor, fault_proxy: FaultyWorkspace, app: Flask, job_ids: Mapping[str, int]
) -> None:
    entry = {"group_name": "users", "all_permissions": [{"permission_level": "CAN_VIEW"}]}
    fault = respond_with({"access_control_list": [entry]})
    fault_proxy.fail(fault, path=f"permissions/jobs/{job_ids['etl']}")
    result = doctor(app)
    finding = result.select_one("job etl")
    assert "but not run it" in finding["message"]
    assert "level: CAN_MANAGE_RUN" in finding["lines"]["databricks.yml"]
    assert result.select("job held") == []


def test_unreadable_permissions_are_a_warning(
    doctor: RunDoctor, fault_proxy: FaultyWorkspace, app: Flask, job_ids: Mapping[str, int]
) -> None:
    fault_proxy.fail(Refusal(403), path=f"permissions/jobs/{job_ids['etl']}")
    result = doctor(app)
    assert "cannot be read" in result.select_one("job etl", Level.WARNING)["message"]
    assert result.exit_code == 0


@pytest.mark.parametrize(("on_apps", "is_warned"), [("", True), ("shop", False)])
def test_permissions_of_a_person_in_place_of_the_app_are_a_warning(
    doctor: RunDoctor,
    fault_proxy: FaultyWorkspace,
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    on_apps: str,
    is_warned: bool,
) -> None:
    Path("app.yaml").write_text("command: [gunicorn, app:app]\n")
    if on_apps:
        monkeypatch.setenv("DATABRICKS_APP_NAME", on_apps)
    fault_proxy.fail(respond_with({"userName": "ann@example.com"}), path="scim/v2/Me")
    warnings = doctor(app).select("login", Level.WARNING)
    assert ["ann@example.com" in warning["message"] for warning in warnings] == [True] * is_warned


@pytest.mark.parametrize("user", [[1], [{}]])
def test_user_that_is_no_object_is_an_error(
    doctor: RunDoctor, fault_proxy: FaultyWorkspace, app: Flask, user: Any
) -> None:
    fault_proxy.fail(respond_with(user), path="scim/v2/Me")
    assert "cannot be read" in doctor(app).select_one("login")["message"]


NOON = 1_795_521_600.0
NOON_DATE = "Tue, 24 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("date", "requested", "elapsed", "level"),
    [
        (NOON_DATE, NOON, 0.5, Level.OK),
        (NOON_DATE, NOON + 4, 0.5, Level.OK),
        (NOON_DATE, NOON + 30, 0.5, Level.ERROR),
        (NOON_DATE, NOON - 30, 0.5, Level.ERROR),
        (NOON_DATE, NOON - 30, 30.0, Level.OK),  # a slow response tells nothing
        (NOON_DATE, NOON, 30.0, Level.OK),
        ("soon", NOON, 0.5, Level.WARNING),
        (None, NOON, 0.5, Level.WARNING),
    ],
)
def test_clock_must_agree_with_that_of_the_workspace(
    date: str | None, requested: float, elapsed: float, level: Level
) -> None:
    assert check_clock(date, requested, requested + elapsed).level is level


def test_workspace_with_another_time_is_an_error(
    doctor: RunDoctor, fault_proxy: FaultyWorkspace, app: Flask
) -> None:
    fault = respond_with({"userName": "ann@example.com"}, Date="Tue, 24 Nov 1998 12:00:00 GMT")
    fault_proxy.fail(fault, path="scim/v2/Me")
    assert "ahead of the workspace's" in doctor(app).select_one("clock")["message"]


def allow(user: object, action: str, job: str) -> bool:
    return True


def test_policy_without_users_is_an_error(doctor: RunDoctor, make_app: MakeApp) -> None:
    result = doctor(make_app(policy=allow))
    assert "its user is always None" in result.select_one("access")["message"]
    assert doctor(make_app(policy=allow, user_loader=dict)).select("access") == []
    of_job = {"etl": {"task_type": "job", "policy": allow}}
    assert doctor(make_app(jobs=of_job, user_loader=dict)).select("access", Level.WARNING) == []


def test_app_that_only_shows_runs_needs_no_policy(doctor: RunDoctor, make_app: MakeApp) -> None:
    result = doctor(make_app({"LAKEFLOW_JOBS_READ_ONLY": True}))
    assert result.select("access", Level.WARNING) == []


def test_trusted_headers_outside_databricks_apps_are_a_warning(
    doctor: RunDoctor, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app({"LAKEFLOW_JOBS_TRUST_PROXY_HEADERS": True}, policy=allow)
    assert "is believed" in doctor(app).select_one("access", Level.WARNING)["message"]
    monkeypatch.setenv("DATABRICKS_APP_NAME", "app")
    result = doctor(app)
    assert result.select("access", Level.WARNING) == result.select("access") == []


def test_job_that_runs_as_its_users_on_databricks_apps_is_an_error(
    doctor: RunDoctor, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(jobs={"etl": JobConfig(task_type="job", run_as="user")})
    assert doctor(app).select("job etl") == []
    monkeypatch.setenv("DATABRICKS_APP_NAME", "app")
    assert "no 'jobs' scope" in doctor(app).select_one("job etl")["message"]


def test_command_and_variables_of_app_yaml_are_checked(flask_jobs: RunFlask, app: Flask) -> None:
    Path("app.yaml").write_text("command: [gunicorn, app:app, -w, 4]\n")
    result = flask_jobs("doctor", of=app)
    assert "server: gunicorn with sync workers" in result.stdout
    assert "job etl: app.yaml does not set DATABRICKS_JOB_ETL" in result.stdout


def test_settings_that_app_yaml_sets_count(
    doctor: RunDoctor, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("LAKEFLOW_JOBS_TRUST_PROXY_HEADERS", "LAKEFLOW_JOBS_CONSOL")
    Path("app.yaml").write_text(f"env: [{{name: {names[0]}}}, {{name: {names[1]}}}]")
    app = make_app(policy=allow)
    result = doctor(app)
    assert result.select("access") == []
    assert "_CONSOL is not a setting" in result.select_one("settings")["message"]
    monkeypatch.setenv("DATABRICKS_APP_NAME", "app")
    assert "its user is always None" in doctor(app).select_one("access")["message"]


def test_messages_without_a_process_that_follows_are_a_warning(
    doctor: RunDoctor, make_app: MakeApp
) -> None:
    config = {"LAKEFLOW_JOBS_RECORD_URL": True, "LAKEFLOW_JOBS_NOTIFY": "json://localhost"}
    warning = doctor(make_app(config)).select_one("notify", Level.WARNING)
    assert "LAKEFLOW_JOBS_FOLLOW is not set" in warning["message"]
    follows = make_app({**config, "LAKEFLOW_JOBS_FOLLOW": True})
    assert doctor(follows).select("notify", Level.WARNING) == []
    Path("app.yaml").write_text("env: [{name: LAKEFLOW_JOBS_FOLLOW}]")
    assert doctor(make_app(config)).select("notify", Level.WARNING) == []
