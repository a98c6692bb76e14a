"""The health of the extension, by its route and by its function."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import health
from flask_lakeflow_jobs.globals import current_state
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from flask_lakeflow_jobs.web.sse.limits import DEFAULT_MAX_STREAMS
from tests.conftest import MakeApp
from tests.support import ALICE, RunGate, on_behalf_of

HEALTHY = {
    "status": "ok",
    "streams": {"pushed": 0, "onThreads": 0, "limit": None, "free": None, "sentToPoll": 0},
    "watchedRuns": 0,
    "secondsSincePoll": None,
    "circuitBreakerOpen": False,
    "credentialsRefused": False,
    "cacheAvailable": True,
}


def test_health_needs_no_call_to_the_workspace(
    app: Flask, client: FlaskClient, fault_proxy: FaultyWorkspace
) -> None:
    response = client.get("/api/jobs/health")
    assert response.status_code == 200
    document = response.get_json()
    assert document.pop("server") == {
        "name": "test client",
        "threads": None,
        "streamCapacity": DEFAULT_MAX_STREAMS,
    }
    assert document == health(app) == HEALTHY
    assert not fault_proxy.requests


def test_streams_and_watched_runs_are_counted(
    app: Flask, client: FlaskClient, run_gate: RunGate
) -> None:
    run_id = client.post("/api/jobs/gated/run", json={"params": run_gate.params}).get_json()[
        "runId"
    ]
    url = f"/api/jobs/gated/runs/{run_id}/stream"
    stream = client.get(url)
    next(stream.iter_encoded())
    during = health(app)
    client.get(f"{url}?poll=true")
    run_gate.open()
    stream.close()
    assert during["streams"]["pushed"] + during["streams"]["onThreads"] == 1
    assert during["streams"]["free"] == during["streams"]["limit"] - 1
    assert during["watchedRuns"] == 1
    assert during["secondsSincePoll"] >= 0.0
    assert during["status"] == "ok"
    assert health(app)["streams"]["sentToPoll"] == 0, "a viewer that wants to poll is no stream"


def test_viewers_that_have_to_poll_are_counted(make_app: MakeApp, run_gate: RunGate) -> None:
    app = make_app(LAKEFLOW_JOBS_MAX_STREAMS=0)
    client = app.test_client()
    run_id = client.post("/api/jobs/gated/run", json={"params": run_gate.params}).get_json()[
        "runId"
    ]
    client.get(f"/api/jobs/gated/runs/{run_id}/stream")
    run_gate.open()
    streams = health(app)["streams"]
    assert (streams["sentToPoll"], streams["limit"], streams["free"]) == (1, 0, 0)


@pytest.mark.parametrize("what", ["circuit breaker", "cache", "polls"])
def test_health_is_degraded_and_says_why(
    app: Flask, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    with app.app_context():
        state = current_state()
    changes: dict[str, dict[str, Any]] = {
        "circuit breaker": {"circuitBreakerOpen": True},
        "cache": {"cacheAvailable": False},
        "polls": {"secondsSincePoll": 1000.0},
    }
    if what == "circuit breaker":
        for _ in range(5):
            state.upstream.call_resources.breaker.record_failure()
    elif what == "cache":
        monkeypatch.setattr(type(state.cache), "is_failing", True)
    else:
        monkeypatch.setattr(type(state.hub), "seconds_since_poll", 1000.0)
    assert health(app) == {**HEALTHY, **changes[what], "status": "degraded"}


def test_refused_credentials_count_until_a_call_with_them_succeeds(
    app: Flask, client: FlaskClient, fault_proxy: FaultyWorkspace
) -> None:
    statuses = []
    for fault in (Refusal(401), Refusal(400), None):
        fault_proxy.clear_faults()
        if fault is not None:
            fault_proxy.fail(fault)
        status = client.get("/api/jobs/gated/runs").status_code
        statuses.append((status, health(app)["credentialsRefused"], health(app)["status"]))
    assert statuses == [(502, True, "degraded"), (502, True, "degraded"), (200, False, "ok")]


def test_refused_token_of_a_user_is_no_fault_of_the_app(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    app = make_app(jobs={"theirs": {"of": "gated", "task_type": "job", "run_as": "user"}})
    fault_proxy.fail(Refusal(401))
    response = app.test_client().get("/api/jobs/theirs/runs", headers=on_behalf_of(ALICE))
    assert response.status_code == 401
    assert health(app) == HEALTHY


def test_those_who_may_view_no_job_get_the_status_only(make_app: MakeApp) -> None:
    client = make_app(policy=lambda user, action, key: False).test_client()
    assert client.get("/api/jobs/health").get_json() == {"status": "ok"}


def test_health_of_an_app_without_the_extension_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no Lakeflow Jobs"):
        health(Flask("bare"))
