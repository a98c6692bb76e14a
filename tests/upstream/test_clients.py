"""SDK clients: credentials, requests at creation, and the local workspace."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import NotFound, TemporarilyUnavailable
from flask import Flask, request
from requests.exceptions import MissingSchema, SSLError

from flask_lakeflow_jobs import (
    LakeflowJobs,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
    current_jobs,
)
from flask_lakeflow_jobs.local import ensure_workspace, stop_workspace
from flask_lakeflow_jobs.testing import (
    Fault,
    FaultyWorkspace,
    GatewayPage,
    InvalidBody,
    Refusal,
    hash_token,
)
from flask_lakeflow_jobs.upstream.clients import (
    MIN_LOGIN_INTERVAL_SECONDS,
    is_request_failure,
    name_missing,
)
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.support import ALICE, BUNDLE, DEADLINE, RunGate, on_behalf_of

DISCOVERY = "databricks-config"
TOKENS = "oidc/v1/token"


HOST = "https://dbc-1.cloud.databricks.com"


@pytest.mark.parametrize(
    ("arguments", "environ", "missing"),
    [
        ({}, {}, "DATABRICKS_HOST is"),
        ({}, {"DATABRICKS_TOKEN": "t"}, "DATABRICKS_HOST is"),
        ({"token": "t"}, {"DATABRICKS_HOST": ""}, "DATABRICKS_HOST is"),
        ({"host": HOST}, {}, "Neither DATABRICKS_TOKEN nor DATABRICKS_CLIENT_SECRET is"),
        ({"client_id": "c"}, {"DATABRICKS_HOST": HOST}, "Neither DATABRICKS_TOKEN nor "),
        ({"host": HOST}, {"DATABRICKS_TOKEN": "t"}, ""),
        ({"host": HOST, "client_secret": "s"}, {}, ""),
        ({"profile": "p"}, {}, ""),
        ({}, {"DATABRICKS_CONFIG_PROFILE": "p"}, ""),
    ],
)
def test_failed_login_names_what_is_not_set(
    arguments: dict[str, str], environ: dict[str, str], missing: str
) -> None:
    assert name_missing(arguments, environ).startswith(missing)
    assert bool(name_missing(arguments, environ)) is bool(missing)


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (MissingSchema("Invalid URL 'None'"), True),
        (SSLError("self-signed certificate"), True),
        (TemporarilyUnavailable("It restarts."), True),
        (NotFound("No such endpoint."), False),
        (ValueError("no credentials"), False),
    ],
    ids=repr,
)
def test_request_that_failed_is_found_in_the_error_of_a_login(
    cause: Exception, expected: bool
) -> None:
    inner, outer = ValueError("oauth-m2m: …"), ValueError("default auth: …")
    inner.__cause__, outer.__cause__ = cause, inner
    assert is_request_failure(outer) is expected


def test_made_up_tokens_take_the_place_of_no_client(make_app: MakeApp) -> None:
    app = make_app(jobs={"user": {"of": "never", "run_as": "user"}})
    client = app.test_client()
    assert client.get("/api/jobs/user/status", headers=on_behalf_of(ALICE)).status_code == 200
    clients = app.extensions["lakeflow_jobs"].upstream.call_resources.clients
    before = list(clients._entries)

    for number in range(3):
        headers = on_behalf_of(f"made-up-{number}")
        assert client.get("/api/jobs/user/status", headers=headers).status_code == 401

    assert list(clients._entries) == before


class TestAppIdentity:
    def test_no_request_before_the_first_call(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        with make_app().app_context():
            assert "never" in current_jobs
            repr(current_jobs["never"])

        assert not fault_proxy.requests

    def test_simultaneous_calls_create_one_client(
        self, app: Flask, fault_proxy: FaultyWorkspace, in_threads: Callable[..., Any]
    ) -> None:
        def call() -> None:
            with app.app_context():
                current_jobs["never"].run_now()

        for thread in in_threads(*[call] * 8):
            thread.join(DEADLINE)

        assert len(fault_proxy.find_requests(path=DISCOVERY)) <= 1  # none with older SDKs
        assert len(fault_proxy.find_requests("POST", "run-now")) == 8

    def test_workspace_without_discovery_is_accepted(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(404, "ENDPOINT_NOT_FOUND"), path=DISCOVERY)

        with app.app_context():
            assert current_jobs["never"].get_job().job_id

    def test_throttled_discovery_fails_one_call_at_most(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(429, retry_after=3600), path=DISCOVERY, times=1)

        with make_app(LAKEFLOW_JOBS_TIMEOUT=1).app_context():
            first = current_jobs["never"].results.list_runs()
            assert first.ok is (
                not fault_proxy.find_requests("GET", DISCOVERY)
            )  # the oldest SDK has none
            assert current_jobs["never"].results.list_runs().ok

    def test_credentials_of_the_environment_are_used(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABRICKS_HOST", fault_proxy.host)
        monkeypatch.setenv("DATABRICKS_TOKEN", fault_proxy.token)
        app = make_app(DATABRICKS_HOST=None, DATABRICKS_TOKEN=None)

        with app.app_context():
            assert current_jobs["never"].get_job().job_id


class TestClientSecret:
    """The login of an app on Databricks Apps."""

    @pytest.fixture
    def make_oauth_app(self, make_app: MakeApp, fault_proxy: FaultyWorkspace) -> MakeApp:
        return partial(
            make_app,
            DATABRICKS_TOKEN=None,
            DATABRICKS_CLIENT_ID="the-app",
            DATABRICKS_CLIENT_SECRET=fault_proxy.token,
        )

    @pytest.fixture
    def app(self, make_oauth_app: MakeApp) -> Flask:
        return make_oauth_app()

    def test_app_requests_one_token_and_uses_it(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        with app.app_context():
            for _ in range(3):
                current_jobs["never"].run_now()

        assert len(fault_proxy.find_requests("POST", TOKENS)) == 1
        (token,) = {sent.token for sent in fault_proxy.find_requests("POST", "run-now")}
        assert token not in ("", hash_token(fault_proxy.token))

    @pytest.mark.parametrize(
        "refusal",
        [
            Refusal(401, "UNAUTHENTICATED", "Credential was not sent."),
            Refusal(403, "PERMISSION_DENIED", "Invalid access token."),
        ],
        ids=lambda refusal: refusal.error_code,
    )
    def test_token_that_is_no_longer_accepted_is_replaced(
        self, make_oauth_app: MakeApp, fault_proxy: FaultyWorkspace, refusal: Refusal
    ) -> None:
        clock = FakeClock()
        with make_oauth_app(clock=clock).app_context():
            current_jobs["never"].run_now()
            clock.sleep(MIN_LOGIN_INTERVAL_SECONDS)
            fault_proxy.fail(refusal, path="run-now", times=1)
            current_jobs["never"].run_now()

        assert len(fault_proxy.find_requests("POST", TOKENS)) == 2
        assert len(fault_proxy.find_requests("POST", "run-now")) == 3

    def test_new_token_that_is_not_accepted_is_an_error(
        self, make_oauth_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        clock = FakeClock()
        fault_proxy.fail(Refusal(401, "UNAUTHENTICATED"), path="run-now")
        with make_oauth_app(clock=clock).app_context():
            for _ in range(2):
                assert current_jobs["never"].results.run_now().status == 502
            clock.sleep(MIN_LOGIN_INTERVAL_SECONDS)
            assert current_jobs["never"].results.run_now().status == 502

        assert len(fault_proxy.find_requests("POST", TOKENS)) == 2
        assert len(fault_proxy.find_requests("POST", "run-now")) == 4

    @pytest.mark.parametrize(
        "fault", [Refusal(503), Refusal(429), GatewayPage(502), InvalidBody()], ids=repr
    )
    def test_token_endpoint_that_fails_is_asked_again(
        self, app: Flask, fault_proxy: FaultyWorkspace, fault: Fault
    ) -> None:
        fault_proxy.fail(fault, path=TOKENS, times=1)

        with app.app_context():
            assert current_jobs["never"].run_now().run_id

        assert len(fault_proxy.find_requests("POST", TOKENS)) == 2

    def test_token_endpoint_that_keeps_failing_is_a_retryable_error(
        self, make_oauth_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(503), path=TOKENS)

        with (
            make_oauth_app(clock=FakeClock()).app_context(),
            pytest.raises(UpstreamUnavailable) as caught,
        ):
            current_jobs["never"].run_now()

        assert caught.value.retryable
        assert not fault_proxy.find_requests("POST", "run-now")

    def test_workspace_that_cannot_be_reached_is_a_retryable_error(
        self, make_oauth_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        app = make_oauth_app(clock=FakeClock())
        fault_proxy.stop()

        with app.app_context(), pytest.raises(UpstreamUnavailable) as caught:
            current_jobs["never"].run_now()
        fault_proxy.start()

        assert caught.value.retryable
        assert "that this machine can reach it" in str(caught.value)

    def test_user_token_is_used_despite_app_credentials(
        self, app: Flask, fault_proxy: FaultyWorkspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On Databricks Apps, the environment always contains the app's own credentials."""
        monkeypatch.setenv("DATABRICKS_CLIENT_ID", "the-app")
        monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", fault_proxy.token)

        with (
            app.test_request_context(headers=on_behalf_of(ALICE)),
            current_jobs["never"].as_user(request) as handle,
        ):
            handle.run_now()

        assert [sent.token for sent in fault_proxy.find_requests("POST", "run-now")] == [
            hash_token(ALICE)
        ]
        assert not fault_proxy.find_requests("POST", TOKENS)

    def test_error_of_a_rejected_secret_does_not_contain_it(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        app = make_app(
            DATABRICKS_TOKEN=None,
            DATABRICKS_CLIENT_ID="the-app",
            DATABRICKS_CLIENT_SECRET="wrong-secret",
        )

        with app.app_context(), pytest.raises(UpstreamUnauthenticated) as caught:
            current_jobs["never"].get_job()

        assert "DATABRICKS_CLIENT_SECRET" in str(caught.value)
        assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["dapi-to\nken", "“dapi-token”"])
def test_token_that_no_request_can_carry_is_named(make_app: MakeApp, token: str) -> None:
    app = make_app(DATABRICKS_TOKEN=token)

    with app.app_context(), pytest.raises(UpstreamUnauthenticated, match="DATABRICKS_TOKEN"):
        current_jobs["never"].run_now()


def test_config_token_overrides_client_secret_of_the_environment(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Databricks Apps, the environment always contains a client secret."""
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "the-app")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "not the token")

    with make_app().app_context():
        assert current_jobs["never"].get_job().job_id

    assert not fault_proxy.find_requests("POST", TOKENS)


def test_config_client_secret_overrides_token_of_the_environment(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "not the token")
    app = make_app(
        DATABRICKS_TOKEN=None,
        DATABRICKS_CLIENT_ID="the-app",
        DATABRICKS_CLIENT_SECRET=fault_proxy.token,
    )

    with app.app_context():
        assert current_jobs["never"].get_job().job_id

    assert fault_proxy.find_requests("POST", TOKENS)


class TestUserIdentity:
    def test_later_calls_of_a_user_need_no_discovery(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        for _ in range(3):
            with (
                app.test_request_context(headers=on_behalf_of(ALICE)),
                current_jobs["never"].as_user(request) as handle,
            ):
                handle.run_now()

        assert len(fault_proxy.find_requests(path=DISCOVERY)) <= 1
        assert len(fault_proxy.find_requests("POST", "run-now")) == 3


class TestLocalWorkspace:
    """The local workspace of the app's instance folder, in a process of its own."""

    @pytest.fixture
    def app(self, tmp_path: Path) -> Iterator[Flask]:
        instance = tmp_path / "instance"
        app = Flask("app", instance_path=str(instance))
        app.config["LAKEFLOW_JOBS_BUNDLE"] = str(BUNDLE)
        app.config["LAKEFLOW_JOBS_POLL_INTERVAL"] = 0.25
        LakeflowJobs(app)
        with app.app_context():
            yield app
        stop_workspace(instance / "lakeflow")

    def test_jobs_of_the_bundle_run(self, app: Flask) -> None:
        assert {"quick", "pipeline", "gated"} <= set(current_jobs)
        *_, last = current_jobs["quick"].run_and_wait()

        assert last.outcome == "succeeded"

    def test_killed_workspace_is_restarted_with_its_runs(self, app: Flask) -> None:
        before = current_jobs["never"].run_now().run_id
        os.kill(self._pid(app), signal.SIGKILL)

        after = current_jobs["never"].run_now().run_id

        runs = [run.run_id for run in current_jobs["never"].list_runs()]
        assert runs == [after, before]

    def test_watch_continues_after_the_workspace_was_killed(
        self, app: Flask, run_gate: RunGate
    ) -> None:
        watch = current_jobs["gated"].run_and_wait({"job_parameters": run_gate.params})
        assert next(watch).outcome == "running"
        os.kill(self._pid(app), signal.SIGKILL)

        *_, last = watch

        assert last.is_terminal
        assert last.outcome not in ("succeeded", "unknown")

    def test_stopped_workspace_is_restarted_with_its_runs(self, app: Flask) -> None:
        before = current_jobs["never"].run_now().run_id
        stop_workspace(self._folder(app))

        assert current_jobs["never"].get_run(before).run_id == before
        assert current_jobs["never"].run_now().run_id

    def _folder(self, app: Flask) -> Path:
        return Path(app.instance_path) / "lakeflow"

    def _pid(self, app: Flask) -> int:
        return ensure_workspace(self._folder(app), BUNDLE).pid
