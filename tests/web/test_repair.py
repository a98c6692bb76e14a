"""``POST …/repair``: the failed tasks of an ended run, again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace
from tests.conftest import MakeApp, Serve
from tests.sse_client import Event, Stream
from tests.support import RunGate


@pytest.fixture
def failed(app: Flask) -> int:
    """A run that has failed."""
    with app.app_context():
        run_id = current_jobs["failing"].run_now().run_id
        current_jobs["failing"].wait(run_id)
    return run_id


def repair(client: FlaskClient, run_id: object, **body: Any) -> Any:
    return client.post(f"/api/jobs/failing/runs/{run_id}/repair", **body)


@pytest.mark.parametrize(
    "body", [{}, {"json": {}}, {"data": "", "content_type": "application/json"}]
)
def test_all_that_failed_runs_again(
    client: FlaskClient, failed: int, fault_proxy: FaultyWorkspace, body: dict[str, Any]
) -> None:
    answer = repair(client, failed, **body)

    assert answer.status_code == 200
    (sent,) = fault_proxy.find_requests("POST", "runs/repair")
    assert sent.body["rerun_all_failed_tasks"] is True
    assert set(answer.get_json()) == {"repairId"}
    assert answer.get_json()["repairId"] > 0


def test_named_tasks_run_again_and_what_depends_on_them(
    client: FlaskClient, failed: int, fault_proxy: FaultyWorkspace
) -> None:
    answer = repair(client, failed, json={"rerunTasks": ["fine"], "rerunDependentTasks": True})

    assert answer.status_code == 200
    (sent,) = fault_proxy.find_requests("POST", "runs/repair")
    assert sent.body["rerun_tasks"] == ["fine"]
    assert sent.body["rerun_dependent_tasks"] is True
    assert not sent.body.get("rerun_all_failed_tasks")


def test_a_second_repair_follows_the_first(client: FlaskClient, app: Flask, failed: int) -> None:
    first = repair(client, failed)
    with app.app_context():
        current_jobs["failing"].wait(failed)
    second = repair(client, failed)
    assert second.status_code == 200
    assert second.get_json() != first.get_json()


def test_a_run_that_goes_on_is_409(
    client: FlaskClient, run_gate: RunGate, fault_proxy: FaultyWorkspace
) -> None:
    run_id = client.post("/api/jobs/gated/run", json={"params": run_gate.params}).get_json()[
        "runId"
    ]
    answer = client.post(f"/api/jobs/gated/runs/{run_id}/repair")
    assert answer.status_code == 409
    assert "has not ended" in answer.get_json(force=True)["detail"]
    assert fault_proxy.find_requests("POST", "runs/repair") == []


def test_a_run_that_succeeded_is_409_unless_tasks_are_named(
    client: FlaskClient, app: Flask, fault_proxy: FaultyWorkspace
) -> None:
    with app.app_context():
        run_id = current_jobs["quick"].run_now().run_id
        current_jobs["quick"].wait(run_id)

    assert client.post(f"/api/jobs/quick/runs/{run_id}/repair").status_code == 409
    assert fault_proxy.find_requests("POST", "runs/repair") == []
    answer = client.post(f"/api/jobs/quick/runs/{run_id}/repair", json={"rerunTasks": ["only"]})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rerunTasks": "broken"}, "rerunTasks"),
        ({"rerunTasks": []}, "rerunTasks"),
        ({"rerunTasks": [""]}, "rerunTasks"),
        ({"rerunTasks": [5]}, "rerunTasks"),
        ({"rerunTasks": None}, "rerunTasks"),
        ({"rerunDependentTasks": "perhaps"}, "rerunDependentTasks"),
        ({"rerun_tasks": ["broken"]}, "rerun_tasks"),
    ],
)
def test_what_cannot_be_meant_is_400_by_field(
    client: FlaskClient, fault_proxy: FaultyWorkspace, body: dict[str, Any], field: str
) -> None:
    answer = repair(client, 1, json=body)
    assert answer.status_code == 400
    assert set(answer.get_json(force=True)["errors"]) == {field}
    assert fault_proxy.requests == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"data": "[]", "content_type": "application/json"}, 400),
        ({"data": "{", "content_type": "application/json"}, 400),
        ({"data": "rerunTasks=broken", "content_type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    client: FlaskClient, body: dict[str, Any], status: int
) -> None:
    assert repair(client, 1, **body).status_code == status


def test_an_unknown_task_is_400_and_an_unknown_run_404(client: FlaskClient, failed: int) -> None:
    assert repair(client, failed, json={"rerunTasks": ["nothing"]}).status_code == 400
    assert repair(client, 1).status_code == 404
    assert repair(client, "one").status_code == 400
    assert client.post(f"/api/jobs/quick/runs/{failed}/repair").status_code == 404
    assert client.post("/api/jobs/nothing/runs/1/repair").status_code == 404


def test_a_look_that_a_repair_overtakes_is_shown_to_nobody(
    make_app: MakeApp,
    failed: int,
    fault_proxy: FaultyWorkspace,
    serve: Serve,
    in_threads: Callable[..., Any],
) -> None:
    app = make_app()  # which has not seen the run yet
    client, url = app.test_client(), serve(app)
    has_begun, was_repaired = threading.Event(), threading.Event()
    events: list[Event] = []

    def answer_late(exchange: Exchange) -> None:
        answer = exchange.forward()
        has_begun.set()
        was_repaired.wait(30)
        exchange.respond(answer)

    def follow() -> None:
        with Stream.open(f"{url}/api/jobs/failing/runs/{failed}/stream") as stream:
            events.extend(stream)

    before = client.get(f"/api/jobs/failing/runs/{failed}").get_json()
    fault_proxy.fail(answer_late, path="runs/get", times=1)
    (viewer,) = in_threads(follow)
    assert has_begun.wait(30)
    assert repair(client, failed).status_code == 200
    was_repaired.set()
    viewer.join(30)

    states = [event.json["run"] for event in events if event.name == "message"]
    assert states
    tasks_before = {task["run_id"] for task in before["tasks"]}
    for run in [*states, client.get(f"/api/jobs/failing/runs/{failed}").get_json()]:
        assert not {task["run_id"] for task in run["tasks"]} <= tasks_before
