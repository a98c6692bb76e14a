"""Servers, and the streams that they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from flask_lakeflow_jobs.cli.doctor.findings import Level
from flask_lakeflow_jobs.cli.doctor.server import (
    Gunicorn,
    check_descriptors,
    check_server,
    parse_gunicorn,
)
from tests.cli.doctor.conftest import RunDoctor


@pytest.mark.parametrize(
    ("command", "environ", "server"),
    [
        ("gunicorn app:app", {}, Gunicorn("sync", 1, 1)),
        ("gunicorn app:app -w 4", {}, Gunicorn("sync", 4, 1)),
        ("/usr/bin/gunicorn --workers=4 --threads 8 a:b", {}, Gunicorn("gthread", 4, 8)),
        ("python -m gunicorn -k gevent a:b", {}, Gunicorn("gevent", 1, 1)),
        ("gunicorn -k gevent --threads 4 a:b", {}, Gunicorn("gevent", 1, 4)),
        ("gunicorn a:b", {"WEB_CONCURRENCY": "3"}, Gunicorn("sync", 3, 1)),
        ("gunicorn a:b", {"WEB_CONCURRENCY": ""}, Gunicorn("sync", 1, 1)),
        ("gunicorn -w 2 a:b", {"WEB_CONCURRENCY": "3"}, Gunicorn("sync", 2, 1)),
        ("gunicorn a:b", {"GUNICORN_CMD_ARGS": "'"}, None),
        ("gunicorn a:b", {"GUNICORN_CMD_ARGS": "-k gthread -w 2"}, Gunicorn("gthread", 2, 1)),
        ("gunicorn -w 5 a:b", {"GUNICORN_CMD_ARGS": "-w 2"}, Gunicorn("sync", 5, 1)),
        ("gunicorn -w many a:b", {}, None),
        ("gunicorn -c deploy.py a:b", {}, Gunicorn("sync", 1, 1, "deploy.py")),
        ("flask run", {}, None),
        ("", {}, None),
    ],
)
def test_parse_gunicorn_reads_options_and_the_environment(
    command: str, environ: dict[str, str], server: Gunicorn | None
) -> None:
    assert parse_gunicorn(command.split(), environ, has_config=False) == server


@pytest.mark.parametrize(
    ("command", "options", "levels"),
    [
        ("gunicorn a:b", {}, [Level.ERROR]),
        ("gunicorn -k gthread --threads 64 a:b", {}, [Level.OK]),
        ("gunicorn -k gthread --threads 4 a:b", {}, [Level.OK]),
        ("gunicorn -k gthread --threads 4 a:b", {"has_push": False}, [Level.ERROR]),
        ("gunicorn a:b", {"has_config": True}, [Level.WARNING]),
        ("gunicorn -c python:deploy a:b", {}, [Level.WARNING]),
        ("gunicorn --threads 64 a:b", {"has_config": True}, [Level.OK]),
        ("gunicorn -k gevent a:b", {}, [Level.OK]),
        ("gunicorn -k eventlet a:b", {}, [Level.WARNING]),
        ("gunicorn -k gevent -w 4 a:b", {}, [Level.OK]),
        ("gunicorn -k gevent -w 4 a:b", {"shares_cache": False}, [Level.OK, Level.WARNING]),
        ("gunicorn -k tornado a:b", {}, [Level.WARNING]),
        ("flask run --debug", {}, [Level.WARNING]),
        ("waitress-serve app:app", {}, [Level.WARNING]),
        ("waitress-serve --threads=64 app:app", {}, [Level.OK]),
        ("granian --interface wsgi app:app", {}, [Level.OK]),
        ("granian --interface wsgi --blocking-threads 2 app:app", {}, [Level.WARNING]),
        ("granian --blocking-threads many app:app", {}, [Level.OK]),
        ("uwsgi --http :8000 --threads 16", {}, [Level.OK]),
        ("cheroot app:app", {}, [Level.OK]),
        ("mod_wsgi-express start-server app.wsgi", {}, [Level.WARNING]),
        ("python -m uvicorn app:app", {}, [Level.WARNING]),
        ("hypercorn wsgi:app:app", {}, [Level.WARNING]),
        ("bjoern app:app", {}, [Level.WARNING]),
        ("uwsgi --http :8000", {}, [Level.WARNING]),
        ("", {}, [Level.WARNING]),
    ],
)
def test_level_of_a_server_depends_on_the_streams_it_holds(
    command: str, options: dict[str, bool], levels: list[Level]
) -> None:
    options = {"has_push": True, "shares_cache": True, "has_config": False, **options}
    findings = check_server(command.split(), {}, **options)
    assert [finding.level for finding in findings] == levels


@pytest.mark.parametrize(
    ("limit", "level"), [(None, Level.OK), (1024, Level.OK), (256, Level.WARNING)]
)
def test_check_descriptors_warns_about_a_low_limit(limit: int | None, level: Level) -> None:
    assert check_descriptors(limit).level is level


def test_check_server_names_what_runs_the_app() -> None:
    (finding,) = check_server(
        ["python", "-m", "uvicorn"], {}, has_push=True, shares_cache=True, has_config=False
    )
    assert finding.message.startswith("uvicorn holds no streams")


def test_config_of_gunicorn_may_set_what_its_command_does_not(
    doctor: RunDoctor, app: Flask, tmp_path: Path
) -> None:
    command = ("--server", "gunicorn app:app")
    assert "holds no streams" in doctor(app, *command).select_one("server")["message"]
    (tmp_path / "gunicorn.conf.py").touch()
    finding = doctor(app, *command).select_one("server", Level.WARNING)
    assert finding["message"].startswith("gunicorn.conf.py may set the worker class")
