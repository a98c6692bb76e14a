"""Calls: which failures are retried, after which delay, when a call ends, and the circuit
breaker."""

from __future__ import annotations

import logging
import math
import traceback
from contextlib import suppress
from typing import Any, cast

import pytest
import requests
from databricks.sdk import errors as sdk
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import (
    LakeflowJobsError,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.upstream.calls import (
    FAILURE_THRESHOLD,
    FIRST_BACKOFF_SECONDS,
    MAX_BACKOFF_SECONDS,
    MIN_ATTEMPT_SECONDS,
    RESET_TIMEOUT_SECONDS,
    Call,
    CallResources,
    CircuitBreaker,
    RetryPolicy,
    choose_retry_delay,
    get_max_delay,
)
from flask_lakeflow_jobs.upstream.clients import Clients
from flask_lakeflow_jobs.upstream.error_mapping import (
    MAX_CODE_CHARS,
    ErrorContext,
)
from flask_lakeflow_jobs.upstream.failures import IncompleteResponse
from tests.clocks import FakeClock

INTERNAL = sdk.InternalError("Oops.")
THROTTLED = sdk.TooManyRequests("Slow down.", retry_after_secs=3)
UNREACHABLE = requests.ConnectTimeout("no route")
INCOMPLETE = IncompleteResponse("no run_id")
NO_API = sdk.NotFound("unable to parse response.")
USER = Identity("users-own-secret")
DENIED = sdk.PermissionDenied("No.")

OPENED = ["failure"] * FAILURE_THRESHOLD


@pytest.mark.parametrize(
    ("error", "attempt", "time_left", "expected"),
    [
        (INTERNAL, 1, 60.0, True),
        (INTERNAL, 4, 60.0, True),
        (INTERNAL, 5, 60.0, False),
        (INTERNAL, 1, FIRST_BACKOFF_SECONDS + MIN_ATTEMPT_SECONDS - 0.001, False),
        (INTERNAL, 1, FIRST_BACKOFF_SECONDS + MIN_ATTEMPT_SECONDS, True),
        (INTERNAL, 4, FIRST_BACKOFF_SECONDS + MIN_ATTEMPT_SECONDS, False),
        (THROTTLED, 1, 3.0, False),
        (THROTTLED, 1, 3.0 + MIN_ATTEMPT_SECONDS, True),
        (UNREACHABLE, 2, 60.0, True),
        (UNREACHABLE, 3, 60.0, False),
        (INCOMPLETE, 2, 60.0, True),
        (INCOMPLETE, 3, 60.0, False),
        (NO_API, 2, 60.0, True),
        (NO_API, 3, 60.0, False),
        (DENIED, 1, 60.0, False),
        (TimeoutError("late"), 1, 60.0, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_policy_retries_transient_errors_with_attempts_and_time_left(
    error: Exception, attempt: int, time_left: float, expected: bool
) -> None:
    assert RetryPolicy(60.0, attempts=5).should_retry(error, attempt, time_left) is expected


@pytest.mark.parametrize("error", [UNREACHABLE, INCOMPLETE, NO_API])
def test_policy_with_fewer_attempts_limits_unpromising_errors(error: Exception) -> None:
    assert not RetryPolicy(60.0, attempts=1).should_retry(error, 1, 60.0)


@given(attempt=st.integers(1, 10_000), seconds=st.none() | st.integers(-10, 3600))
def test_delay_grows_with_jitter_and_respects_retry_after(
    attempt: int, seconds: int | None
) -> None:
    error = sdk.TooManyRequests("Slow down.", retry_after_secs=seconds)
    at_least = max(0, seconds or 0)
    longest = get_max_delay(error, attempt)
    assert longest >= max(at_least, FIRST_BACKOFF_SECONDS)
    assert longest <= max(at_least, MAX_BACKOFF_SECONDS)
    assert max(at_least, longest / 2) <= choose_retry_delay(error, attempt) <= longest


@pytest.mark.parametrize(("attempt", "expected"), [(1, 0.25), (2, 0.5), (3, 1), (4, 2), (5, 2)])
def test_delay_doubles_up_to_its_maximum(attempt: int, expected: float) -> None:
    assert get_max_delay(INTERNAL, attempt) == expected


class FakeClients:
    """Clients that record the calls of their methods."""

    def __init__(self) -> None:
        self.discarded: list[Identity] = []
        self.refused: list[Identity] = []
        self.invalidations = 0

    def get_client(self, identity: Identity) -> Identity:
        return identity

    def discard(self, identity: Identity) -> None:
        self.refused.append(identity)

    def discard_pending(self, identity: Identity) -> None:
        self.discarded.append(identity)

    def renew(self, _: Identity, __: object) -> bool:
        return False

    def invalidate_address(self) -> None:
        self.invalidations += 1


class Calls:
    """Makes calls whose attempts return or raise the next of some results; then the last again."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.clients = FakeClients()
        self.resources = CallResources(cast("Clients", self.clients), self.clock)
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
        context = {"identity": APP, **context}
        return Call(self.resources, "get_job", send, policy, ErrorContext(**context)).run()


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
    logged = [record for record in caplog.records if record.name == "flask_lakeflow_jobs.upstream"]
    assert [record.getMessage() for record in logged] == [
        "A call to the workspace failed and is tried again: Oops.",
        "A call to the workspace failed and is tried again: Slow down.",
    ]


def test_call_logs_and_raises_no_token_and_one_line(
    calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flask_lakeflow_jobs.upstream")
    hostile = "users-own-secret of dapi0123456789\nCRITICAL:root:forged\x1b[2J"
    failure = sdk.TemporarilyUnavailable(hostile, error_code="NO\nCRITICAL:root:forged" * 99)
    failure.__cause__ = ValueError(hostile)
    failure.__cause__.__context__ = ValueError(hostile)

    with pytest.raises(UpstreamError) as failed:
        calls.call(failure, attempts=2, identity=USER)

    trace = "".join(traceback.format_exception(failed.value))
    for text in (caplog.text, trace):
        assert "… of …" in text
        for private in ("users-own-secret", "dapi0123", "forged", "\x1b"):
            assert private not in text
    assert failed.value.upstream_code is not None
    assert len(failed.value.upstream_code) <= MAX_CODE_CHARS + 1
    assert "\n" not in failed.value.upstream_code


@pytest.mark.parametrize(
    ("failure", "identity", "expected"),
    [
        (sdk.Unauthenticated("Invalid token."), USER, [USER]),
        (sdk.PermissionDenied("Invalid access token."), USER, [USER]),
        (DENIED, USER, []),
        (sdk.Unauthenticated("Invalid token."), APP, []),
    ],
)
def test_call_with_a_refused_user_token_keeps_no_client(
    calls: Calls, failure: Exception, identity: Identity, expected: list[Identity]
) -> None:
    with pytest.raises(LakeflowJobsError):
        calls.call(failure, identity=identity)
    assert calls.clients.refused == expected


def test_call_retries_until_its_timeout(calls: Calls) -> None:
    with pytest.raises(UpstreamError) as failed:
        calls.call(INTERNAL, timeout=20.0)
    assert failed.value.__cause__ is INTERNAL
    last_start = 20.0 - MIN_ATTEMPT_SECONDS
    assert last_start - MAX_BACKOFF_SECONDS <= calls.clock.elapsed <= last_start
    assert calls.attempts > 10


def test_call_takes_no_longer_than_the_thread_may(calls: Calls) -> None:
    """A sync worker of gunicorn is killed with a request that takes too long."""
    calls.resources.get_max_timeout = lambda: 7.0
    with pytest.raises(UpstreamError):
        calls.call(INTERNAL, timeout=120.0)
    last_start = 7.0 - MIN_ATTEMPT_SECONDS
    assert last_start - MAX_BACKOFF_SECONDS <= calls.clock.elapsed <= last_start


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
    late = TimeoutError("late")
    for each in [late] * (FAILURE_THRESHOLD - 1) + [result, late]:
        with suppress(LakeflowJobsError):
            calls.call(each)
    assert calls.call("result") == "result"


@pytest.mark.parametrize(
    ("results", "is_repeatable", "is_ambiguous"),
    [
        ([INTERNAL], False, True),
        ([INTERNAL, DENIED], False, True),
        ([THROTTLED], False, False),
        ([sdk.TemporarilyUnavailable("Back soon.")], False, False),
        ([DENIED], False, False),
        ([INTERNAL], True, False),
    ],
    ids=["ambiguous", "ambiguous once", "throttled", "unavailable", "denied", "repeatable"],
)
def test_error_of_an_ambiguous_call_is_not_retryable(
    calls: Calls, results: list[Exception], is_repeatable: bool, is_ambiguous: bool
) -> None:
    with pytest.raises(LakeflowJobsError) as failed:
        calls.call(*results, timeout=10.0, is_repeatable=is_repeatable)
    assert failed.value.is_ambiguous is (INTERNAL in results)
    assert ("Check before you retry" in failed.value.detail) is is_ambiguous
    assert failed.value.retryable is (not is_ambiguous and results[-1] is not DENIED)


class Circuit:
    """A circuit breaker with a history, one word an event."""

    def __init__(self, *events: str) -> None:
        self.clock = FakeClock()
        self.breaker = CircuitBreaker(self.clock.monotonic)
        for event in events:
            if event == "failure":
                self.breaker.record_failure()
            elif event == "response":
                self.breaker.record_response()
            elif event == "reset timeout":
                self.clock.sleep(RESET_TIMEOUT_SECONDS)
            else:
                assert self.lets_pass() is (event == "call")

    def lets_pass(self) -> bool:
        try:
            self.breaker.check()
        except UpstreamUnavailable:
            return False
        return True


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], True),
        (OPENED[1:], True),
        (OPENED, False),
        ([*OPENED[1:], "response", *OPENED[1:]], True),
        ([*OPENED, "reset timeout"], True),
        ([*OPENED, "reset timeout", "call"], False),
        ([*OPENED, "reset timeout", "call", "suspended call", "reset timeout"], True),
        ([*OPENED, "reset timeout", "call", "failure"], False),
        ([*OPENED, "reset timeout", "call", "failure", "reset timeout"], True),
        ([*OPENED, "reset timeout", "call", "response"], True),
        ([*OPENED, "reset timeout", "call", "response", *OPENED[1:]], True),
        ([*OPENED, "reset timeout", "call", "response", *OPENED], False),
    ],
    ids=[
        "new",
        "below the threshold",
        "open",
        "failures that are not consecutive",
        "half-open",
        "half-open during its call",
        "half-open again without a result",
        "open after the failure of its call",
        "half-open again after a failure",
        "closed by a response",
        "below the threshold again",
        "open again",
    ],
)
def test_call_passes_unless_open(events: list[str], expected: bool) -> None:
    assert Circuit(*events).lets_pass() is expected


def test_open_circuit_says_when_to_retry() -> None:
    circuit = Circuit(*OPENED)
    circuit.clock.sleep(RESET_TIMEOUT_SECONDS / 2)
    with pytest.raises(UpstreamUnavailable, match="Calls are suspended") as suspended:
        circuit.breaker.check()
    assert suspended.value.retryable
    assert suspended.value.retry_seconds == RESET_TIMEOUT_SECONDS / 2


def test_opening_and_closing_are_logged_once_each(caplog: pytest.LogCaptureFixture) -> None:
    breaker = CircuitBreaker(FakeClock().monotonic)
    states = []
    for record in [breaker.record_failure] * (FAILURE_THRESHOLD + 2) + [
        breaker.record_response
    ] * 2:
        record()
        states.append(breaker.is_open)
    assert states == [False] * (FAILURE_THRESHOLD - 1) + [True] * 3 + [False] * 2
    opened, closed = caplog.messages
    assert "did not respond to 5 calls in a row" in opened
    assert closed == "The workspace responds again. The circuit breaker is closed."
    assert {record.name for record in caplog.records} == {"flask_lakeflow_jobs.upstream"}
