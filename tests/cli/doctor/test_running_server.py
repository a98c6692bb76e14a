"""``flask jobs doctor --url``: the app is asked for the server that runs it."""

from __future__ import annotations

import json

import pytest
from flask import Flask, g
from flask.typing import ResponseReturnValue

from flask_lakeflow_jobs.cli.doctor.findings import Level
from flask_lakeflow_jobs.cli.doctor.running_server import check_health
from tests.cli.doctor.conftest import RunDoctor
from tests.conftest import MakeApp, Serve


def ask(doctor: RunDoctor, app: Flask, url: str, level: Level) -> str:
    """Return the message of the finding about the server that runs an app."""
    return str(doctor(app, "--url", url).select_one("running server", level)["message"])


def test_running_app_reports_the_server_that_it_recognized(
    doctor: RunDoctor, app: Flask, serve: Serve
) -> None:
    message = ask(doctor, app, f"{serve(app)}/", Level.OK)
    assert "a thread per request holds up to 1000 streams." in message


def test_url_defaults_that_need_a_request_do_no_harm(
    doctor: RunDoctor, app: Flask, serve: Serve
) -> None:
    url = serve(app)
    app.url_defaults(lambda endpoint, values: values.update(language=g.language))
    assert "holds up to" in ask(doctor, app, url, Level.OK)


def test_app_that_hides_its_jobs_hides_its_server(
    doctor: RunDoctor, app: Flask, make_app: MakeApp, serve: Serve
) -> None:
    hidden = make_app(policy=lambda user, action, key: False)
    assert "hides its server" in ask(doctor, app, serve(hidden), Level.WARNING)


def test_app_on_this_machine_is_asked_without_a_proxy(
    doctor: RunDoctor, app: Flask, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert "holds up to" in ask(doctor, app, serve(app), Level.OK)


def test_app_that_does_not_respond_is_an_error(doctor: RunDoctor, app: Flask) -> None:
    assert "does not respond" in ask(doctor, app, "http://127.0.0.1:1", Level.ERROR)


JSON_VALUES: tuple[object, ...] = (None, [], {"server": {}}, {"server": {"threads": "x"}})


@pytest.mark.parametrize(
    "response", [*map(json.dumps, JSON_VALUES), "<form>Log in", b"\xff", ("Log in.", 401)]
)
def test_other_document_than_the_health_is_an_error(
    doctor: RunDoctor, app: Flask, serve: Serve, response: ResponseReturnValue
) -> None:
    other = Flask("other")
    other.add_url_rule("/api/jobs/health", "health", lambda: response)
    assert "not the health" in ask(doctor, app, serve(other), Level.ERROR)


def test_app_without_routes_is_a_warning(doctor: RunDoctor, make_app: MakeApp) -> None:
    app = make_app(register_blueprint=False)
    message = ask(doctor, app, "http://127.0.0.1:1", Level.WARNING)
    assert message == "The app does not serve the HTTP routes."


def test_url_of_another_kind_is_a_usage_error(doctor: RunDoctor, app: Flask) -> None:
    assert doctor(app, "--url", "file:///etc/passwd").exit_code == 2


@pytest.mark.parametrize(
    ("threads", "capacity", "level", "message"),
    [
        (8, 704, Level.OK, "a server with 8 threads holds up to 704 streams."),
        (None, 1000, Level.OK, "a server holds up to 1000 streams."),
        (1, 0, Level.WARNING, "a server with 1 thread holds no streams: viewers poll."),
    ],
)
def test_health_with_its_server_reports_what_the_app_recognized(
    threads: int | None, capacity: int, level: Level, message: str
) -> None:
    server = {"name": "a server", "threads": threads, "streamCapacity": capacity}
    finding = check_health({"status": "ok", "server": server})
    assert (finding.level, finding.message) == (level, message)


def test_health_without_its_server_is_a_warning() -> None:
    finding = check_health({"status": "ok"})
    assert finding.level is Level.WARNING
    assert "may view no job" in finding.message
