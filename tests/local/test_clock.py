"""The clocks of the workspace."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import ManualClock, SystemClock
from flask_lakeflow_jobs.local import clock as clock_module
from tests.support import DEADLINE

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
    assert done.wait(DEADLINE)
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


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_system_clock_keeps_delays_when_the_time_is_set(jump: float) -> None:
    offset, calls, done = 0.0, list[str](), threading.Event()
    clock = SystemClock(lambda: time.time() + offset)
    clock.call_at(clock.time() + 600, lambda: calls.append("early"))
    clock.call_at(clock.time() + 0.05, done.set)
    offset = jump
    assert done.wait(DEADLINE)
    done.clear()
    clock.call_at(clock.time() + 0.05, done.set)
    assert done.wait(DEADLINE)
    clock.stop()
    assert calls == []


def test_system_clock_waits_for_times_that_no_thread_can_wait_for() -> None:
    clock, done = SystemClock(), threading.Event()
    clock.call_at(1e30, lambda: None)
    clock.call_at(clock.time(), done.set)
    assert done.wait(DEADLINE)
    clock.stop()


def test_system_clock_calls_where_a_test_freezes_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As freezegun does, but in a way that the deadline of this test goes on."""
    frozen = SimpleNamespace(time=lambda: 5.0, monotonic=lambda: 5.0)
    monkeypatch.setattr(clock_module, "time", frozen)
    clock, done = SystemClock(lambda: 5.0), threading.Event()
    clock.call_at(5.01, done.set)
    assert done.wait(DEADLINE)
    clock.stop()


def test_system_clock_without_a_thread_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    clock = SystemClock()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            clock.call_at(0, lambda: None)
    clock.stop()
