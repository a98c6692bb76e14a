"""The clocks of the workspace."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import ManualClock, SystemClock

SECONDS = st.integers(0, 100)


@given(st.lists(SECONDS), st.lists(SECONDS, max_size=5))
def test_manual_clock_calls_in_order_at_the_given_times(
    delays: list[int], advances: list[int]
) -> None:
    clock = ManualClock(0.0)
    calls: list[tuple[int, float]] = []
    for delay in delays:
        clock.call_at(delay, lambda delay=delay: calls.append((delay, clock.time())))  # type: ignore[misc]
    for seconds in advances:
        clock.advance(seconds)
    assert clock.time() == sum(advances)
    due = sorted(delay for delay in delays if advances and delay <= sum(advances))
    assert calls == [(delay, delay) for delay in due]


def test_manual_clock_calls_what_a_callback_adds_in_the_same_advance() -> None:
    clock = ManualClock(0.0)
    calls: list[float] = []
    clock.call_at(1, lambda: clock.call_at(3, lambda: calls.append(clock.time())))
    clock.advance(2)
    assert calls == []
    clock.advance(2)
    assert calls == [3.0]


def test_system_clock_calls_in_order_of_time(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("a failure of a callback")

    clock = SystemClock()
    calls: list[str] = []
    done = threading.Event()
    now = time.time()
    clock.call_at(now + 0.1, done.set)
    clock.call_at(now + 0.05, lambda: calls.append("second"))
    clock.call_at(now, fail)
    clock.call_at(now, lambda: calls.append("first"))
    assert done.wait(30)
    clock.stop()
    assert calls == ["first", "second"]
    assert "a failure of a callback" in caplog.text


def test_system_clock_calls_nothing_after_stop() -> None:
    clock = SystemClock()
    calls: list[str] = []
    other_threads = set(threading.enumerate())
    clock.call_at(time.time() + 0.05, lambda: calls.append("late"))
    clock.stop()
    remaining = set(threading.enumerate()) - other_threads
    assert not any(thread.name == "clock" for thread in remaining)
    assert calls == []
