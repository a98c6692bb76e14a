"""Notifications from Databricks: their effect."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import RunStatus, current_jobs, run_changed, run_finished
from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.support import ALICE, RunGate, on_behalf_of, wait_until
from tests.web.notifications import LOGIN, PASSWORD, PATH, USER, notification, notify


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(**LOGIN)


@contextmanager
def finished_runs(app: Flask) -> Iterator[list[tuple[str, int]]]:
    """Collect the ``run_finished`` signals as job keys and run ids."""
    finished: list[tuple[str, int]] = []

    def receive(sender: Flask, job: str, run_id: int, **_: Any) -> None:
        finished.append((job, run_id))

    with run_finished.connected_to(receive, sender=app):
        yield finished


def start_run(app: Flask, key: str, params: Any = None) -> int:
    with app.app_context():
        return current_jobs[key].run_now(params).run_id


def run_to_end(app: Flask, key: str) -> int:
    """Run a job to its end in an app; return the run id."""
    with app.app_context():
        run_id = current_jobs[key].run_now().run_id
        current_jobs[key].wait(run_id)
        return run_id


@pytest.mark.parametrize("spell", [str, int, float])
def test_notification_of_an_ended_run_sends_one_signal(
    app: Flask, make_app: MakeApp, job_ids: Mapping[str, int], spell: Callable[[int], object]
) -> None:
    run_id = run_to_end(make_app(), "never")
    with finished_runs(app) as finished:
        for _ in range(2):
            response = notify(app, notification(spell(job_ids["never"]), spell(run_id)))
            assert (response.status_code, response.data) == (204, b"")
            wait_until(lambda: finished, "the end of the run")
    assert finished == [("never", run_id)]


def test_notification_of_a_task_polls_its_parent_run(
    app: Flask, make_app: MakeApp, job_ids: Mapping[str, int]
) -> None:
    other = make_app()
    run_id = run_to_end(other, "quick")
    with other.app_context():
        [task, *_] = current_jobs["quick"].get_run(run_id).tasks or []
    body = notification(job_ids["quick"], task.run_id, parent_run_id=str(run_id))
    with finished_runs(app) as finished:
        assert notify(app, {**body, "task": {"task_key": task.task_key}}).status_code == 204
        wait_until(lambda: finished, "the end of the run")
    assert finished == [("quick", run_id)]


def test_notification_sends_signals_for_every_key_of_the_job(
    make_app: MakeApp, job_ids: Mapping[str, int]
) -> None:
    app = make_app(jobs={"twin": {"of": "never"}}, **LOGIN)
    run_id = run_to_end(make_app(), "never")
    with finished_runs(app) as finished:
        notify(app, notification(job_ids["never"], run_id))
        wait_until(lambda: len(finished) == 2, "the end of the run for both keys")
    assert sorted(finished) == [("never", run_id), ("twin", run_id)]


Watch = Callable[[Flask, int], list[RunStatus]]


@pytest.fixture
def watch(in_threads: Callable[..., Any]) -> Watch:
    """Watches a run of the job ``gated`` in a thread; returns the list of its states so far."""

    def start(app: Flask, run_id: int) -> list[RunStatus]:
        states: list[RunStatus] = []

        def follow() -> None:
            with app.app_context():
                for status in current_jobs["gated"].watch(run_id):
                    states.append(status)

        in_threads(follow)
        wait_until(lambda: states, "the first state")
        return states

    return start


def end_run(other_app: Flask, run_gate: RunGate, run_id: int) -> None:
    """Let a run end, and only the other app know it."""
    run_gate.open()
    with other_app.app_context():
        current_jobs["gated"].wait(run_id)


def test_notification_ends_a_watch_at_once(
    make_app: MakeApp,
    run_gate: RunGate,
    job_ids: Mapping[str, int],
    watch: Watch,
    stopped_clock: FakeClock,
) -> None:
    other_app = make_app()
    run_id = start_run(other_app, "gated", run_gate.params)
    app = make_app(LAKEFLOW_JOBS_POLL_INTERVAL=600, clock=stopped_clock, **LOGIN)
    states = watch(app, run_id)
    end_run(other_app, run_gate, run_id)
    assert not states[-1].is_terminal

    with finished_runs(app) as finished:
        notify(app, notification(job_ids["gated"], run_id))
        wait_until(lambda: states[-1].is_terminal, "the end in the watch")
        wait_until(lambda: finished, "the signal, which follows the state")
    assert finished == [("gated", run_id)]


def test_notification_ends_watches_of_other_processes(
    make_app: MakeApp,
    run_gate: RunGate,
    job_ids: Mapping[str, int],
    watch: Watch,
    tmp_path: Path,
    stopped_clock: FakeClock,
) -> None:
    other_app = make_app()
    run_id = start_run(other_app, "gated", run_gate.params)
    cache = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(tmp_path / "cache")}
    settings = {"LAKEFLOW_JOBS_POLL_INTERVAL": 600, "LAKEFLOW_JOBS_CACHE": cache, **LOGIN}
    watching = make_app(clock=stopped_clock, **settings)
    receiving = make_app(**settings)  # its accesses to the cache take no time that is moved
    states = watch(watching, run_id)
    end_run(other_app, run_gate, run_id)

    notify(receiving, notification(job_ids["gated"], run_id))
    assert not states[-1].is_terminal

    def is_over() -> bool:
        stopped_clock.sleep(0.2)  # far less than an interval of polls altogether
        return states[-1].is_terminal

    wait_until(is_over, "the end in the watch")


def test_notification_invalidates_cached_reads(
    make_app: MakeApp, run_gate: RunGate, job_ids: Mapping[str, int], stopped_clock: FakeClock
) -> None:
    other_app = make_app()
    run_id = start_run(other_app, "gated", run_gate.params)
    client = (app := make_app(clock=stopped_clock, **LOGIN)).test_client()
    for path in ("/api/jobs/gated/status", f"/api/jobs/gated/runs/{run_id}"):
        client.get(path)
    end_run(other_app, run_gate, run_id)
    assert client.get("/api/jobs/gated/status").get_json()["outcome"] == "running"

    notify(app, notification(job_ids["gated"], run_id))
    assert client.get("/api/jobs/gated/status").get_json()["outcome"] == "succeeded"
    state = client.get(f"/api/jobs/gated/runs/{run_id}").get_json()["state"]
    assert state["result_state"] == "SUCCESS"


def test_notification_content_is_not_trusted(
    app: Flask, run_gate: RunGate, job_ids: Mapping[str, int]
) -> None:
    run_id = start_run(app, "gated", run_gate.params)
    changes: list[str] = []

    def receive(sender: Flask, status: RunStatus, **_: Any) -> None:
        changes.append(status.outcome.value)

    with run_changed.connected_to(receive, sender=app), finished_runs(app) as finished:
        notify(app, notification(job_ids["gated"], run_id))
        wait_until(lambda: changes, "a poll of the run")
    assert "running" in changes
    assert finished == []


def test_notification_polls_user_jobs_for_subscribers_only(
    make_app: MakeApp, job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(jobs={"users": {"of": "never", "run_as": "user"}}, **LOGIN)
    received: list[tuple[int, int, Sequence[RunKey]]] = []
    hub = app.extensions["lakeflow_jobs"].hub
    monkeypatch.setattr(hub, "receive_notification", lambda *args: received.append(args))
    notify(app, notification(job_ids["never"], 5))
    [(job_id, run_id, run_keys)] = received
    assert (job_id, run_id) == (job_ids["never"], 5)
    assert [run_key.job.key for run_key in run_keys] == ["never"]


@pytest.mark.parametrize("user", [{}, on_behalf_of(ALICE)])
def test_notification_ignores_policy_user_and_read_only(
    make_app: MakeApp, job_ids: Mapping[str, int], user: dict[str, str]
) -> None:
    def fail(*_: object) -> bool:
        raise AssertionError("It must not be called.")

    app = make_app(policy=fail, user_loader=fail, LAKEFLOW_JOBS_READ_ONLY=True, **LOGIN)
    assert notify(app, notification(job_ids["never"], 1), headers=user).status_code == 204


def test_notification_of_an_unknown_job_is_ignored(
    app: Flask, fault_proxy: FaultyWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "flask_lakeflow_jobs.web"):
        assert notify(app, notification(987654321, 1)).status_code == 204
    assert fault_proxy.find_requests() == []
    assert "this app has no job with the id 987654321" in caplog.text


def test_notification_of_an_unknown_run_is_204(
    app: Flask, fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int]
) -> None:
    with finished_runs(app) as finished:
        assert notify(app, notification(job_ids["never"], 404)).status_code == 204
        wait_until(lambda: fault_proxy.find_requests("GET", "runs/get"), "a poll")
    assert finished == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"run": {"run_id": 1}},
        {"job": {"job_id": 1}},
        {"job": 1, "run": 2},
        {"job": {"job_id": "x"}, "run": {"run_id": 1}},
        {"job": {"job_id": 1}, "run": {"run_id": True}},
        {"job": {"job_id": 1}, "run": {"run_id": 0}},
        {"job": {"job_id": 1}, "run": {"run_id": 5.5}},
        {"job": {"job_id": 1}, "run": {"run_id": [1]}},
        {"job": {"job_id": 1}, "run": {"run_id": 2**63}},
    ],
    ids=json.dumps,
)
def test_notification_without_ids_is_400(app: Flask, body: Any) -> None:
    response = notify(app, body)
    assert response.status_code == 400
    assert "ids of a job and a run" in response.get_json()["detail"]


def test_webhook_route_needs_configured_credentials(make_app: MakeApp) -> None:
    app = make_app()
    assert not [rule for rule in app.url_map.iter_rules() if "webhook" in rule.rule]
    assert notify(app, notification(1, 1)).status_code == 405  # it is the key of a job then


def test_webhook_route_allows_post_only(app: Flask) -> None:
    assert app.test_client().get(PATH).status_code == 404
    for path in (PATH, f"{PATH}/"):
        refused = app.test_client().delete(path, auth=(USER, PASSWORD))
        options = app.test_client().options(path)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")
        assert (options.status_code, options.headers["Allow"]) == (204, "POST")
