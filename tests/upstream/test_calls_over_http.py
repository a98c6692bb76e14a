"""Calls through the SDK to a workspace that fails. Limits are generous: machines vary."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import (
    Conflict,
    JobNotFound,
    LakeflowJobsError,
    NotAllowed,
    UpstreamError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
    current_jobs,
)
from flask_lakeflow_jobs.testing import (
    Drop,
    Exchange,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    InvalidBody,
    Refusal,
    Silence,
    SlowBody,
)
from tests.conftest import MakeApp
from tests.support import DEADLINE
from tests.upstream.support import SDK_TIMEOUT_SECONDS, SHORT_SECONDS, TRANSIENT_FAULTS

pytestmark = pytest.mark.usefixtures("app_context")


class SoftTimeLimitExceeded(Exception):
    """Raised by a signal handler, as Celery does if a task exceeds its time limit."""


def test_signal_handler_in_the_caller_is_not_an_upstream_error(
    fault_proxy: FaultyWorkspace,
) -> None:
    def interrupt(*_: object) -> None:
        raise SoftTimeLimitExceeded

    def hold(exchange: Exchange) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        exchange.respond(exchange.forward())

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        fault_proxy.fail(hold, path="jobs/get")
        with pytest.raises(SoftTimeLimitExceeded):
            current_jobs["never"].get_job()
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("fault", TRANSIENT_FAULTS, ids=repr)
def test_read_is_retried_after_a_transient_fault(
    fault_proxy: FaultyWorkspace, fault: Fault
) -> None:
    fault_proxy.fail(fault, path="jobs/get", times=1)

    assert current_jobs["never"].get_job().job_id
    assert len(fault_proxy.find_requests("GET", "jobs/get")) == 2


@pytest.mark.parametrize(
    ("fault", "error", "status", "attempts"),
    [
        (Refusal(400), UpstreamError, 502, 1),
        (Refusal(401), UpstreamUnauthenticated, 502, 1),
        (Refusal(403), NotAllowed, 403, 1),
        (Refusal(404), JobNotFound, 404, 1),
        (Refusal(409), Conflict, 409, 1),
        (Refusal(501), UpstreamError, 502, 1),
        (Refusal(429, retry_after=0), UpstreamThrottled, 429, 2),
        (Refusal(500), UpstreamError, 502, 2),
        (GatewayPage(502), UpstreamError, 502, 2),
        (GatewayPage(503), UpstreamUnavailable, 503, 2),
        (Refusal(503), UpstreamUnavailable, 503, 2),
        (Refusal(504), UpstreamTimeout, 504, 2),
        (Drop(), UpstreamUnavailable, 503, 2),
        (InvalidBody(), UpstreamError, 502, 2),
        (InvalidBody(body=b"<html>in</html>", content_type="text/html"), UpstreamError, 502, 2),
        (InvalidBody(body=b"[]"), UpstreamError, 502, 2),
        (InvalidBody(body=b"null"), UpstreamError, 502, 2),
    ],
    ids=repr,
)
def test_persistent_fault_has_its_error_after_its_attempts(
    make_app: MakeApp,
    fault_proxy: FaultyWorkspace,
    fault: Fault,
    error: type[LakeflowJobsError],
    status: int,
    attempts: int,
) -> None:
    fault_proxy.fail(fault, path="jobs/get")
    app = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=2)
    with app.app_context(), pytest.raises(LakeflowJobsError) as caught:
        current_jobs["never"].get_job()

    assert (type(caught.value), caught.value.code) == (error, status)
    assert caught.value.retryable is (attempts == 2)
    assert len(fault_proxy.find_requests("GET", "jobs/get")) == attempts


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("call", "path"), [("get_job", "jobs/get"), ("run_now", "run-now")])
def test_retry_after_beyond_the_timeout_is_passed_on_at_once(
    fault_proxy: FaultyWorkspace, status: int, call: str, path: str
) -> None:
    fault_proxy.fail(Refusal(status, retry_after=3600), path=path)
    began = time.monotonic()

    with pytest.raises(UpstreamError) as caught:
        getattr(current_jobs["never"], call)()

    assert (caught.value.code, caught.value.retry_seconds) == (status, 3600)
    assert time.monotonic() - began < SDK_TIMEOUT_SECONDS
    assert len(fault_proxy.find_requests(path=path)) == 1


def test_retry_after_that_no_clock_can_count_is_ignored(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(Refusal(429, retry_after=10**400), path="jobs/get")
    app = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=1)
    with app.app_context(), pytest.raises(UpstreamThrottled) as caught:
        current_jobs["never"].get_job()
    assert caught.value.retry_seconds == 1


@pytest.mark.parametrize(
    "fault", [Silence(), Silence(accepted=True), SlowBody(0.2), Refusal(500)], ids=repr
)
@pytest.mark.parametrize("call", ["get_job", "run_now"])
def test_call_ends_within_its_timeout(
    short_timeouts: Flask, fault_proxy: FaultyWorkspace, fault: Fault, call: str
) -> None:
    fault_proxy.fail(fault)
    began = time.monotonic()

    with pytest.raises(UpstreamError) as caught:
        getattr(current_jobs["never"], call)()

    assert time.monotonic() - began < SDK_TIMEOUT_SECONDS
    assert caught.value.code in (502, 504)
    assert caught.value.retryable is (call == "get_job")


@pytest.mark.parametrize(
    "path", ["databricks-config", "oauth-authorization-server", "oidc/v1/token"]
)
def test_login_without_response_ends_within_the_timeout(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, path: str
) -> None:
    current_jobs["never"].get_job()  # this loads the SDK, so that the other app asks in time
    fault_proxy.fail(Silence(), path=path)
    app = make_app(
        DATABRICKS_TOKEN=None,
        DATABRICKS_CLIENT_ID="the-app",
        DATABRICKS_CLIENT_SECRET=fault_proxy.token,
        LAKEFLOW_JOBS_READ_TIMEOUT=SHORT_SECONDS,
    )
    began = time.monotonic()

    with app.app_context():
        result = current_jobs["never"].results.get_job()

    was_requested = bool(fault_proxy.find_requests(path=path))  # older SDKs have no discovery
    assert result.status == (504 if was_requested else None)
    assert time.monotonic() - began < SDK_TIMEOUT_SECONDS


def test_hanging_call_does_not_block_other_calls(
    fault_proxy: FaultyWorkspace, in_threads: Callable[..., Any]
) -> None:
    fault_proxy.fail(Silence(), path="jobs/get", times=1)
    (hanging,) = in_threads(current_jobs["never"].results.get_job)
    fault_proxy.wait_for(path="jobs/get", timeout=DEADLINE)

    assert current_jobs["never"].run_now().run_id

    assert hanging.is_alive()
    fault_proxy.stop()  # breaks the hanging connection; the retry cannot connect
    hanging.join(DEADLINE)
    fault_proxy.start()


def test_write_that_timed_out_during_login_is_not_sent(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    may_log_in = threading.Event()

    def hold(exchange: Exchange) -> None:
        may_log_in.wait(DEADLINE)
        exchange.respond(exchange.forward())

    fault_proxy.fail(hold, path="oidc/v1/token")
    app = make_app(
        DATABRICKS_TOKEN=None,
        DATABRICKS_CLIENT_ID="the-app",
        DATABRICKS_CLIENT_SECRET=fault_proxy.token,
        LAKEFLOW_JOBS_WRITE_TIMEOUT=SHORT_SECONDS,
    )
    with app.app_context():
        with pytest.raises(UpstreamTimeout):
            current_jobs["never"].run_now()
        may_log_in.set()
        fault_proxy.wait_for(path="oidc/v1/token", timeout=DEADLINE)
        assert current_jobs["never"].get_job().job_id

    assert not fault_proxy.find_requests("POST", "run-now")
