"""Reports of progress that are accepted or refused: their tokens, senders and values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import (
    ConfigurationError,
    InvalidParameters,
    current_jobs,
)
from flask_lakeflow_jobs.runs.progress_token import TOKEN_SECONDS, create_token
from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.text import PROGRESS_TOKEN_PREFIX
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.progress_reports import (
    PARAMETER,
    REPORT,
    SETTINGS,
    progress_of,
    send_report,
    start_run,
    stream_of,
    token_of,
)
from tests.support import ALICE, RunGate, on_behalf_of


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(**SETTINGS)


@pytest.fixture
def run_id(app: Flask, run_gate: RunGate) -> int:
    return start_run(app, run_gate.params)


def tokens_that_are_wrong(app: Flask, run_id: int, other_run_id: int) -> Iterator[str]:
    token = token_of(app, run_id)
    job_id = app.extensions["lakeflow_jobs"].settings.jobs["gated"].job_id
    now = app.extensions["lakeflow_jobs"].clock.now()
    yield from ("", "x", PROGRESS_TOKEN_PREFIX, token[:-1], token + "A", token.lower(), "ü" * 200)
    yield token.removeprefix(PROGRESS_TOKEN_PREFIX)
    yield token_of(app, other_run_id)  # of another run
    yield create_token(["of the app"], job_id, now)  # well signed, in no run
    yield create_token(["of the app"], job_id + 1, now)  # of another job
    yield create_token(["of another app"], job_id, now)


def test_report_with_a_wrong_token_is_403_and_changes_nothing(
    app: Flask, run_id: int, run_gate: RunGate
) -> None:
    other_run_id = start_run(app, run_gate.params)
    for token in tokens_that_are_wrong(app, run_id, other_run_id):
        response = send_report(app, run_id, token)
        assert response.status_code == 403, token
        assert response.mimetype == "application/problem+json"
        assert token == "" or token not in response.text
    assert progress_of(app, run_id) is None


def test_report_with_an_unsigned_token_causes_no_read(
    app: Flask, run_id: int, fault_proxy: FaultyWorkspace
) -> None:
    before = len(fault_proxy.find_requests())
    for token in ("", "wrong", create_token(["of another app"], 1, 0)):
        assert send_report(app, run_id, token).status_code == 403
    assert len(fault_proxy.find_requests()) == before


def test_report_with_an_expired_token_is_403(
    make_app: MakeApp, run_gate: RunGate, stopped_clock: FakeClock
) -> None:
    app = make_app(clock=stopped_clock, **SETTINGS)
    run_id = start_run(app, run_gate.params)
    token = token_of(app, run_id)
    assert send_report(app, run_id, token).status_code == 204
    stopped_clock.sleep(TOKEN_SECONDS)
    assert send_report(app, run_id, token).status_code == 403


def test_report_for_another_run_or_job_is_403(app: Flask, run_id: int) -> None:
    token = token_of(app, run_id)
    assert send_report(app, run_id + 999_999, token).status_code == 403
    for key in ("single", "unknown"):
        assert send_report(app, run_id, token, key=key).status_code == 403


def test_report_is_accepted_by_a_process_that_knows_nothing_of_the_run(
    make_app: MakeApp, app: Flask, run_id: int
) -> None:
    token, restarted = token_of(app, run_id), make_app(**SETTINGS)
    assert send_report(restarted, run_id, token).status_code == 204
    assert progress_of(restarted, run_id)["percent"] == 40


def test_report_with_a_token_of_an_earlier_key_is_accepted(
    make_app: MakeApp, app: Flask, run_id: int
) -> None:
    token = token_of(app, run_id)
    rotated = make_app(
        **{**SETTINGS, "SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": [SETTINGS["SECRET_KEY"]]}
    )
    assert send_report(rotated, run_id, token).status_code == 204
    other = make_app(**{**SETTINGS, "SECRET_KEY": "new"})
    assert send_report(other, run_id, token).status_code == 403


def test_report_with_the_token_or_a_login_as_bearer_is_accepted(app: Flask, run_id: int) -> None:
    path = f"/api/jobs/gated/runs/{run_id}/progress"
    for bearer in (token_of(app, run_id), "login-of-a-user"):
        headers = {"Authorization": f"Bearer {bearer}"}
        assert app.test_client().post(path, json=REPORT, headers=headers).status_code == 204


def test_report_with_a_login_of_databricks_apps_needs_the_token_too(
    make_app: MakeApp, run_gate: RunGate
) -> None:
    app = make_app(policy=lambda user, action, key: action != "report", **SETTINGS)
    run_id = start_run(app, run_gate.params)
    path, login = f"/api/jobs/gated/runs/{run_id}/progress", {"Authorization": "Bearer oauth"}
    assert app.test_client().post(path, json=REPORT, headers=login).status_code == 403
    both = {**login, "Lakeflow-Progress-Token": token_of(app, run_id)}
    assert app.test_client().post(path, json=REPORT, headers=both).status_code == 204


@pytest.mark.parametrize(
    ("allowed", "status"), [({"view", "report"}, 204), ({"view"}, 403), (set(), 404)]
)
def test_report_without_a_token_is_left_to_the_policy(
    make_app: MakeApp, run_gate: RunGate, allowed: set[str], status: int
) -> None:
    app = make_app(policy=lambda user, action, key: action in allowed)
    run_id = start_run(app, run_gate.params)
    assert send_report(app, run_id).status_code == status
    with app.app_context():
        progress = current_jobs["gated"].status(run_id).progress
    assert (progress is not None) is (status == 204)


def test_report_with_a_token_is_not_left_to_the_policy(
    make_app: MakeApp, run_gate: RunGate
) -> None:
    app = make_app(policy=lambda *_: False, **SETTINGS)
    run_id = start_run(app, run_gate.params)
    assert send_report(app, run_id, token_of(app, run_id)).status_code == 204
    permissive = make_app()
    assert send_report(permissive, run_id, token_of(app, run_id)).status_code == 403


def test_report_of_a_read_only_app_needs_a_token(make_app: MakeApp, run_gate: RunGate) -> None:
    app = make_app(LAKEFLOW_JOBS_READ_ONLY=True, **SETTINGS)
    run_id = start_run(app, run_gate.params)
    assert send_report(app, run_id).status_code == 403
    assert send_report(app, run_id, token_of(app, run_id)).status_code == 204


def test_report_of_a_job_that_runs_as_its_users_needs_no_user(
    make_app: MakeApp, run_gate: RunGate
) -> None:
    jobs = {"gated": {"of": "gated", "task_type": "job", "run_as": "user"}}
    app, reader = make_app(jobs=jobs, **SETTINGS), make_app()
    client = app.test_client()
    started = client.post(
        "/api/jobs/gated/run", json={"params": run_gate.params}, headers=on_behalf_of(ALICE)
    )
    run_id = started.get_json()["runId"]
    assert send_report(app, run_id, token_of(reader, run_id)).status_code == 204
    assert send_report(app, run_id).status_code == 401
    shown = client.get(stream_of(run_id), headers=on_behalf_of(ALICE)).text
    assert '"percent":40' in shown


# What may be reported


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "percent"),
        ({"percent": 40, "message": "\ud800"}, "message"),
        ({"percent": 40, "task": "unknown"}, "task"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_invalid_report_is_400_and_changes_nothing(
    app: Flask, run_id: int, body: Any, field: str
) -> None:
    response = send_report(app, run_id, token_of(app, run_id), body)
    assert response.status_code == 400
    assert [*response.get_json()["errors"]] == [field]
    assert progress_of(app, run_id) is None


def test_malformed_report_is_refused(app: Flask, run_id: int) -> None:
    path, token = f"/api/jobs/gated/runs/{run_id}/progress", token_of(app, run_id)
    for data, media_type, status in (
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"percent": NaN}', "application/json", 400),
        ('{"percent": 1, "other": 2}', "application/json", 400),
        ("percent=40", "application/x-www-form-urlencoded", 415),
    ):
        headers = {"Lakeflow-Progress-Token": token}
        response = app.test_client().post(path, data=data, headers=headers, content_type=media_type)
        assert response.status_code == status, data
    assert progress_of(app, run_id) is None


@pytest.mark.parametrize("body", [{"percent": 0}, {"percent": 100, "message": "x" * 1000}], ids=str)
def test_report_at_the_limits_is_accepted(app: Flask, run_id: int, body: Any) -> None:
    assert send_report(app, run_id, token_of(app, run_id), body).status_code == 204


def test_report_about_an_ended_run_is_409(
    make_app: MakeApp, app: Flask, run_id: int, run_gate: RunGate
) -> None:
    token = token_of(app, run_id)
    assert send_report(app, run_id, token).status_code == 204
    run_gate.open()
    with app.app_context():
        current_jobs["gated"].wait(run_id)
    assert send_report(app, run_id, token).status_code == 409
    assert progress_of(app, run_id) is None
    assert send_report(make_app(**SETTINGS), run_id, token).status_code == 409


# The token in the run


def test_token_goes_to_the_parameters_of_the_task_type(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    jobs = {
        "notebook": {"of": "greeting", "task_type": "notebook"},
        "wheel": {"of": "quick", "task_type": "python_wheel"},
        "sql": {"of": "quick", "task_type": "sql"},
        "script": {"of": "script", "task_type": "python_script"},
        "any": {"of": "quick"},
    }
    app = make_app(jobs=jobs, **SETTINGS)
    for key in jobs:
        start_run(app, {}, key)
    bodies = [request.body for request in fault_proxy.find_requests("POST", "run-now")]
    fields = [[name for name in body if PARAMETER in str(body[name])] for body in bodies]
    assert fields == [
        ["notebook_params"],
        ["python_named_params"],
        ["sql_params"],
        [],
        ["job_parameters"],
    ]


def test_trigger_refuses_the_parameter_of_the_token(app: Flask) -> None:
    with app.app_context():
        for call in (current_jobs["gated"].run_now, current_jobs["gated"].check):
            with pytest.raises(InvalidParameters, match="run's progress token"):
                call({PARAMETER: "x"})


def test_repeated_trigger_with_a_key_returns_the_run_with_its_token(
    make_app: MakeApp, run_gate: RunGate
) -> None:
    runs, tokens = set(), set()
    for app in (make_app(**SETTINGS), make_app(**SETTINGS)):  # the second has lost the cache
        for _ in range(2):
            with app.app_context():
                handle = current_jobs["gated"]
                triggered = handle.run_now(run_gate.params, idempotency_key="once")
            runs.add(triggered.run_id)
            tokens.add(token_of(app, triggered.run_id))
            assert send_report(app, triggered.run_id, *tokens).status_code == 204
    assert (len(runs), len(tokens)) == (1, 1)


def test_repair_repeats_the_token(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    run_id = start_run(app, {}, "failing")
    with app.app_context():
        handle = current_jobs["failing"]
        token = token_of(app, run_id, "failing")
        assert handle.wait(run_id).failed
        handle.repair_run(run_id)
        handle.wait(run_id)
    [repair] = fault_proxy.find_requests("POST", "runs/repair")
    assert repair.body["job_parameters"] == {PARAMETER: token}


@pytest.mark.parametrize("secret_key", [None, 12345])
def test_setting_without_a_secret_key_stops_the_start(
    make_app: MakeApp, secret_key: int | None
) -> None:
    with pytest.raises(ConfigurationError, match="PROGRESS_PARAMETER requires SECRET_KEY"):
        make_app(LAKEFLOW_JOBS_PROGRESS_PARAMETER=PARAMETER, SECRET_KEY=secret_key)


def test_token_is_in_no_response(make_app: MakeApp) -> None:
    app = make_app(LAKEFLOW_JOBS_CONSOLE=True, **SETTINGS)
    run_id = start_run(app, {}, "greeting")  # prints its parameters
    with app.app_context():
        current_jobs["greeting"].wait(run_id)
        task_run_id = (current_jobs["greeting"].get_run(run_id).tasks or [])[0].run_id
    token = token_of(app, run_id, "greeting")
    for path in (
        "/api/jobs/greeting/runs",
        "/api/jobs/greeting/status",
        f"/api/jobs/greeting/runs/{run_id}",
        f"/api/jobs/greeting/runs/{run_id}/explain",
        f"/api/jobs/greeting/runs/{run_id}/output",
        f"/api/jobs/greeting/runs/{run_id}/stream",
        f"/api/jobs/stream?run=greeting:{run_id}",
        f"/jobs/greeting/runs/{run_id}",
        f"/jobs/greeting/runs/{run_id}/tasks/{task_run_id}",
        f"/jobs/greeting/run?again={run_id}",
        "/jobs/greeting",
    ):
        response = app.test_client().get(path)
        assert response.status_code == 200, path
        assert PROGRESS_TOKEN_PREFIX not in response.text, path
        assert token not in response.text
    runner = app.test_cli_runner()
    for arguments in (["show"], ["output"], ["watch"], ["watch", "--json"], ["show", "--json"]):
        command, *options = arguments
        result = runner.invoke(args=["jobs", command, "greeting", str(run_id), *options])
        assert result.exit_code == 0, result.output
        assert PROGRESS_TOKEN_PREFIX not in result.output, arguments


# The helper for tasks


def test_helper_is_served_as_text(app: Flask) -> None:
    response = app.test_client().get("/api/jobs/progress.py")
    assert (response.status_code, response.mimetype) == (200, "text/plain")
    compile(response.text, "progress.py", "exec")
