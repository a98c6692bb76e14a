"""Errors as problem documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import HTTPException

from flask_lakeflow_jobs.testing import (
    Drop,
    Fault,
    FaultyWorkspace,
    InvalidBody,
    Refusal,
)
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.support import ALICE, on_behalf_of, own_messages
from tests.web.problem_documents import document_of


class TestInvalidBodies:
    """``tests/web/test_bodies.py`` has the tables of what is refused."""

    @pytest.mark.parametrize(
        ("body", "media_type", "status"),
        [
            (b"{", "application/json", 400),
            (b"", "text/plain", 415),
        ],
    )
    def test_invalid_body_is_a_problem_and_starts_nothing(
        self,
        client: FlaskClient,
        fault_proxy: FaultyWorkspace,
        body: bytes,
        media_type: str,
        status: int,
    ) -> None:
        response = client.post("/api/jobs/never/run", data=body, content_type=media_type)

        assert response.status_code == status
        document_of(response)
        assert not fault_proxy.requests

    def test_body_that_the_app_has_read_is_400_and_starts_nothing(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        @app.before_request
        def read() -> None:
            request.stream.read()

        response = app.test_client().post("/api/jobs/never/run", json={"params": {"day": "1"}})

        assert response.status_code == 400
        assert "truncated" in document_of(response)["detail"]
        assert not fault_proxy.requests


class EtlParams(Schema):
    start = fields.Date(required=True, data_key="startDate")
    tries = fields.Integer(validate=validate.Range(1, 5))


class TestInvalidParameters:
    def test_invalid_parameters_are_400_with_errors_by_field(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        jobs = {"etl": {"of": "never", "task_type": "job", "params": EtlParams}}
        client = make_app(jobs=jobs).test_client()

        response = client.post("/api/jobs/etl/run", json={"params": {"tries": 9, "typo": 1}})

        assert response.status_code == 400
        document = document_of(response)
        assert set(document["errors"]) == {"startDate", "tries", "typo"}
        assert document["errors"]["typo"] == ["Unknown field."]
        assert not fault_proxy.requests

    def test_invalid_parameters_with_lazy_messages_are_400(self, make_app: MakeApp) -> None:
        class LazyText:
            """A lazy translation, like that of Flask-Babel's ``lazy_gettext``."""

            def __str__(self) -> str:
                return "Noch kein Tag."

        required = {"required": LazyText()}
        params = {"day": fields.Date(required=True, error_messages=required)}
        jobs = {"lazy": {"of": "never", "task_type": "job", "params": params}}

        response = make_app(jobs=jobs).test_client().post("/api/jobs/lazy/run")

        assert response.status_code == 400
        assert document_of(response)["errors"] == {"day": "Noch kein Tag."}

    @pytest.mark.parametrize(
        "body", [{str(n): 1 for n in range(50_000)}, {"rerunTasks": [1] * 100_000}], ids=len
    )
    def test_body_with_many_invalid_members_gets_a_short_response(
        self, client: FlaskClient, body: Any
    ) -> None:
        response = client.post("/api/jobs/never/runs/1/repair", json=body)

        assert response.status_code == 400
        assert document_of(response)["errors"]
        assert len(response.data) < 10_000

    @pytest.mark.parametrize("params", [{"day": {"a": 1}}, {"day": [1]}], ids=repr)
    def test_parameter_value_that_no_job_accepts_is_400_by_field(
        self, client: FlaskClient, params: Any
    ) -> None:
        response = client.post("/api/jobs/never/run", json={"params": params})

        assert response.status_code == 400
        assert set(document_of(response)["errors"]) == {"day"}

    def test_parameters_that_the_workspace_refuses_are_400(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(400, message="Parameter x is too long."), path="run-now")

        document = document_of(client.post("/api/jobs/never/run"))

        assert document["status"] == 400
        assert document["upstream_code"] == "INVALID_PARAMETER_VALUE"
        assert "Parameter x is too long." in document["detail"]


class TestUpstream:
    @pytest.mark.parametrize(
        ("fault", "status", "retryable"),
        [
            (Refusal(403), 403, "never"),
            (Refusal(429, retry_after=3600), 429, "always"),
            (Refusal(503, retry_after=3600), 503, "always"),
            (InvalidBody(), 502, "if not carried out"),
            (Drop(), 503, "if not carried out"),
        ],
        ids=repr,
    )
    def test_upstream_failure_has_its_status_and_retryable(
        self,
        make_app: MakeApp,
        fault_proxy: FaultyWorkspace,
        clock: FakeClock,
        fault: Fault,
        status: int,
        retryable: str,
    ) -> None:
        client = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=1, clock=clock).test_client()

        for method, path, upstream in (
            ("POST", "/run", "run-now"),
            ("GET", "/status", "runs/list"),
            ("GET", "/runs/1", "runs/get"),
        ):
            fault_proxy.fail(fault, path=upstream)
            response = client.open(f"/api/jobs/never{path}", method=method)

            assert (path, response.status_code) == (path, status)
            document = document_of(response)
            assert document["retryable"] is (
                retryable == "always" or (retryable == "if not carried out" and method == "GET")
            )
            if status in (429, 503) and isinstance(fault, Refusal):
                assert response.headers["Retry-After"] == "3600"

    def test_unreachable_workspace_is_503(self, make_app: MakeApp) -> None:
        client = make_app(
            DATABRICKS_HOST="http://127.0.0.1:9", LAKEFLOW_JOBS_READ_ATTEMPTS=1
        ).test_client()

        response = client.get("/api/jobs/never/runs")

        assert response.status_code == 503
        assert "DATABRICKS_HOST" in document_of(response)["detail"]

    def test_missing_credentials_are_502_with_the_setting(self, make_app: MakeApp) -> None:
        client = make_app(DATABRICKS_TOKEN=None).test_client()

        response = client.get("/api/jobs/never/runs")

        assert response.status_code == 502
        assert "DATABRICKS_TOKEN" in document_of(response)["detail"]


class TestSecrets:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503, 504])
    def test_error_contains_no_token_configuration_or_traceback(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, clock: FakeClock, status: int
    ) -> None:
        jobs = {"user": {"of": "never", "run_as": "user"}}
        client = make_app(jobs=jobs, clock=clock).test_client()
        for path in ("run-now", "runs/list"):
            fault_proxy.fail(Refusal(status, retry_after=3600), path=path)

        for key in ("never", "user"):
            for method, path in (("POST", "run"), ("GET", "status")):
                response = client.open(
                    f"/api/jobs/{key}/{path}", method=method, headers=on_behalf_of(ALICE)
                )
                assert response.status_code >= 400
                for secret in (
                    fault_proxy.token,
                    ALICE,
                    "Config:",
                    "auth_type",
                    "Traceback",
                    ".py",
                ):
                    assert secret not in response.text

    @pytest.mark.parametrize(
        ("file", "status", "advice"),
        [
            ("new", 500, "flask jobs record upgrade"),
            ("file/new", 503, "log says why"),
        ],
    )
    def test_error_of_the_record_is_logged_and_does_not_reveal_its_address(
        self,
        make_app: MakeApp,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        file: str,
        status: int,
        advice: str,
    ) -> None:
        (tmp_path / "file").touch()
        url = f"sqlite:///{tmp_path}/{file}.sqlite3"
        app = make_app(LAKEFLOW_JOBS_RECORD_URL=url, LAKEFLOW_JOBS_CONSOLE=True, TESTING=False)

        for path in ("/api/jobs/runs", "/jobs/~runs"):
            response = app.test_client().get(path)
            assert response.status_code == status
            assert str(tmp_path) not in response.text
            assert advice in response.text
            assert str(tmp_path) in caplog.messages[-1]

    def test_unexpected_error_is_500_and_reveals_nothing(
        self, make_app: MakeApp, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken(Schema):
            @property
            def load_fields(self) -> Any:
                raise RuntimeError("the secret of the app")

            @load_fields.setter
            def load_fields(self, value: Any) -> None:
                """Ignore them."""

        client = make_app(jobs={"broken": {"of": "never", "params": Broken}}).test_client()

        response = client.get("/api/jobs/broken")

        assert response.status_code == 500
        assert "secret" not in response.text
        document_of(response)
        assert "the secret of the app" in caplog.text

    def test_failure_after_a_trigger_does_not_advise_to_repeat_it(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        @app.after_request
        def fail(response: Response) -> Response:
            raise LookupError("surprise")

        response = app.test_client().post("/api/jobs/never/run")

        assert response.status_code == 500
        assert fault_proxy.requests
        document = document_of(response)
        assert (document["retryable"], "again" in document["detail"]) == (False, False)


def test_half_of_a_character_in_a_parameter_is_400(
    client: FlaskClient, fault_proxy: FaultyWorkspace
) -> None:
    body = r'{"params": {"note": "\ud800"}}'

    response = client.post("/api/jobs/never/run", data=body, content_type="application/json")

    assert response.status_code == 400
    assert "note" in document_of(response)["errors"]
    assert not fault_proxy.requests


def test_error_code_of_the_workspace_forges_no_line(
    client: FlaskClient, fault_proxy: FaultyWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    fault_proxy.fail(Refusal(500, "NO\nCRITICAL:root:forged"), times=None)

    response = client.post("/api/jobs/never/runs/1/repair")

    assert response.status_code == 502
    assert document_of(response)["upstream_code"] == "NO CRITICAL:root:forged"
    assert not any(line.startswith("CRITICAL") for line in caplog.text.splitlines())


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Refusal(403), "The workspace denies access"),
        (Refusal(404, "RESOURCE_DOES_NOT_EXIST"), "The workspace has no job"),
    ],
)
def test_lost_grant_and_lost_job_are_logged(
    client: FlaskClient,
    fault_proxy: FaultyWorkspace,
    caplog: pytest.LogCaptureFixture,
    fault: Any,
    text: str,
) -> None:
    fault_proxy.fail(fault, path="jobs/run-now")

    client.post("/api/jobs/never/run", json={})

    assert [text in message for message in own_messages(caplog)] == [True]


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((status, True) for status in (408, 425, 429, 502, 503, 504)),
        *((status, False) for status in (401, 403, 404, 413, 451, 500, 501)),
    ],
)
def test_error_of_the_app_itself_is_retryable_by_its_status(
    app: Flask, status: int, retryable: bool
) -> None:
    """A rate limit or maintenance of the app passes, and must not end a browser's watch."""

    @app.before_request
    def refuse() -> None:
        error = HTTPException("Not now.")  # werkzeug has no class for some statuses
        error.code = status
        raise error

    document = document_of(app.test_client().get("/api/jobs/never/status"))

    assert (document["status"], document["retryable"]) == (status, retryable)


class TestWrongRequests:
    def test_responses_are_not_stored(self, client: FlaskClient) -> None:
        for path in ("/api/jobs/", "/api/jobs/never/status", "/api/jobs/nope"):
            assert client.get(path).headers["Cache-Control"] == "no-store"
