"""Runs of a workspace that is ahead of the SDK: unknown states and fields reach every interface."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace
from flask_lakeflow_jobs.testing.exchange import Reply
from tests.sse_client import Stream

NEW_FIELD = {"number": 3, "list": ["a", None]}


def add_unknown_fields(exchange: Exchange) -> None:
    """Respond like a workspace that is ahead of the SDK, with a new state and a new field."""
    reply = exchange.forward()
    document = json.loads(reply.body)
    for run in document.get("runs") or [document]:
        run["new_field"] = NEW_FIELD
        run["state"] = {"life_cycle_state": "NEW_STATE", "result_state": None}
        run["status"] = {"state": "NEW_STATE"}
    exchange.respond(Reply(reply.status, reply.headers, json.dumps(document).encode()))


@pytest.fixture
def run_id(app: Flask, fault_proxy: FaultyWorkspace) -> int:
    """A run with a state and a field that the SDK does not know."""
    with app.app_context():
        started = current_jobs["never"].run_now().run_id
    for path in ("runs/get", "runs/list"):
        fault_proxy.fail(add_unknown_fields, path=path)
    return int(started)


def test_http_serves_unknown_fields_of_runs(app: Flask, run_id: int) -> None:
    client = app.test_client()

    run = client.get(f"/api/jobs/never/runs/{run_id}").get_json()
    (first, *_) = client.get("/api/jobs/never/runs").get_json()["runs"]
    status = client.get("/api/jobs/never/status").get_json()

    for document in (run, first, status["run"]):
        assert document["run_id"] == run_id
        assert document["new_field"] == NEW_FIELD
        assert document["state"] == {"life_cycle_state": "NEW_STATE", "result_state": None}
    assert (status["status"], status["outcome"]) == ("NEW_STATE", "unknown")


def test_events_contain_unknown_fields(
    app: Flask, serve: Callable[[Flask], str], fault_proxy: FaultyWorkspace, run_id: int
) -> None:
    with Stream.open(f"{serve(app)}/api/jobs/never/runs/{run_id}/stream") as stream:
        first = next(stream)
        fault_proxy.clear_faults()
        *_, ended, _ = stream

    assert first.json["status"] == "NEW_STATE"
    assert first.json["outcome"] == "unknown"
    assert first.json["run"]["new_field"] == NEW_FIELD
    assert ended.json["outcome"] != "unknown"


def test_run_status_has_unknown_fields_in_its_document(app: Flask, run_id: int) -> None:
    with app.app_context():
        status = next(current_jobs["never"].watch(run_id))

    assert (status.status, str(status.outcome), status.is_terminal) == (
        "NEW_STATE",
        "unknown",
        False,
    )
    assert status.to_dict()["run"]["new_field"] == NEW_FIELD
    assert status.run.run_id == run_id
    assert "new_field" not in repr(status)


def test_explanation_has_an_unknown_termination_code(
    app: Flask, fault_proxy: FaultyWorkspace
) -> None:
    def add_unknown_states(exchange: Exchange) -> None:
        reply = exchange.forward()
        document = json.loads(reply.body)
        for part in [document, *document["tasks"]]:
            part["state"]["result_state"] = "NEW_RESULT"
            part["status"]["termination_details"] = {"code": "NEW_CODE"}
        exchange.respond(Reply(reply.status, reply.headers, json.dumps(document).encode()))

    fault_proxy.fail(add_unknown_states, path="runs/get")
    with app.app_context():
        run_id = current_jobs["failing"].run_now().run_id
        end = current_jobs["failing"].wait(run_id)

        explanation = current_jobs["failing"].explain(run_id)

    assert explanation.outcome == end.outcome == "unknown"
    assert explanation.termination_code == "NEW_CODE"
    assert {(task.outcome, task.termination_code) for task in explanation.tasks} == {
        ("unknown", "NEW_CODE")
    }


def test_http_serves_unknown_fields_of_outputs(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    def respond(exchange: Exchange) -> None:
        exchange.forward()
        body = {
            "logs": "a",
            "new_field": NEW_FIELD,
            "dbt_output": {"artifacts_headers": {"k": "v"}},
        }
        exchange.respond(
            Reply(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
        )

    with app.app_context():
        run_id = current_jobs["quick"].run_now().run_id
        current_jobs["quick"].wait(run_id)
    fault_proxy.fail(respond, path="runs/get-output")

    outputs = app.test_client().get(f"/api/jobs/quick/runs/{run_id}/output").get_json()

    assert outputs
    for output in outputs.values():
        assert output == {"logs": "a", "new_field": NEW_FIELD, "dbt_output": {}}
