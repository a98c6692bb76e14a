"""Calls: which failures are retried, after which delay, and when a call ends."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import requests
from databricks.sdk import errors as sdk
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

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
from flask_lakeflow_jobs.identity import APP, Identity
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
from flask_lakeflow_jobs.upstream.calls import (
    FIRST_BACKOFF_SECONDS,
    MAX_BACKOFF_SECONDS,
    Caller,
    RetryPolicy,
    choose_delay,
    max_delay,
)
from flask_lakeflow_jobs.upstream.circuit_breaker import FAILURE_THRESHOLD
from flask_lakeflow_jobs.upstream.clients import Clients
from flask_lakeflow_jobs.upstream.error_mapping import ErrorContext, IncompleteResponse
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.upstream.support import GRACE_SECONDS, SHORT_SECONDS, TRANSIENT_FAULTS

INTERNAL = sdk.InternalError("Oops.")
THROTTLED = sdk.TooManyRequests("Slow down.", retry_after_secs=3)
UNREACHABLE = requests.ConnectTimeout("no route")
INCOMPLETE = IncompleteResponse("no run_id")
DENIED = sdk.PermissionDenied("No.")


@pytest.mark.parametrize(
    ("error", "attempt", "time_left", "expected"),
    [
        (INTERNAL, 1, 60.0, True),
        (INTERNAL, 4, 60.0, True),
        (INTERNAL, 5, 60.0, False),
        (INTERNAL, 1, FIRST_BACKOFF_SECONDS, False),
        (INTERNAL, 1, FIRST_BACKOFF_SECONDS + 0.001, True),
        (INTERNAL, 4, FIRST_BACKOFF_SECONDS, False),
        (THROTTLED, 1, 3.0, False),
        (THROTTLED, 1, 3.1, True),
        (UNREACHABLE, 2, 60.0, True),
        (UNREACHABLE, 3, 60.0, False),
        (INCOMPLETE, 2, 60.0, True),
        (INCOMPLETE, 3, 60.0, False),
        (DENIED, 1, 60.0, False),
        (TimeoutError("late"), 1, 60.0, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_policy_retries_transient_errors_with_attempts_and_time_left(
    error: Exception, attempt: int, time_left: float, expected: bool
) -> None:
    assert RetryPolicy(60.0, attempts=5).should_retry(error, attempt, time_left) is expected


@pytest.mark.parametrize("error", [UNREACHABLE, INCOMPLETE])
def test_policy_with_fewer_attempts_limits_unpromising_errors(error: Exception) -> None:
    assert not RetryPolicy(60.0, attempts=1).should_retry(error, 1, 60.0)


@given(attempt=st.integers(1, 10_000), seconds=st.none() | st.integers(-10, 3600))
def test_delay_grows_with_jitter_and_respects_retry_after(
    attempt: int, seconds: int | None
) -> None:
    error = sdk.TooManyRequests("Slow down.", retry_after_secs=seconds)
    at_least = max(0, seconds or 0)
    longest = max_delay(error, attempt)
    assert longest >= max(at_least, FIRST_BACKOFF_SECONDS)
    assert longest <= max(at_least, MAX_BACKOFF_SECONDS)
    assert max(at_least, longest / 2) <= choose_delay(error, attempt) <= longest


@pytest.mark.parametrize(("attempt", "expected"), [(1, 0.25), (2, 0.5), (3, 1), (4, 2), (5, 2)])
def test_delay_doubles_up_to_its_maximum(attempt: int, expected: float) -> None:
    assert max_delay(INTERNAL, attempt) == expected


class FakeClients:
    """Clients that record what calls tell them."""

    def __init__(self) -> None:
        self.discarded: list[Identity] = []
        self.invalidations = 0

    def client(self, identity: Identity) -> Identity:
        return identity

    def discard_pending(self, identity: Identity) -> None:
        self.discarded.append(identity)

    def invalidate_address(self) -> None:
        self.invalidations += 1


class Calls:
    """Makes calls whose attempts return or raise the next of some results; then the last again."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.clients = FakeClients()
        self.caller = Caller(cast("Clients", self.clients), self.clock)
        self.attempts = 0

    def call(
        self, *results: Any, timeout: float = 60.0, attempts: float = math.inf, **context: Any
    ) -> Any:
        remaining = list(results)
        self.attempts = 0

        def send(_: object) -> Any:
            self.attempts += 1
            result = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            if isinstance(result, Exception):
                raise result
            return result

        policy = RetryPolicy(timeout, attempts)
        return self.caller.call("get_job", send, policy, ErrorContext(APP, **context))


@pytest.fixture
def calls() -> Calls:
    return Calls()


def test_call_returns_the_result_of_its_last_attempt(
    calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flask_lakeflow_jobs.upstream")
    assert calls.call(INTERNAL, THROTTLED, "result") == "result"
    assert calls.attempts == 3
    assert 3.0 + FIRST_BACKOFF_SECONDS / 2 <= calls.clock.elapsed <= 3.0 + FIRST_BACKOFF_SECONDS
    assert caplog.messages == [
        "A call to the workspace failed and is tried again: Oops.",
        "A call to the workspace failed and is tried again: Slow down.",
    ]


def test_call_retries_until_its_timeout(calls: Calls) -> None:
    with pytest.raises(UpstreamError) as failed:
        calls.call(INTERNAL, timeout=20.0)
    assert failed.value.__cause__ is INTERNAL
    assert 20.0 - MAX_BACKOFF_SECONDS <= calls.clock.elapsed < 20.0
    assert calls.attempts > 10


def test_call_without_time_left_makes_no_attempt(calls: Calls) -> None:
    with pytest.raises(UpstreamTimeout):
        calls.call("result", timeout=0.0)
    assert calls.attempts == 0


def test_call_to_an_unreachable_local_workspace_finds_it_again(calls: Calls) -> None:
    with pytest.raises(UpstreamTimeout):
        calls.call(UNREACHABLE)
    assert (calls.attempts, calls.clients.invalidations) == (3, 2)


def test_call_that_times_out_discards_a_pending_client(calls: Calls) -> None:
    with pytest.raises(UpstreamTimeout):
        calls.call(TimeoutError("late"))
    assert calls.clients.discarded == [APP]


@pytest.mark.parametrize("error", [TimeoutError("late"), UNREACHABLE], ids=["late", "unreachable"])
def test_calls_without_response_open_the_circuit(calls: Calls, error: Exception) -> None:
    for _ in range(FAILURE_THRESHOLD):
        with pytest.raises(UpstreamTimeout):
            calls.call(error)
    with pytest.raises(UpstreamUnavailable, match="Calls are suspended"):
        calls.call("result")
    assert calls.attempts == 0
    calls.clock.sleep(60.0)
    assert calls.call("result") == "result"


@pytest.mark.parametrize("result", [DENIED, "result"], ids=["error", "result"])
def test_response_closes_the_circuit(calls: Calls, result: Any) -> None:
    for answer in [TimeoutError("late")] * (FAILURE_THRESHOLD - 1) + [result] + [TimeoutError()]:
        try:
            calls.call(answer)
        except LakeflowJobsError:
            assert isinstance(answer, Exception)
    assert calls.call("result") == "result"


@pytest.mark.parametrize(
    ("results", "is_repeatable", "is_ambiguous"),
    [
        ([INTERNAL], False, True),
        ([INTERNAL, DENIED], False, True),
        ([THROTTLED], False, False),
        ([DENIED], False, False),
        ([INTERNAL], True, False),
    ],
    ids=["ambiguous", "ambiguous once", "throttled", "denied", "repeatable"],
)
def test_error_of_an_ambiguous_call_is_not_retryable(
    calls: Calls, results: list[Exception], is_repeatable: bool, is_ambiguous: bool
) -> None:
    with pytest.raises(LakeflowJobsError) as failed:
        calls.call(*results, timeout=10.0, is_repeatable=is_repeatable)
    assert ("Check before you retry" in failed.value.detail) is is_ambiguous
    assert failed.value.retryable is (not is_ambiguous and results[-1] is not DENIED)


class SoftTimeLimitExceeded(Exception):
    """Raised by a signal handler, as Celery does when the time of a task is up."""


def test_signal_handler_in_the_caller_is_not_an_upstream_error(
    fault_proxy: FaultyWorkspace, app: Flask
) -> None:
    def interrupt(*_: object) -> None:
        raise SoftTimeLimitExceeded

    def hold(exchange: Exchange) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        exchange.respond(exchange.forward())

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        fault_proxy.fail(hold, path="jobs/get")
        with app.app_context(), pytest.raises(SoftTimeLimitExceeded):
            current_jobs["never"].get_job()
    finally:
        signal.signal(signal.SIGUSR1, before)


class TestOverHttp:
    """Calls through the SDK to a workspace that fails. Limits are generous: machines vary."""

    @pytest.fixture(autouse=True)
    def _app_context(self, app: Flask) -> Iterator[None]:
        with app.app_context():
            yield

    @pytest.mark.parametrize("fault", TRANSIENT_FAULTS, ids=repr)
    def test_read_is_retried_after_a_transient_fault(
        self, fault_proxy: FaultyWorkspace, fault: Fault
    ) -> None:
        fault_proxy.fail(fault, path="jobs/get", times=1)

        assert current_jobs["never"].get_job().job_id
        assert len(fault_proxy.find_requests("GET", "jobs/get")) == 2

    @pytest.mark.parametrize("attempts", [1, 2, 4])
    def test_read_attempts_setting_limits_attempts(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, attempts: int
    ) -> None:
        fault_proxy.fail(Refusal(500), path="jobs/get")
        app = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=attempts)
        with app.app_context(), pytest.raises(UpstreamError):
            current_jobs["never"].get_job()

        assert len(fault_proxy.find_requests("GET", "jobs/get")) == attempts

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Refusal(400), UpstreamError),
            (Refusal(401), UpstreamUnauthenticated),
            (Refusal(403), NotAllowed),
            (Refusal(404), JobNotFound),
            (Refusal(409), Conflict),
            (Refusal(501), UpstreamError),
        ],
        ids=repr,
    )
    def test_permanent_error_is_not_retried(
        self, fault_proxy: FaultyWorkspace, fault: Fault, error: type[LakeflowJobsError]
    ) -> None:
        fault_proxy.fail(fault, path="jobs/get")

        with pytest.raises(error) as caught:
            current_jobs["never"].get_job()

        assert type(caught.value) is error
        assert not caught.value.retryable
        assert len(fault_proxy.find_requests("GET", "jobs/get")) == 1

    @pytest.mark.parametrize(
        ("fault", "error", "status"),
        [
            (Refusal(429, retry_after=1), UpstreamThrottled, 429),
            (Refusal(500), UpstreamError, 502),
            (GatewayPage(502), UpstreamError, 502),
            (GatewayPage(503), UpstreamUnavailable, 503),
            (Refusal(503), UpstreamUnavailable, 503),
            (Refusal(504), UpstreamTimeout, 504),
            (Drop(), UpstreamUnavailable, 503),
            (InvalidBody(), UpstreamError, 502),
            (InvalidBody(body=b"<html>in</html>", content_type="text/html"), UpstreamError, 502),
            (InvalidBody(body=b"[]"), UpstreamError, 502),
            (InvalidBody(body=b"null"), UpstreamError, 502),
        ],
        ids=repr,
    )
    def test_persistent_fault_has_its_error(
        self,
        make_app: MakeApp,
        fault_proxy: FaultyWorkspace,
        fault: Fault,
        error: type[LakeflowJobsError],
        status: int,
    ) -> None:
        fault_proxy.fail(fault, path="jobs/get")
        app = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=1)
        with app.app_context(), pytest.raises(LakeflowJobsError) as caught:
            current_jobs["never"].get_job()

        assert (type(caught.value), caught.value.code) == (error, status)

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(("call", "path"), [("get_job", "jobs/get"), ("run_now", "run-now")])
    def test_retry_after_beyond_the_timeout_is_passed_on_at_once(
        self, fault_proxy: FaultyWorkspace, status: int, call: str, path: str
    ) -> None:
        fault_proxy.fail(Refusal(status, retry_after=3600), path=path)
        began = time.monotonic()

        with pytest.raises(UpstreamError) as caught:
            getattr(current_jobs["never"], call)()

        assert (caught.value.code, caught.value.retry_seconds) == (status, 3600)
        assert time.monotonic() - began < 30
        assert len(fault_proxy.find_requests(path=path)) == 1

    @pytest.mark.parametrize(
        "fault", [Silence(), Silence(accepted=True), SlowBody(0.2), Refusal(500)], ids=repr
    )
    @pytest.mark.parametrize("call", ["get_job", "run_now"])
    def test_call_ends_within_its_timeout(
        self, short_timeouts: Flask, fault_proxy: FaultyWorkspace, fault: Fault, call: str
    ) -> None:
        fault_proxy.fail(fault)
        began = time.monotonic()

        with pytest.raises(UpstreamError) as caught:
            getattr(current_jobs["never"], call)()

        assert time.monotonic() - began < SHORT_SECONDS + GRACE_SECONDS
        assert caught.value.code in (502, 504)
        assert caught.value.retryable is (call == "get_job")

    @pytest.mark.parametrize(
        "path", ["databricks-config", "oauth-authorization-server", "oidc/v1/token"]
    )
    def test_login_without_response_ends_within_the_timeout(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, path: str
    ) -> None:
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
        assert time.monotonic() - began < SHORT_SECONDS + GRACE_SECONDS

    def test_timeout_setting_overrides_read_and_write_timeouts(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        app = make_app(
            LAKEFLOW_JOBS_TIMEOUT=SHORT_SECONDS,
            LAKEFLOW_JOBS_READ_TIMEOUT=3600,
            LAKEFLOW_JOBS_WRITE_TIMEOUT=3600,
        )
        fault_proxy.fail(Silence(), path="jobs/get")
        fault_proxy.fail(Silence(), path="run-now")
        began = time.monotonic()
        with app.app_context():
            for call in (current_jobs["never"].get_job, current_jobs["never"].run_now):
                with pytest.raises(UpstreamTimeout):
                    call()

        assert time.monotonic() - began < 2 * SHORT_SECONDS + GRACE_SECONDS

    def test_hanging_call_does_not_block_other_calls(
        self, fault_proxy: FaultyWorkspace, in_threads: Callable[..., Any]
    ) -> None:
        fault_proxy.fail(Silence(), path="jobs/get", times=1)
        (hanging,) = in_threads(current_jobs["never"].results.get_job)
        fault_proxy.wait_for(path="jobs/get")

        assert current_jobs["never"].run_now().run_id

        assert hanging.is_alive()
        fault_proxy.stop()  # breaks the hanging connection; the retry cannot connect
        hanging.join(30)
        fault_proxy.start()

    def test_write_that_timed_out_during_login_is_not_sent(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        may_log_in = threading.Event()

        def hold(exchange: Exchange) -> None:
            may_log_in.wait(30)
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
            fault_proxy.wait_for(path="oidc/v1/token")
            assert current_jobs["never"].get_job().job_id

        assert not fault_proxy.find_requests("POST", "run-now")

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503, 504])
    def test_error_contains_no_token_and_no_configuration(
        self, fault_proxy: FaultyWorkspace, status: int
    ) -> None:
        refusal = Refusal(status, message="You shall not pass", retry_after=3600)
        fault_proxy.fail(refusal, path="jobs/get")

        with pytest.raises(LakeflowJobsError) as caught:
            current_jobs["never"].get_job()

        text = f"{caught.value} {caught.value.detail} {caught.value!r}"
        for secret in (fault_proxy.token, "Config:", "host=", "auth_type", "Traceback"):
            assert secret not in text
