"""Writes of the app to its record."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import (
    Conflict,
    InvalidParameters,
    NotAllowed,
    RecordOutdated,
    UpstreamThrottled,
    UpstreamTimeout,
    authorize,
    current_jobs,
    run_finished,
)
from flask_lakeflow_jobs.record.actions import RecordedAction
from flask_lakeflow_jobs.record.values import MAX_ADDRESS_CHARS, RowState
from flask_lakeflow_jobs.runs.outcome import has_ended
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace, Refusal, Silence
from tests.conftest import MakeApp
from tests.records import record_of, state_of
from tests.support import ALICE, on_behalf_of, wait_until


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(LAKEFLOW_JOBS_RECORD_URL=True)


def only_action(app: Flask) -> RecordedAction:
    (action,) = record_of(app).list_actions()
    return action


def test_run_now_records_run_and_action(app: Flask) -> None:
    with app.app_context():
        run_id = current_jobs["quick"].run_now(requested_by="ada@example.com").run_id
    (run,) = record_of(app).list_runs()
    assert (run.run_id, run.state, run.job_key) == (run_id, RowState.STARTED, "quick")
    assert (run.requested_by, run.identity) == ("ada@example.com", "app")
    action = only_action(app)
    assert (action.action, action.result, action.source) == ("trigger", "accepted", "python")
    assert (action.run_id, action.requested_by) == (run_id, "ada@example.com")


def test_run_now_writes_row_before_request(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    states: list[list[RowState]] = []

    def look_up(exchange: Exchange) -> None:
        states.append([run.state for run in record_of(app).list_runs()])
        exchange.respond(exchange.forward())

    fault_proxy.fail(look_up, path="jobs/run-now")
    with app.app_context():
        current_jobs["quick"].run_now()
    assert states == [[RowState.REQUESTED]]


def test_run_now_secret_parameter_is_redacted(app: Flask) -> None:
    with app.app_context():
        current_jobs["script"].run_now({"args": ["--api-key", "s3cret", "--day", "today"]})
    (run,) = record_of(app).list_runs()
    assert run.params is not None
    assert json.loads(run.params) == {"python_params": ["--api-key", "***", "--day", "today"]}


def test_run_now_repeated_key_records_one_run_and_replay(app: Flask) -> None:
    with app.app_context():
        for _ in range(2):
            run_id = current_jobs["quick"].run_now(idempotency_key="one").run_id
    (run,) = record_of(app).list_runs()
    assert run.run_id == run_id
    assert run.fingerprint is not None
    assert [action.result for action in record_of(app).list_actions()] == ["replayed", "accepted"]


def test_run_now_repeated_key_with_other_parameters_records_no_replay(app: Flask) -> None:
    with app.app_context():
        current_jobs["script"].run_now({"args": ["one"]}, idempotency_key="one")
        with pytest.raises(Conflict):
            current_jobs["script"].run_now({"args": ["two"]}, idempotency_key="one")
    assert [action.result for action in record_of(app).list_actions()] == ["accepted"]


def test_run_now_repeated_key_with_lost_cache_records_replay(app: Flask) -> None:
    with app.app_context():
        for _ in range(2):
            current_jobs["quick"].run_now(idempotency_key="one")
            state_of(app).cache._backend.clear()
    assert len(record_of(app).list_runs()) == 1
    assert [action.result for action in record_of(app).list_actions()] == ["replayed", "accepted"]


def test_run_now_refused_by_workspace_records_not_started(app: Flask) -> None:
    with app.app_context(), pytest.raises(InvalidParameters):
        current_jobs["quick"].run_now(only=["no-such-task"])
    (run,) = record_of(app).list_runs()
    assert (run.state, run.run_id) == (RowState.NOT_STARTED, None)
    assert run.error is not None
    assert "no-such-task" in run.error
    assert (only_action(app).result, only_action(app).detail) == ("failed", run.error)


def test_run_now_ambiguous_failure_leaves_request_open(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=True, LAKEFLOW_JOBS_WRITE_TIMEOUT=0.5)
    fault_proxy.fail(Silence(accepted=True), path="jobs/run-now")
    with app.app_context(), pytest.raises(UpstreamTimeout):
        current_jobs["quick"].run_now()
    (run,) = record_of(app).list_runs()
    assert (run.state, run.run_id) == (RowState.REQUESTED, None)


def test_run_now_refused_after_ambiguous_failure_leaves_request_open(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    """The first request has started a run, which would otherwise have no row."""
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=True, LAKEFLOW_JOBS_WRITE_TIMEOUT=0.5)
    fault_proxy.fail(Silence(accepted=True), path="jobs/run-now", times=1)
    fault_proxy.fail(Refusal(429, retry_after=60), path="jobs/run-now")
    with app.app_context():
        for error in (UpstreamTimeout, UpstreamThrottled):
            with pytest.raises(error):
                current_jobs["quick"].run_now(idempotency_key="one")
    (run,) = record_of(app).list_runs()
    assert (run.state, run.error) == (RowState.REQUESTED, None)


def test_run_now_record_unavailable_starts_run_and_logs_once(
    make_app: MakeApp, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    url = f"sqlite:///{tmp_path}/file/record.sqlite3"
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=url)
    with app.app_context(), caplog.at_level(logging.WARNING, "flask_lakeflow_jobs"):
        for _ in range(2):
            assert current_jobs["quick"].run_now().run_id
    messages = [each.message for each in caplog.records if "not recorded" in each.message]
    assert len(messages) == 1
    assert "cannot be written" in messages[0]
    assert record_of(app).failed_writes == 2
    numbers = app.test_client().get("/api/jobs/health").get_json()
    assert (numbers["status"], numbers["recordAvailable"]) == ("degraded", False)
    assert numbers["recordFailures"] == 2
    state_of(app).ends.stop()  # its thread would try as long as this process


def test_run_now_after_outage_records_again(
    make_app: MakeApp, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocker = tmp_path / "folder"
    blocker.write_text("")
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=f"sqlite:///{blocker}/record.sqlite3")
    with app.app_context():
        current_jobs["quick"].run_now()
        blocker.unlink()
        with pytest.raises(RecordOutdated, match="flask jobs record upgrade"):
            record_of(app).list_runs()
    result = app.test_cli_runner().invoke(args=["jobs", "record", "upgrade"])
    assert result.exit_code == 0, result.output
    with app.app_context():
        current_jobs["quick"].run_now()
    assert not record_of(app).is_failing
    assert "Runs and actions are recorded again." in caplog.text


def test_run_that_started_during_an_outage_is_recorded_afterwards(
    make_app: MakeApp, tmp_path: Path
) -> None:
    blocker = tmp_path / "folder"
    blocker.write_text("")
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=f"sqlite:///{blocker}/record.sqlite3")
    with app.app_context():
        before = time.time() * 1000
        run_id = current_jobs["quick"].run_now().run_id
        after = time.time() * 1000
    blocker.unlink()
    upgraded = app.test_cli_runner().invoke(args=["jobs", "record", "upgrade"])
    assert upgraded.exit_code == 0, upgraded.output
    wait_until(lambda: record_of(app).list_actions(), "the action is recorded")
    (run,) = record_of(app).list_runs()
    assert (run.run_id, run.state) == (run_id, RowState.STARTED)
    action = only_action(app)
    assert (action.run_id, action.result) == (run_id, "accepted")
    assert before - 1 <= run.requested_at == action.at <= after + 1


def test_run_whose_response_meets_an_outage_is_recorded_afterwards(
    app: Flask, fault_proxy: FaultyWorkspace
) -> None:
    def rename(old: str, new: str) -> None:
        with record_of(app).database.write() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    def lose_table(exchange: Exchange) -> None:
        reply = exchange.forward()
        rename("lakeflow_runs", "lost")
        exchange.respond(reply)

    fault_proxy.fail(lose_table, path="jobs/run-now")
    with app.app_context():
        run_id = current_jobs["quick"].run_now().run_id
    rename("lost", "lakeflow_runs")
    wait_until(lambda: record_of(app).list_actions(), "the action is recorded")
    (run,) = record_of(app).list_runs()
    assert (run.run_id, run.state) == (run_id, RowState.STARTED)
    assert (only_action(app).run_id, only_action(app).result) == (run_id, "accepted")


def test_trigger_over_http_records_user_and_address(make_app: MakeApp) -> None:
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=True, LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True)
    headers = {"X-Forwarded-Email": "ada@example.com", "X-Real-Ip": "192.0.2.7"}
    response = app.test_client().post("/api/jobs/quick/run", json={}, headers=headers)
    assert response.status_code == 200
    action = only_action(app)
    assert (action.source, action.address) == ("http", "192.0.2.7")
    assert action.requested_by == "ada@example.com"


@pytest.mark.parametrize("is_allowed", [True, False])
def test_action_of_an_own_view_records_the_address_of_its_client(
    make_app: MakeApp, is_allowed: bool
) -> None:
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=True, LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True)
    state_of(app).policy = lambda _, action, __: is_allowed or action == "view"

    @app.post("/start")
    def start() -> str:
        authorize("run", "quick")
        return str(current_jobs["quick"].run_now().run_id)

    headers = {"X-Real-Ip": "192.0.2.7", "Sec-Fetch-Site": "same-origin"}
    app.test_client().post("/start", headers=headers)
    action = only_action(app)
    assert action.result == ("accepted" if is_allowed else "refused")
    assert (action.source, action.address) == ("python", "192.0.2.7")


@pytest.mark.parametrize("address", ["192.0.2.7", "not-an-address"])
def test_trigger_over_http_untrusted_header_is_ignored(app: Flask, address: str) -> None:
    app.test_client().post("/api/jobs/quick/run", json={}, headers={"X-Real-Ip": address})
    assert only_action(app).address == "127.0.0.1"


def test_long_address_of_a_client_is_cut(app: Flask) -> None:
    """A misconfigured proxy passes any text on, and Postgres refuses what is too long."""
    client = app.test_client()
    client.post("/api/jobs/quick/run", json={}, environ_overrides={"REMOTE_ADDR": "x" * 100})
    assert only_action(app).address == "x" * MAX_ADDRESS_CHARS


def test_trigger_as_user_records_hashed_identity(make_app: MakeApp) -> None:
    jobs = {"quick": {"of": "quick", "run_as": "user"}}
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=True, jobs=jobs)
    client = app.test_client()
    response = client.post("/api/jobs/quick/run", json={}, headers=on_behalf_of(ALICE))
    assert response.status_code == 200
    (run,) = record_of(app).list_runs()
    assert run.identity.startswith("user-")
    assert only_action(app).identity == run.identity
    assert ALICE not in Path(str(record_of(app).database.engine.url.database)).read_text("latin-1")


def test_refused_actions_are_recorded_with_reason(make_app: MakeApp) -> None:
    app = make_app(
        LAKEFLOW_JOBS_RECORD_URL=True,
        policy=lambda user, action, key: action == "view",
        user_loader=lambda: "mallory",
    )
    client = app.test_client()
    assert client.post("/api/jobs/quick/run", json={}).status_code == 403
    assert client.delete("/api/jobs/quick/runs/1").status_code == 403
    cancel, trigger = record_of(app).list_actions()
    assert (trigger.action, trigger.result) == ("trigger", "refused")
    assert (cancel.action, cancel.requested_by) == ("cancel", "mallory")
    assert trigger.detail is not None
    assert "does not allow you to run" in trigger.detail


def test_cancel_and_repair_are_recorded(app: Flask) -> None:
    with app.app_context():
        never = current_jobs["never"]
        never.cancel_run(never.run_now().run_id, requested_by="ada")
        never.cancel_all_runs(requested_by="cy")
        failing = current_jobs["failing"]
        run_id = failing.run_now().run_id
        failing.wait(run_id)
        failing.repair_run(run_id, requested_by="bob")
    actions = {action.action: action for action in record_of(app).list_actions()}
    assert (actions["cancel"].requested_by, actions["cancel"].result) == ("ada", "accepted")
    assert (actions["repair"].requested_by, actions["repair"].run_id) == ("bob", run_id)
    assert (actions["cancel_all"].requested_by, actions["cancel_all"].run_id) == ("cy", None)


def test_cancel_that_fails_is_recorded_as_failed(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    with app.app_context():
        run_id = current_jobs["never"].run_now().run_id
        fault_proxy.fail(Refusal(403), path="runs/cancel")
        with pytest.raises(NotAllowed):
            current_jobs["never"].cancel_run(run_id)
    assert record_of(app).list_actions()[0].result == "failed"


def test_command_records_operator(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "operator")
    result = app.test_cli_runner().invoke(args=["jobs", "run", "quick", "--no-wait"])
    assert result.exit_code == 0
    action = only_action(app)
    assert (action.source, action.requested_by) == ("cli", "operator")


def test_read_of_ended_run_records_its_end(app: Flask) -> None:
    with app.app_context():
        quick = current_jobs["quick"]
        run_id = quick.run_now().run_id
        wait_until(lambda: has_ended(quick.get_run(run_id)), "the run ended")
    (run,) = record_of(app).list_runs()
    assert (run.state, run.outcome) == (RowState.ENDED, "succeeded")
    assert run.ended_at is not None


def test_read_of_unrecorded_run_sends_no_signal(make_app: MakeApp) -> None:
    with make_app().app_context():
        quick = current_jobs["quick"]
        run_id = quick.run_now().run_id
        quick.wait(run_id)
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=True)
    ends: list[int] = []

    def receive(_: Flask, run_id: int, **extra: Any) -> None:
        ends.append(run_id)

    with run_finished.connected_to(receive, app), app.app_context():
        current_jobs["quick"].get_run(run_id)
    assert ends == []
    assert record_of(app).list_runs() == []
