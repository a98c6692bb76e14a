"""``flask jobs doctor`` with its options: text, the server, and test messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.cli.doctor.checks import send_tests
from flask_lakeflow_jobs.cli.doctor.findings import Level
from flask_lakeflow_jobs.config.jobs import Job
from tests.cli.conftest import RunFlask
from tests.messages import Service


def test_doctor_as_text_prints_remedies_and_names_no_other_app(
    flask_jobs: RunFlask, app: Flask
) -> None:
    result = flask_jobs("doctor", "--server", "gunicorn -w 4 shop:create_app()", of=app)
    assert result.exit_code == 1
    assert "error    server: gunicorn with sync workers holds no streams" in result.stdout
    assert "Start it with --worker-class=gthread --threads=64." in result.stdout
    assert "app:app" not in result.stdout


def test_server_command_with_an_open_quote_is_a_usage_error(
    flask_jobs: RunFlask, app: Flask
) -> None:
    assert flask_jobs("doctor", "--server", "gunicorn 'a", of=app).exit_code == 2


@pytest.fixture
def service() -> Iterator[Service]:
    with Service.serve() as service:
        yield service


def make_app(service: Service, instance: str) -> Flask:
    app = Flask("app", instance_path=instance)
    app.config["LAKEFLOW_JOBS_RECORD_URL"] = True
    app.config["LAKEFLOW_JOBS_NOTIFY"] = service.url.text
    LakeflowJobs(app, jobs={"etl": {"job_id": 1}, "quiet": {"job_id": 2, "notify": False}})
    return app


def jobs_of(app: Flask) -> dict[str, Job]:
    jobs: dict[str, Job] = app.extensions["lakeflow_jobs"].settings.jobs
    return jobs


def test_doctor_notify_sends_one_test_message(
    service: Service, flask_jobs: RunFlask, tmp_path: object
) -> None:
    app = make_app(service, f"{tmp_path}/instance")
    result = flask_jobs("doctor", "--notify", of=app)
    (message,) = service.messages
    assert "Jobs: etl" in message["message"]
    assert "quiet" not in message["message"]
    assert f"{service.url.name} accepted a test message." in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


def test_doctor_without_notify_sends_nothing(
    service: Service, flask_jobs: RunFlask, tmp_path: object
) -> None:
    flask_jobs("doctor", of=make_app(service, f"{tmp_path}/instance"))
    assert service.messages == []


def test_send_tests_reports_a_refusal_without_the_url(service: Service, tmp_path: object) -> None:
    service.status = 403
    (finding,) = send_tests(jobs_of(make_app(service, f"{tmp_path}/instance")))
    assert finding.level is Level.ERROR
    assert "hunter2" not in f"{finding.message} {finding.remedy}"


def test_send_tests_without_urls_names_the_key() -> None:
    (finding,) = send_tests({})
    assert (finding.level, "LAKEFLOW_JOBS_NOTIFY" in finding.remedy) == (Level.ERROR, True)
