"""Repairs over HTTP: rerunning the failed tasks of a run that has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import RunStatus, current_jobs
from flask_lakeflow_jobs.testing import Drop, Exchange, FaultyWorkspace
from tests.conftest import MakeApp, Serve
from tests.sse_client import Event, Stream
from tests.support import DEADLINE, FullStore, RunGate


@pytest.fixture
def failed_run(app: Flask) -> int:
    """The id of a run that has failed."""
    with app.app_context():
        run_id = current_jobs["failing"].run_now().run_id
        current_jobs["failing"].wait(run_id)
    return run_id


def repair(client: FlaskClient, run_id: object, **body: Any) -> Any:
    return client.post(f"/api/jobs/failing/runs/{run_id}/repair", **body)


@pytest.mark.parametrize(
    "body", [{}, {"json": {}}, {"data": "", "content_type": "application/json"}]
)
def test_repair_without_tasks_reruns_all_failed_tasks(
    client: FlaskClient, failed_run: int, fault_proxy: FaultyWorkspace, body: dict[str, Any]
) -> None:
    response = repair(client, failed_run, **body)

    assert response.status_code == 200
    (sent,) = fault_proxy.find_requests("POST", "runs/repair")
    assert sent.body["rerun_all_failed_tasks"] is True
    assert set(response.get_json()) == {"repairId"}
    assert response.get_json()["repairId"] > 0


def test_repair_with_tasks_reruns_them_and_dependent_tasks(
    client: FlaskClient, failed_run: int, fault_proxy: FaultyWorkspace
) -> None:
    response = repair(
        client, failed_run, json={"rerunTasks": ["fine"], "rerunDependentTasks": True}
    )

    assert response.status_code == 200
    (sent,) = fault_proxy.find_requests("POST", "runs/repair")
    assert sent.body["rerun_tasks"] == ["fine"]
    assert sent.body["rerun_dependent_tasks"] is True
    assert not sent.body.get("rerun_all_failed_tasks")


def test_repair_after_a_repair_has_another_id(
    client: FlaskClient, app: Flask, failed_run: int
) -> None:
    first = repair(client, failed_run)
    with app.app_context():
        current_jobs["failing"].wait(failed_run)
    second = repair(client, failed_run)
    assert second.status_code == 200
    assert second.get_json() != first.get_json()


def test_repair_of_an_active_run_is_409(
    client: FlaskClient, run_gate: RunGate, fault_proxy: FaultyWorkspace
) -> None:
    run_id = client.post("/api/jobs/gated/run", json={"params": run_gate.params}).get_json()[
        "runId"
    ]
    response = client.post(f"/api/jobs/gated/runs/{run_id}/repair")
    assert response.status_code == 409
    assert "has not ended" in response.get_json(force=True)["detail"]
    assert fault_proxy.find_requests("POST", "runs/repair") == []


def test_repair_of_a_succeeded_run_needs_tasks(
    client: FlaskClient, app: Flask, fault_proxy: FaultyWorkspace
) -> None:
    with app.app_context():
        run_id = current_jobs["quick"].run_now().run_id
        current_jobs["quick"].wait(run_id)

    assert client.post(f"/api/jobs/quick/runs/{run_id}/repair").status_code == 409
    assert fault_proxy.find_requests("POST", "runs/repair") == []
    response = client.post(f"/api/jobs/quick/runs/{run_id}/repair", json={"rerunTasks": ["only"]})
    assert response.status_code == 200


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
        ({"params": ["x"]}, "params"),
        ({"params": {"who": "x" * 65_537}}, "who"),
    ],
)
def test_repair_with_invalid_members_is_400_by_field(
    client: FlaskClient, fault_proxy: FaultyWorkspace, body: dict[str, Any], field: str
) -> None:
    response = repair(client, 1, json=body)
    assert response.status_code == 400
    assert set(response.get_json(force=True)["errors"]) == {field}
    assert fault_proxy.requests == []


def test_repair_of_an_unknown_task_is_400_and_unknown_run_404(
    client: FlaskClient, failed_run: int
) -> None:
    assert repair(client, failed_run, json={"rerunTasks": ["nothing"]}).status_code == 400
    assert repair(client, 1).status_code == 404
    assert repair(client, "one").status_code == 400
    assert client.post(f"/api/jobs/quick/runs/{failed_run}/repair").status_code == 404
    assert client.post("/api/jobs/nothing/runs/1/repair").status_code == 404


@pytest.fixture
def sharing_app(make_app: MakeApp) -> Flask:
    """An app whose cache passes for one of several processes."""
    return make_app(LAKEFLOW_JOBS_CACHE={"CACHE_TYPE": "tests.support.FullStore"})


def fail_run(app: Flask) -> RunStatus:
    """Start a run that fails, and read its end into the cache in both ways."""
    with app.app_context():
        status = current_jobs["failing"].run_now().wait()
        current_jobs["failing"].get_run(status.run.run_id or 0)
    return status


def count_attempts(app: Flask, run_id: int) -> int:
    """Return the attempts of the next end of a run."""
    with app.app_context():
        return len(current_jobs["failing"].wait(run_id).run.tasks or [])


def test_repair_without_a_response_is_seen_at_once(
    sharing_app: Flask, fault_proxy: FaultyWorkspace
) -> None:
    failed = fail_run(sharing_app)
    run_id = failed.run.run_id or 0
    fault_proxy.fail(Drop(accepted=True), path="runs/repair")

    assert repair(sharing_app.test_client(), run_id).status_code == 503

    assert count_attempts(sharing_app, run_id) > len(failed.run.tasks or [])


def test_repair_with_a_full_cache_is_seen_at_once(
    sharing_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = fail_run(sharing_app)
    run_id = failed.run.run_id or 0
    client = sharing_app.test_client()
    monkeypatch.setattr(FullStore, "is_full", True)

    assert repair(client, run_id).status_code == 200

    run = client.get(f"/api/jobs/failing/runs/{run_id}").get_json()
    assert len(run["tasks"]) > len(failed.run.tasks or [])
    assert count_attempts(sharing_app, run_id) > len(failed.run.tasks or [])


def test_stream_discards_a_poll_from_before_a_repair(
    make_app: MakeApp,
    failed_run: int,
    fault_proxy: FaultyWorkspace,
    serve: Serve,
    in_threads: Callable[..., Any],
) -> None:
    app = make_app()  # it has not polled the run yet
    client, url = app.test_client(), serve(app)
    poll_started, repaired = threading.Event(), threading.Event()
    events: list[Event] = []

    def respond_late(exchange: Exchange) -> None:
        response = exchange.forward()
        poll_started.set()
        repaired.wait(DEADLINE)
        exchange.respond(response)

    def follow() -> None:
        with Stream.open(f"{url}/api/jobs/failing/runs/{failed_run}/stream") as stream:
            events.extend(stream)

    before = client.get(f"/api/jobs/failing/runs/{failed_run}").get_json()
    fault_proxy.fail(respond_late, path="runs/get", times=1)
    (viewer,) = in_threads(follow)
    assert poll_started.wait(DEADLINE)
    assert repair(client, failed_run).status_code == 200
    repaired.set()
    viewer.join(DEADLINE)

    states = [event.json["run"] for event in events if event.name == "message"]
    assert states
    tasks_before = {task["run_id"] for task in before["tasks"]}
    for run in [*states, client.get(f"/api/jobs/failing/runs/{failed_run}").get_json()]:
        assert not {task["run_id"] for task in run["tasks"]} <= tasks_before
