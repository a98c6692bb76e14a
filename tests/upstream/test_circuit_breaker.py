"""The circuit breaker: when calls pass."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs import UpstreamUnavailable
from flask_lakeflow_jobs.upstream.circuit_breaker import (
    FAILURE_THRESHOLD,
    RESET_TIMEOUT_SECONDS,
    CircuitBreaker,
)
from tests.clocks import FakeClock

OPENED = ["failure"] * FAILURE_THRESHOLD


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
