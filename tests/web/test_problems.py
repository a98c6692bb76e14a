"""Errors over HTTP: problem documents inside our routes, the host's own answers outside them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import (
    Drop,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    InvalidBody,
    Refusal,
    Silence,
)
from tests.conftest import MakeApp
from tests.support import ALICE, RunGate, on_behalf_of

MEMBERS = {"type", "title", "status", "detail", "retryable", "errors", "upstream_code"}


def document_of(response: Any) -> Any:
    """The problem document of a response, which is one by its every mark."""
    assert response.mimetype == "application/problem+json"
    document = json.loads(response.data)
    assert document["status"] == response.status_code
    assert {"type", "title", "status", "detail"} <= set(document) <= MEMBERS
    assert all(document[name] for name in ("type", "title", "detail"))
    return document


class TestBadBodies:
    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"{", 400),
            (b"[]", 400),
            (b'"text"', 400),
            (b"null", 400),
            (b'{"params": []}', 400),
            (b'{"params": "x"}', 400),
            (b'{"params": {"day": NaN}}', 400),
            (b'{"param": {}}', 400),
            (b"\xff\xfe", 400),
            (b"[" * 100_000, 400),
        ],
        ids=range(10),
    )
    def test_they_are_refused_and_start_nothing(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, body: bytes, status: int
    ) -> None:
        response = client.post("/api/jobs/never/run", data=body, content_type="application/json")

        assert response.status_code == status
        document_of(response)
        assert not fault_proxy.requests

    @pytest.mark.parametrize(
        "media_type",
        ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "text/html"],
    )
    def test_a_body_that_is_not_json_is_415(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, media_type: str
    ) -> None:
        """A plain form post from another site starts a run at a peer (B18)."""
        for body in (b"params=1", b""):
            response = client.post("/api/jobs/never/run", data=body, content_type=media_type)
            assert response.status_code == 415
            document_of(response)
        assert not fault_proxy.requests

    def test_a_body_of_a_json_dialect_is_json(self, client: FlaskClient) -> None:
        response = client.post(
            "/api/jobs/never/run", data=b"{}", content_type="application/vnd.api+json"
        )

        assert response.status_code == 200


class TestBodiesReadBefore:
    """By the host, in a ``before_request``."""

    def test_one_that_is_gone_starts_nothing(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        @app.before_request
        def read() -> None:
            request.stream.read()

        response = app.test_client().post("/api/jobs/never/run", json={"params": {"day": "1"}})

        assert response.status_code == 400
        assert "read it before" in document_of(response)["detail"]
        assert not fault_proxy.requests

    def test_one_that_flask_keeps_arrives(self, app: Flask, fault_proxy: FaultyWorkspace) -> None:
        @app.before_request
        def read() -> None:
            assert request.get_json() == {"params": {"day": "1"}}

        response = app.test_client().post("/api/jobs/never/run", json={"params": {"day": "1"}})

        assert response.status_code == 200
        (sent,) = fault_proxy.find_requests("POST", "run-now")
        assert sent.body["job_parameters"] == {"day": "1"}


class EtlParams(Schema):
    start = fields.Date(required=True, data_key="startDate")
    tries = fields.Integer(validate=validate.Range(1, 5))


class TestBadParameters:
    def test_each_field_says_what_is_wrong_with_it(
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

    def test_a_message_that_is_translated_late_is_told(self, make_app: MakeApp) -> None:
        class Late:
            """As Flask-Babel's ``lazy_gettext`` gives it."""

            def __str__(self) -> str:
                return "Noch kein Tag."

        required = {"required": Late()}
        params = {"day": fields.Date(required=True, error_messages=required)}
        jobs = {"late": {"of": "never", "task_type": "job", "params": params}}

        response = make_app(jobs=jobs).test_client().post("/api/jobs/late/run")

        assert response.status_code == 400
        assert document_of(response)["errors"] == {"day": "Noch kein Tag."}

    @pytest.mark.parametrize("params", [{"day": {"a": 1}}, {"day": [1]}], ids=repr)
    def test_a_value_that_no_job_takes_is_400_by_its_field(
        self, client: FlaskClient, params: Any
    ) -> None:
        response = client.post("/api/jobs/never/run", json={"params": params})

        assert response.status_code == 400
        assert set(document_of(response)["errors"]) == {"day"}

    def test_what_the_workspace_refuses_is_400_too(
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
            (Refusal(401), 502, "never"),
            (Refusal(403), 403, "never"),
            (Refusal(409), 409, "never"),
            (Refusal(429, retry_after=3600), 429, "always"),
            (Refusal(500), 502, "if nothing was done"),
            (GatewayPage(502), 502, "if nothing was done"),
            (Refusal(503, retry_after=3600), 503, "always"),
            (Refusal(504), 504, "if nothing was done"),
            (InvalidBody(), 502, "if nothing was done"),
            (Drop(), 503, "if nothing was done"),
            (Silence(), 504, "if nothing was done"),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize(
        ("method", "path", "upstream"),
        [("POST", "/run", "run-now"), ("GET", "/status", "runs/list"), ("GET", "/runs/1", None)],
    )
    def test_each_failure_has_its_status_and_says_whether_it_may_pass(
        self,
        make_app: MakeApp,
        fault_proxy: FaultyWorkspace,
        fault: Fault,
        status: int,
        retryable: str,
        method: str,
        path: str,
        upstream: str | None,
    ) -> None:
        fault_proxy.fail(fault, path=upstream or "runs/get")
        enough = 0.5 if isinstance(fault, Silence) else 2.0  # also for a busy machine
        client = make_app(LAKEFLOW_JOBS_TIMEOUT=enough, LAKEFLOW_JOBS_READ_ATTEMPTS=1).test_client()

        response = client.open(f"/api/jobs/never{path}", method=method)

        assert response.status_code == status
        document = document_of(response)
        assert document["retryable"] is (
            retryable == "always" or (retryable == "if nothing was done" and method == "GET")
        )
        if status in (429, 503) and isinstance(fault, Refusal):
            assert response.headers["Retry-After"] == "3600"

    def test_a_workspace_that_cannot_be_reached_is_503(self, make_app: MakeApp) -> None:
        client = make_app(
            DATABRICKS_HOST="http://127.0.0.1:9", LAKEFLOW_JOBS_READ_ATTEMPTS=1
        ).test_client()

        response = client.get("/api/jobs/never/runs")

        assert response.status_code == 503
        assert "DATABRICKS_HOST" in document_of(response)["detail"]

    def test_missing_credentials_are_502_and_say_what_to_set(self, make_app: MakeApp) -> None:
        client = make_app(DATABRICKS_TOKEN=None).test_client()

        response = client.get("/api/jobs/never/runs")

        assert response.status_code == 502
        assert "DATABRICKS_TOKEN" in document_of(response)["detail"]


class TestSecrets:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503, 504])
    def test_no_answer_tells_token_or_configuration_or_trace(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, status: int
    ) -> None:
        jobs = {"theirs": {"of": "never", "run_as": "user"}}
        client = make_app(jobs=jobs, LAKEFLOW_JOBS_TIMEOUT=2.0).test_client()
        for path in ("run-now", "runs/list"):
            fault_proxy.fail(Refusal(status, retry_after=3600), path=path)

        for key in ("never", "theirs"):
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

    def test_a_surprise_is_500_and_tells_nothing(
        self, make_app: MakeApp, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken(Schema):
            @property
            def load_fields(self) -> Any:
                raise RuntimeError("the secret of the house")

            @load_fields.setter
            def load_fields(self, value: Any) -> None:
                """Forget them."""

        client = make_app(jobs={"broken": {"of": "never", "params": Broken}}).test_client()

        response = client.get("/api/jobs/broken")

        assert response.status_code == 500
        assert "secret" not in response.text
        document_of(response)
        assert "the secret of the house" in caplog.text


class TestWrongRequests:
    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [("GET", "never/run", "POST"), ("PUT", "never/runs", "GET"), ("POST", "never", "GET")],
    )
    def test_a_wrong_method_is_405_and_names_the_right_one(
        self, client: FlaskClient, method: str, path: str, allowed: str
    ) -> None:
        response = client.open(f"/api/jobs/{path}", method=method)

        assert response.status_code == 405
        assert allowed in response.headers["Allow"]

    def test_a_flag_that_is_none_is_400(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        response = client.post("/api/jobs/never/run?stream=maybe")

        assert response.status_code == 400
        document_of(response)
        assert not fault_proxy.find_requests("POST")

    def test_answers_are_not_kept_by_browsers(self, client: FlaskClient) -> None:
        for path in ("/api/jobs/", "/api/jobs/never/status", "/api/jobs/nope"):
            assert client.get(path).headers["Cache-Control"] == "no-store"


class TestHost:
    """The host's pages and handlers are its own."""

    @pytest.fixture
    def host(self, app: Flask) -> FlaskClient:
        @app.errorhandler(404)
        def lost(error: Exception) -> tuple[str, int]:
            return "the host's own page", 404

        @app.errorhandler(403)
        def forbidden(error: Exception) -> tuple[str, int]:
            return "the host's own refusal", 403

        @app.get("/page")
        def page() -> str:
            return str(current_jobs["never"].run_now().run_id)

        @app.get("/missing")
        def missing() -> str:
            return str(current_jobs["quick"].get_run(1))

        @app.get("/unknown")
        def unknown() -> str:
            return str(current_jobs["nope"])

        @app.get("/bad")
        def bad() -> str:
            return str(current_jobs["never"].run_now({"day": object()}))

        return app.test_client()

    def test_its_404_page_stays_outside_our_routes(self, host: FlaskClient) -> None:
        assert host.get("/nowhere").text == "the host's own page"
        document_of(host.get("/api/jobs/nope"))

    def test_its_handlers_do_not_answer_for_our_routes(
        self, host: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(403), path="runs/list")

        response = host.get("/api/jobs/never/runs")

        assert response.status_code == 403
        document_of(response)

    @pytest.mark.parametrize(
        ("path", "fault", "status"),
        [
            ("/bad", None, 400),
            ("/missing", None, 404),
            ("/unknown", None, 404),
            ("/page", Refusal(429, retry_after=3600), 429),
            ("/page", Refusal(401), 502),
            ("/page", Refusal(503, retry_after=3600), 503),
        ],
        ids=repr,
    )
    def test_an_error_in_a_view_of_its_own_has_its_status(
        self,
        host: FlaskClient,
        fault_proxy: FaultyWorkspace,
        path: str,
        fault: Fault | None,
        status: int,
    ) -> None:
        if fault is not None:
            fault_proxy.fail(fault, path="run-now")

        response = host.get(path)

        assert response.status_code == status
        assert fault_proxy.token not in response.text

    def test_what_its_guard_raises_is_answered_by_its_own_handler(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        class NotLoggedIn(Exception):
            """As a login extension raises it."""

        @app.errorhandler(NotLoggedIn)
        def login(error: Exception) -> tuple[str, int]:
            return "the host's own login", 401

        @app.before_request
        def current_authorizer() -> None:
            raise NotLoggedIn

        response = app.test_client().post("/api/jobs/never/run")

        assert (response.status_code, response.text) == (401, "the host's own login")
        assert not fault_proxy.requests

    @pytest.mark.parametrize("switch", ["TESTING", "PROPAGATE_EXCEPTIONS"])
    def test_a_surprise_comes_through_where_flask_lets_it(self, app: Flask, switch: str) -> None:
        app.config[switch] = True

        @app.before_request
        def current_authorizer() -> None:
            raise LookupError("unforeseen")

        with pytest.raises(LookupError, match="unforeseen"):
            app.test_client().get("/api/jobs/never/status")

    def test_a_run_that_is_not_over_in_time_is_504(self, app: Flask, run_gate: RunGate) -> None:
        @app.get("/wait")
        def wait() -> str:
            handle = current_jobs["gated"]
            return str(handle.wait(handle.run_now(run_gate.params).run_id, timeout=1).outcome)

        response = app.test_client().get("/wait")

        assert response.status_code == 504
        assert "It continues" in response.text
