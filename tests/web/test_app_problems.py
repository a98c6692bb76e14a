"""Errors in views of the app, and what its own error handlers keep."""

from __future__ import annotations

from contextlib import closing

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.reader import subscribe_to
from flask_lakeflow_jobs.testing import (
    Fault,
    FaultyWorkspace,
    Refusal,
)
from tests.support import DEADLINE, RunGate
from tests.web.problem_documents import document_of


class TestApp:
    """The pages and error handlers of the app stay its own."""

    @pytest.fixture
    def app_client(self, app: Flask) -> FlaskClient:
        @app.errorhandler(404)
        def lost(error: Exception) -> tuple[str, int]:
            return "the app's own page", 404

        @app.errorhandler(403)
        def forbidden(error: Exception) -> tuple[str, int]:
            return "the app's own 403", 403

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

    def test_error_handler_of_the_app_is_not_used_by_the_routes(
        self, app_client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(403), path="runs/list")

        response = app_client.get("/api/jobs/never/runs")

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
    def test_error_in_a_view_of_the_app_has_its_status(
        self,
        app_client: FlaskClient,
        fault_proxy: FaultyWorkspace,
        path: str,
        fault: Fault | None,
        status: int,
    ) -> None:
        if fault is not None:
            fault_proxy.fail(fault, path="run-now")

        response = app_client.get(path)

        assert response.status_code == status
        assert fault_proxy.token not in response.text

    def test_error_that_the_app_handles_is_left_to_it(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        class NotLoggedIn(Exception):
            """An error of a login extension."""

        @app.errorhandler(NotLoggedIn)
        def login(error: Exception) -> tuple[str, int]:
            return "the app's own login", 401

        @app.before_request
        def require_login() -> None:
            raise NotLoggedIn

        response = app.test_client().post("/api/jobs/never/run")

        assert (response.status_code, response.text) == (401, "the app's own login")
        assert not fault_proxy.requests

    @pytest.mark.parametrize("switch", ["TESTING", "PROPAGATE_EXCEPTIONS"])
    def test_unexpected_error_propagates_if_flask_is_configured_so(
        self, app: Flask, switch: str
    ) -> None:
        app.config[switch] = True

        @app.before_request
        def require_login() -> None:
            raise LookupError("surprise")

        with pytest.raises(LookupError, match="surprise"):
            app.test_client().get("/api/jobs/never/status")

    def test_run_timeout_in_a_view_of_the_app_is_504(self, app: Flask, run_gate: RunGate) -> None:
        @app.get("/wait")
        def wait() -> str:
            handle = current_jobs["gated"]
            run_id = handle.run_now(run_gate.params).run_id
            with closing(subscribe_to(handle, run_id)) as subscription:
                assert subscription.wait_for_first(DEADLINE)
                return str(handle.wait(run_id, timeout=0.05).outcome)

        response = app.test_client().get("/wait")

        assert response.status_code == 504
        assert "It continues" in response.text
