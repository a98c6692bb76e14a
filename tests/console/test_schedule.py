"""Pausing and resuming a job: with a handle, over HTTP, on its page and on the command line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import Conflict, NotAllowed, UpstreamTimeout, current_jobs
from flask_lakeflow_jobs.state import EXTENSION_KEY
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from flask_lakeflow_jobs.testing.exchange import Reply
from flask_lakeflow_jobs.upstream.gateway import BoundUpstream
from tests.console.conftest import MakeShop
from tests.console.support import OWN, shop_app, text_of

#: The schedule of ``hourly`` in the bundle.
SCHEDULE = {
    "quartz_cron_expression": "0 0 * * * ?",
    "timezone_id": "Europe/Berlin",
    "pause_status": "PAUSED",
}

ROUTE = "/api/jobs/hourly/schedule"


@pytest.fixture
def app(fault_proxy: FaultyWorkspace, tmp_path: Path) -> Iterator[Flask]:
    """The app with a record. Afterwards, ``hourly`` is paused again."""
    app = shop_app(
        fault_proxy,
        tmp_path / "instance",
        config={"LAKEFLOW_JOBS_RECORD_URL": True},
        user_loader=lambda: "ada",
    )
    yield app
    with app.app_context():
        fault_proxy.clear_faults()
        current_jobs["hourly"].pause()


def settings_of(app: Flask, key: str) -> dict[str, Any]:
    with app.app_context():
        settings = current_jobs[key].get_job().settings
    assert settings is not None
    return settings.as_dict()


def by_handle(app: Flask, action: str) -> None:
    with app.app_context():
        getattr(current_jobs["hourly"], action)(requested_by="ada")


def by_http(app: Flask, action: str) -> None:
    sent = app.test_client().post(ROUTE, json={"paused": action == "pause"})
    assert (sent.status_code, sent.data) == (204, b"")


def by_page(app: Flask, action: str) -> None:
    client = app.test_client()
    assert f"Yes, {action} it" in text_of(client.get("/jobs/hourly").text)
    paused = "true" if action == "pause" else "false"
    sent = client.post("/jobs/hourly/schedule", data={"paused": paused}, headers=OWN)
    assert (sent.status_code, sent.headers["Location"]) == (303, "/jobs/hourly")


def by_command(app: Flask, action: str) -> None:
    result = app.test_cli_runner().invoke(args=["jobs", action, "hourly"])
    assert result.exit_code == 0
    assert ("every hour Europe/Berlin, next" in result.output) == (action == "resume")


@pytest.mark.parametrize("change", [by_handle, by_http, by_page, by_command])
def test_resume_and_pause_change_only_the_pause_status(
    app: Flask,
    fault_proxy: FaultyWorkspace,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[Flask, str], None],
) -> None:
    caplog.set_level(logging.INFO, "flask_lakeflow_jobs.audit")
    before = settings_of(app, "hourly")
    assert before["schedule"] == SCHEDULE

    change(app, "resume")
    resumed = {**before, "schedule": {**SCHEDULE, "pause_status": "UNPAUSED"}}
    assert settings_of(app, "hourly") == resumed
    change(app, "pause")
    change(app, "pause") if change is not by_page else None
    assert settings_of(app, "hourly") == before

    sent = [each.body["new_settings"] for each in fault_proxy.find_requests("POST", "jobs/update")]
    assert sent == [{"schedule": resumed["schedule"]}, {"schedule": SCHEDULE}]
    assert "Job hourly: resumed" in caplog.text
    assert "Job hourly: paused" in caplog.text
    actions = [each.action for each in app.extensions[EXTENSION_KEY].record.list_actions()]
    assert actions[-2:] == ["pause", "resume"]


def test_schedule_route_shows_triggers(app: Flask, client: FlaskClient) -> None:
    paused = {"label": "every hour Europe/Berlin", "paused": True, "nextStart": None}
    assert client.get(ROUTE).get_json() == {"triggers": [paused]}
    client.post(ROUTE, json={"paused": False})
    (trigger,) = client.get(ROUTE).get_json()["triggers"]
    assert trigger["paused"] is False
    assert trigger["nextStart"] % 3_600_000 == 0
    assert client.get("/api/jobs/nightly/schedule").get_json() == {"triggers": []}
    assert "Next start" in text_of(client.get("/jobs/hourly").text)


def test_pause_without_trigger_is_a_conflict(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), pytest.raises(Conflict, match="no schedule and no trigger"):
        current_jobs["nightly"].pause()
    sent = client.post("/api/jobs/nightly/schedule", json={"paused": True})
    assert (sent.status_code, sent.get_json()["title"]) == (409, "Conflict")
    assert "Pause" not in text_of(client.get("/jobs/nightly").text)
    result = app.test_cli_runner().invoke(args=["jobs", "pause", "nightly"])
    assert result.exit_code == Conflict.exit_code


def test_pause_that_cannot_be_checked_is_no_error(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = BoundUpstream.change_job

    def fail(_: BoundUpstream) -> Any:
        raise UpstreamTimeout("The workspace does not respond.")

    with monkeypatch.context() as patched:

        def change_and_fail(self: BoundUpstream, build: Any) -> None:
            change(self, build)
            patched.setattr(BoundUpstream, "get_job", fail)

        patched.setattr(BoundUpstream, "change_job", change_and_fail)
        by_handle(app, "resume")
    assert "Job hourly: resumed, but this could not be checked" in caplog.text
    assert settings_of(app, "hourly")["schedule"]["pause_status"] == "UNPAUSED"


@pytest.mark.parametrize("body", [{}, {"paused": "yes"}, {"paused": True, "x": 1}, {"pause": True}])
def test_schedule_route_refuses_other_bodies(client: FlaskClient, body: dict[str, Any]) -> None:
    sent = client.post(ROUTE, json=body)
    assert sent.status_code == 400
    assert '{"paused": true}' in sent.get_json()["detail"]


@pytest.mark.parametrize(
    "given",
    [
        {"policy": lambda user, action, job: action != "schedule"},
        {"config": {"LAKEFLOW_JOBS_READ_ONLY": True}},
    ],
)
def test_schedule_is_an_action_of_its_own(make_shop: MakeShop, given: dict[str, Any]) -> None:
    client = make_shop(**given).test_client()
    assert client.post(ROUTE, json={"paused": False}).status_code == 403
    page = client.post("/jobs/hourly/schedule", data={"paused": "false"}, headers=OWN)
    assert page.status_code == 403
    assert "Resume" not in client.get("/jobs/hourly").text
    assert client.get(ROUTE).get_json()["triggers"][0]["paused"] is True


@pytest.mark.parametrize("data", [{}, {"paused": "no"}])
def test_schedule_form_without_a_choice_changes_nothing(
    client: FlaskClient, fault_proxy: FaultyWorkspace, data: dict[str, str]
) -> None:
    assert client.post("/jobs/hourly/schedule", data=data, headers=OWN).status_code == 400
    assert not fault_proxy.find_requests("POST", "jobs/update")


def test_get_of_the_schedule_redirects_to_the_job(client: FlaskClient) -> None:
    """A login that interrupted the action may lead there."""
    asked = client.get("/jobs/hourly/schedule")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/jobs/hourly")


def test_schedule_form_of_another_site_is_refused(client: FlaskClient) -> None:
    headers = {"Origin": "https://evil.example"}
    sent = client.post("/jobs/hourly/schedule", data={"paused": "false"}, headers=headers)
    assert sent.status_code == 403


def test_resume_repeated_reads_the_schedule_again(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    """Somebody else may have edited it before the repetition."""
    fault_proxy.fail(Refusal(503), path="jobs/update", times=1)
    by_handle(app, "resume")
    sent = [each.path.partition("/jobs/")[2] for each in fault_proxy.requests]
    assert [each for each in sent if each] == ["get", "update", "get", "update", "get"]


def test_pause_that_has_no_effect_is_a_conflict(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    with app.app_context():
        current_jobs["hourly"].resume()
        fault_proxy.fail(
            lambda exchange: exchange.respond(Reply(200, {}, b"{}")), path="jobs/update"
        )
        with pytest.raises(Conflict, match="is not paused: somebody may have changed it"):
            current_jobs["hourly"].pause()


def test_pause_without_permission_in_the_workspace_is_recorded(
    app: Flask, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(Refusal(403), path="jobs/update")
    with app.app_context(), pytest.raises(NotAllowed):
        current_jobs["hourly"].resume()
    (action,) = app.extensions[EXTENSION_KEY].record.list_actions()
    assert (action.action, action.result) == ("resume", "failed")
