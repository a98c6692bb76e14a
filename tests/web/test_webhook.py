"""Notifications that Databricks sends of runs: who may send them, and what comes of them."""

from __future__ import annotations

import base64
import hmac
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_lakeflow_jobs import RunStatus, current_jobs, run_changed, run_finished
from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.support import ALICE, RunGate, on_behalf_of, wait_until

USER, PASSWORD = "databricks", "correct horse"
LOGIN = {
    "LAKEFLOW_JOBS_WEBHOOK_USERNAME": USER,
    "LAKEFLOW_JOBS_WEBHOOK_PASSWORD": PASSWORD,
}
PATH = "/api/jobs/webhook"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(**LOGIN)


def notification(job_id: object, run_id: object, **run: object) -> dict[str, Any]:
    """What Databricks sends. Source: its documentation, "Add notifications on a job"."""
    return {
        "event_type": "jobs.on_success",
        "workspace_id": "123",
        "run": {"run_id": run_id, **run},
        "job": {"job_id": job_id, "name": "nightly"},
    }


def notify(app: Flask, body: Any, **given: Any) -> TestResponse:
    given.setdefault("auth", (USER, PASSWORD))
    return app.test_client().post(PATH, json=body, **given)


@contextmanager
def ends_told(app: Flask) -> Iterator[list[tuple[str, int]]]:
    """The ends of runs, by job and run, that the app is told of meanwhile."""
    told: list[tuple[str, int]] = []

    def receive(sender: Flask, job: str, run_id: int, **_: Any) -> None:
        told.append((job, run_id))

    with run_finished.connected_to(receive, sender=app):
        yield told


def started(app: Flask, key: str, params: Any = None) -> int:
    with app.app_context():
        return current_jobs[key].run_now(params).run_id


def ended(app: Flask, key: str) -> int:
    """A run that another app has seen to its end."""
    with app.app_context():
        run_id = current_jobs[key].run_now().run_id
        current_jobs[key].wait(run_id)
        return run_id


# ── what comes of them ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("spell", [str, int, float])
def test_the_end_of_a_run_that_nobody_watches_is_told_once(
    app: Flask, make_app: MakeApp, job_ids: Mapping[str, int], spell: Callable[[int], object]
) -> None:
    run_id = ended(make_app(), "never")
    with ends_told(app) as told:
        for _ in range(2):
            response = notify(app, notification(spell(job_ids["never"]), spell(run_id)))
            assert (response.status_code, response.data) == (204, b"")
            wait_until(lambda: told, "The end of the run")
    assert told == [("never", run_id)]


def test_of_a_tasks_run_the_run_that_it_is_part_of_is_looked_at(
    app: Flask, make_app: MakeApp, job_ids: Mapping[str, int]
) -> None:
    other = make_app()
    run_id = ended(other, "quick")
    with other.app_context():
        [task, *_] = current_jobs["quick"].get_run(run_id).tasks or []
    body = notification(job_ids["quick"], task.run_id, parent_run_id=str(run_id))
    with ends_told(app) as told:
        assert notify(app, {**body, "task": {"task_key": task.task_key}}).status_code == 204
        wait_until(lambda: told, "The end of the run")
    assert told == [("quick", run_id)]


def test_every_key_of_the_job_is_told(make_app: MakeApp, job_ids: Mapping[str, int]) -> None:
    app = make_app(jobs={"twin": {"of": "never"}}, **LOGIN)
    run_id = ended(make_app(), "never")
    with ends_told(app) as told:
        notify(app, notification(job_ids["never"], run_id))
        wait_until(lambda: len(told) == 2, "The end of the run, for both")
    assert sorted(told) == [("never", run_id), ("twin", run_id)]


Watch = Callable[[Flask, int], list[RunStatus]]


@pytest.fixture
def watch(in_threads: Callable[..., Any]) -> Watch:
    """Has a thread watch a run of the job ``gated``; gives what it has seen, at first its start."""

    def start(app: Flask, run_id: int) -> list[RunStatus]:
        seen: list[RunStatus] = []

        def follow() -> None:
            with app.app_context():
                for status in current_jobs["gated"].watch(run_id):
                    seen.append(status)

        in_threads(follow)
        wait_until(lambda: seen, "The first state")
        return seen

    return start


def end_unseen(operator: Flask, run_gate: RunGate, run_id: int) -> None:
    """Let a run end, as only an app that is none of the watchers knows."""
    run_gate.open()
    with operator.app_context():
        current_jobs["gated"].wait(run_id)


def test_a_watch_ends_with_the_notification_however_far_its_next_look_is(
    make_app: MakeApp,
    run_gate: RunGate,
    job_ids: Mapping[str, int],
    watch: Watch,
    stopped_clock: FakeClock,
) -> None:
    operator = make_app()
    run_id = started(operator, "gated", run_gate.params)
    app = make_app(LAKEFLOW_JOBS_POLL_INTERVAL=600, clock=stopped_clock, **LOGIN)
    seen = watch(app, run_id)
    end_unseen(operator, run_gate, run_id)
    assert not seen[-1].is_terminal

    with ends_told(app) as told:
        notify(app, notification(job_ids["gated"], run_id))
        wait_until(lambda: seen[-1].is_terminal, "The end, in the watch")
    assert told == [("gated", run_id)]


def test_the_watches_of_other_processes_end_too(
    make_app: MakeApp,
    run_gate: RunGate,
    job_ids: Mapping[str, int],
    watch: Watch,
    tmp_path: Path,
    stopped_clock: FakeClock,
) -> None:
    operator = make_app()
    run_id = started(operator, "gated", run_gate.params)
    cache = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(tmp_path / "cache")}
    watching, receiving = (
        make_app(
            LAKEFLOW_JOBS_POLL_INTERVAL=600, LAKEFLOW_JOBS_CACHE=cache, clock=stopped_clock, **LOGIN
        )
        for _ in range(2)
    )
    seen = watch(watching, run_id)
    end_unseen(operator, run_gate, run_id)

    notify(receiving, notification(job_ids["gated"], run_id))
    assert not seen[-1].is_terminal
    stopped_clock.sleep(1.0)  # within a second of the news
    wait_until(lambda: seen[-1].is_terminal, "The end, in the watch")


def test_what_was_read_before_is_served_no_more(
    make_app: MakeApp, run_gate: RunGate, job_ids: Mapping[str, int], stopped_clock: FakeClock
) -> None:
    operator = make_app()
    run_id = started(operator, "gated", run_gate.params)
    client = (app := make_app(clock=stopped_clock, **LOGIN)).test_client()
    for path in ("/api/jobs/gated/status", f"/api/jobs/gated/runs/{run_id}"):
        client.get(path)
    end_unseen(operator, run_gate, run_id)
    assert client.get("/api/jobs/gated/status").get_json()["outcome"] == "running"

    notify(app, notification(job_ids["gated"], run_id))
    assert client.get("/api/jobs/gated/status").get_json()["outcome"] == "succeeded"
    state = client.get(f"/api/jobs/gated/runs/{run_id}").get_json()["state"]
    assert state["result_state"] == "SUCCESS"


def test_what_it_says_of_the_run_is_not_believed(
    app: Flask, run_gate: RunGate, job_ids: Mapping[str, int]
) -> None:
    run_id = started(app, "gated", run_gate.params)
    changes: list[str] = []

    def receive(sender: Flask, status: RunStatus, **_: Any) -> None:
        changes.append(status.outcome.value)

    with run_changed.connected_to(receive, sender=app), ends_told(app) as told:
        notify(app, notification(job_ids["gated"], run_id))
        wait_until(lambda: changes, "A look at the run")
    assert "running" in changes
    assert told == []


def test_of_a_job_that_runs_as_its_users_only_watchers_have_it_looked_at(
    make_app: MakeApp, job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(jobs={"users": {"of": "never", "run_as": "user"}}, **LOGIN)
    hints: list[tuple[int, int, Sequence[RunKey]]] = []
    hub = app.extensions["lakeflow_jobs"].hub
    monkeypatch.setattr(hub, "receive_notification", lambda *hint: hints.append(hint))
    notify(app, notification(job_ids["never"], 5))
    [(job_id, run_id, run_keys)] = hints
    assert (job_id, run_id) == (job_ids["never"], 5)
    assert [run_key.job.key for run_key in run_keys] == ["never"]


@pytest.mark.parametrize("user", [{}, on_behalf_of(ALICE)])
def test_neither_policy_nor_user_nor_read_only_is_asked(
    make_app: MakeApp, job_ids: Mapping[str, int], user: dict[str, str]
) -> None:
    def fail(*_: object) -> bool:
        raise AssertionError("Nobody is to be asked.")

    app = make_app(policy=fail, user_loader=fail, LAKEFLOW_JOBS_READ_ONLY=True, **LOGIN)
    assert notify(app, notification(job_ids["never"], 1), headers=user).status_code == 204


# ── what is ignored, and what is refused ──────────────────────────────────────────────────────────


def test_a_job_that_the_app_does_not_have_is_ignored(
    app: Flask, fault_proxy: FaultyWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "flask_lakeflow_jobs.web"):
        assert notify(app, notification(987654321, 1)).status_code == 204
    assert fault_proxy.find_requests() == []
    assert "987654321, which this app does not have" in caplog.text


def test_a_run_that_is_not_there_is_no_fault_of_who_sends_it(
    app: Flask, fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int]
) -> None:
    with ends_told(app) as told:
        assert notify(app, notification(job_ids["never"], 404)).status_code == 204
        wait_until(lambda: fault_proxy.find_requests("GET", "runs/get"), "A look")
    assert told == []


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
        {"job": {"job_id": 1}, "run": {"run_id": [1]}},
        {"job": {"job_id": 1}, "run": {"run_id": 2**63}},
    ],
    ids=json.dumps,
)
def test_what_names_no_run_is_400(app: Flask, body: Any) -> None:
    response = notify(app, body)
    assert response.status_code == 400
    assert "job and its run" in response.get_json()["detail"]


def test_what_is_no_json_is_refused_and_so_is_too_much_of_it(app: Flask) -> None:
    client, auth = app.test_client(), (USER, PASSWORD)
    assert client.post(PATH, auth=auth, data={"job": 1}).status_code == 415
    large = {"pad": "x" * 1024 * 1024}
    assert client.post(PATH, auth=auth, json=large).status_code == 413
    broken = client.post(PATH, auth=auth, data="{", content_type="application/json")
    assert broken.status_code == 400


# ── who may send them ─────────────────────────────────────────────────────────────────────────────


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /w=="},
        {"Authorization": f"Bearer {PASSWORD}"},
        basic(""),
        basic(":"),
        basic(USER),
        basic(f"{USER}:"),
        basic(f":{PASSWORD}"),
        basic(f"{USER}:{PASSWORD} "),
        basic(f"{USER}:{PASSWORD.upper()}"),
        basic(f"{USER}s:{PASSWORD}"),
        basic(f"{USER}:пароль"),
        on_behalf_of(ALICE),
    ],
    ids=str,
)
def test_a_wrong_or_missing_login_is_401(
    app: Flask, fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int], headers: dict[str, str]
) -> None:
    body = notification(job_ids["never"], 1)
    response = notify(app, body, headers=headers, auth=None)
    assert response.status_code == 401
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["type"].endswith(":webhook-login-refused")
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert PASSWORD not in response.text
    assert fault_proxy.find_requests() == []


def test_the_login_comes_before_the_body(app: Flask) -> None:
    assert app.test_client().post(PATH, data="{").status_code == 401


@pytest.mark.parametrize("given", [(USER, "wrong"), ("wrong", PASSWORD), ("wrong", "wrong")])
def test_both_are_compared_in_constant_time_whatever_is_wrong(
    app: Flask, monkeypatch: pytest.MonkeyPatch, given: tuple[str, str]
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("flask_lakeflow_jobs.web.webhook.compare_digest", noted)
    assert notify(app, {}, auth=given).status_code == 401
    assert [other for _, other in compared] == [USER.encode(), PASSWORD.encode()]


def test_a_page_of_another_site_cannot_send_one_with_a_browsers_login(app: Flask) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert notify(app, notification(1, 1), headers=headers).status_code == 403


def test_without_a_login_there_is_no_such_route(make_app: MakeApp) -> None:
    app = make_app()
    assert not [rule for rule in app.url_map.iter_rules() if "webhook" in rule.rule]
    assert notify(app, notification(1, 1)).status_code == 405  # it would be the name of a job


def test_only_post_is_served(app: Flask) -> None:
    assert app.test_client().get(PATH).status_code == 404
    for path in (PATH, f"{PATH}/"):
        refused = app.test_client().delete(path, auth=(USER, PASSWORD))
        asked = app.test_client().options(path)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")
        assert (asked.status_code, asked.headers["Allow"]) == (204, "POST")
