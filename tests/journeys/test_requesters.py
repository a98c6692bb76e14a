"""The requester of a run in signals, the audit log and a job parameter."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, request

from flask_lakeflow_jobs import current_jobs, run_canceled, run_triggered
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp
from tests.support import RunGate

#: The headers of the Databricks Apps proxy.
ANNA = {"X-Forwarded-Email": "anna@example.com"}


@pytest.fixture
def signaled_users() -> Iterator[list[tuple[str, str | None]]]:
    """The users in signals, by action."""
    users: list[tuple[str, str | None]] = []

    def triggered(_: Flask, user: str | None, **__: Any) -> None:
        users.append(("run", user))

    def canceled(_: Flask, user: str | None, **__: Any) -> None:
        users.append(("cancel", user))

    with run_triggered.connected_to(triggered), run_canceled.connected_to(canceled):
        yield users


def test_signals_and_audit_log_name_the_user_and_no_parameters(
    make_app: MakeApp,
    run_gate: RunGate,
    signaled_users: list[tuple[str, str | None]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = make_app(LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True).test_client()
    with caplog.at_level(logging.INFO, "flask_lakeflow_jobs.audit"):
        response = client.post(
            "/api/jobs/gated/run", headers=ANNA, json={"params": run_gate.params}
        )
        run_id = response.get_json()["runId"]
        client.delete(f"/api/jobs/gated/runs/{run_id}", headers=ANNA)

    assert signaled_users == [("run", "anna@example.com"), ("cancel", "anna@example.com")]
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name == "flask_lakeflow_jobs.audit"
    ]
    assert lines == [
        f"Job gated, run {run_id}: triggered, requested by 'anna@example.com'.",
        f"Job gated, run {run_id}: canceled, requested by 'anna@example.com'.",
    ]


def test_audit_log_of_a_replay_says_so(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    client = make_app(user_loader=lambda: "anna\nINFO: forged").test_client()
    headers = {"Idempotency-Key": "once"}
    with caplog.at_level(logging.INFO, "flask_lakeflow_jobs.audit"):
        first, again = (client.post("/api/jobs/never/run", headers=headers) for _ in range(2))
    assert first.get_json() == again.get_json()
    assert [
        record.getMessage().partition(": ")[2]
        for record in caplog.records
        if record.name == "flask_lakeflow_jobs.audit"
    ] == [
        "triggered, requested by 'anna INFO: forged'.",
        "replayed, requested by 'anna INFO: forged'.",
    ]


def test_idempotency_keys_of_two_users_are_independent(make_app: MakeApp) -> None:
    client = make_app(user_loader=lambda: request.headers.get("X-Demo-User")).test_client()

    def run(user: str) -> int:
        headers = {"Idempotency-Key": "my-key", "X-Demo-User": user}
        return int(client.post("/api/jobs/never/run", headers=headers).get_json()["runId"])

    assert run("anna") == run("anna")
    assert run("anna") != run("bert")


def test_signals_of_a_python_call_name_the_requester(
    app: Flask, signaled_users: list[tuple[str, str | None]]
) -> None:
    with app.app_context():
        current_jobs["never"].run_now(requested_by="nightly import")
        current_jobs["never"].run_now()
    assert signaled_users == [("run", "nightly import"), ("run", None)]


@pytest.mark.parametrize("key", ["never", "greeting"])
def test_attribution_parameter_names_the_user(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, key: str
) -> None:
    app = make_app(
        LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True, LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER="triggered_by"
    )
    params = {"who": "world"} if key == "greeting" else {}
    client = app.test_client()
    client.post(f"/api/jobs/{key}/run", headers=ANNA, json={"params": params})
    (sent,) = fault_proxy.find_requests("POST", "run-now")
    assert sent.body["job_parameters"] == {**params, "triggered_by": "anna@example.com"}


def test_attribution_parameter_in_a_request_is_400(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    app = make_app(
        LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True, LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER="triggered_by"
    )
    for headers in (ANNA, {}):
        response = app.test_client().post(
            "/api/jobs/never/run", headers=headers, json={"params": {"triggered_by": "boss"}}
        )
        assert response.status_code == 400
        assert "triggered_by" in response.get_json()["errors"]
    assert fault_proxy.find_requests("POST", "run-now") == []


def test_attribution_of_a_job_without_job_parameters_is_500(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    app = make_app(user_loader=lambda: "anna", LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER="triggered_by")
    response = app.test_client().post("/api/jobs/script/run", json={"params": {"args": ["a"]}})
    assert response.status_code == 500
    detail = response.get_json()["detail"]
    assert "LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER" in detail
    assert "python_params" in detail
    assert fault_proxy.find_requests("POST", "run-now") == []


def test_lists_and_pages_name_users_without_a_job_parameter(
    make_app: MakeApp, run_gate: RunGate
) -> None:
    client = make_app(
        user_loader=lambda: request.headers.get("X-Demo-User"), LAKEFLOW_JOBS_CONSOLE=True
    ).test_client()
    ann = {"X-Demo-User": "ann"}
    own = {**ann, "Origin": "http://localhost"}
    # A caller cannot choose the name.
    forged = {**ann, "X-Forwarded-Email": "mallory@example.com", "X-Requested-By": "mallory"}
    response = client.post("/api/jobs/gated/run", headers=forged, json={"params": run_gate.params})
    run_id = response.get_json()["runId"]

    runs = client.get("/api/jobs/runs?job=gated&by=ann", headers=ann).get_json()["runs"]
    assert [run["runId"] for run in runs] == [run_id]
    client.post(f"/jobs/gated/runs/{run_id}/cancel", headers=own)
    for page in (f"/jobs/gated/runs/{run_id}", "/jobs/gated?who=ann", "/jobs/~runs?by=ann"):
        text = client.get(page, headers=ann).get_data(as_text=True)
        assert 'class="lf-who">ann<' in text
        assert "mallory" not in text
    actions = client.get(f"/api/jobs/gated/runs/{run_id}/actions", headers=ann).get_json()
    assert [(each["action"], each["by"], each["source"]) for each in actions["actions"]] == [
        ("trigger", "ann", "http"),
        ("cancel", "ann", "console"),
    ]
    assert client.get(f"/api/jobs/quick/runs/{run_id}/actions", headers=ann).status_code == 404
