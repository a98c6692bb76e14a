"""The thread of a hub is started again, ends, and is done without if it cannot be started."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from flask_lakeflow_jobs.concurrency import run_inline
from flask_lakeflow_jobs.watching import hub as hubs
from flask_lakeflow_jobs.watching.hub import STALLED_SECONDS
from flask_lakeflow_jobs.watching.subscription import Subscription
from flask_lakeflow_jobs.watching.watched_run import RunUpdate
from tests.support import DEADLINE, refuse_threads
from tests.watching.support import (
    ENDED,
    POLL_INTERVAL,
    RUNNING,
    HubHarness,
)


def test_thread_that_stalls_is_started_again_while_a_subscriber_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A subscriber that gets heartbeats would otherwise wait forever."""
    harness = HubHarness(spawn=run_inline)
    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread))
    subscription = harness.subscribe()
    for _ in range(5):
        harness.clock.sleep(STALLED_SECONDS / 4)
        assert subscription.wait(0.0) == []
    assert [thread.name for thread in started] == ["lakeflow-watch"] * 2
    assert "No polls were started for 3" in caplog.text
    for thread in started:  # the first one goes on, like that of a process that was paused
        monkeypatch.setattr(threading, "current_thread", lambda thread=thread: thread)
        if thread is started[1]:
            subscription.close()
            harness.clock.sleep(POLL_INTERVAL)
        harness.hub._run()
    assert harness.hub._thread is None


def test_hub_can_be_used_while_a_stall_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that holds the lock of the log's handler may be one that leaves a run."""
    harness = HubHarness(spawn=run_inline)
    monkeypatch.setattr(hubs, "start_thread", lambda *_: threading.Thread())
    counts: list[int] = []

    class Handler(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            other = threading.Thread(target=lambda: counts.append(harness.hub.subscribed_run_count))
            other.start()
            other.join(DEADLINE)
            counts.append(-1)

    subscription, handler = harness.subscribe(), Handler()
    hubs._log.addHandler(handler)
    try:
        harness.clock.sleep(STALLED_SECONDS + 1)
        assert subscription.wait(0.0) == []
    finally:
        hubs._log.removeHandler(handler)
    assert counts == [1, -1]


def test_thread_goes_on_after_an_error_and_wakes_subscribers_before_the_process_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    harness = HubHarness(spawn=run_inline)
    monkeypatch.setattr(hubs, "TICK_SECONDS", 0.0)
    monkeypatch.setattr(threading.Thread, "start", lambda thread: None)
    subscription = harness.subscribe()
    woken: list[None] = []
    subscription.watched_runs[0].add_listener(lambda: woken.append(None))

    def fail() -> None:
        raise RuntimeError("a bug")

    def end_process() -> None:
        harness.hub.is_closing = lambda: True

    steps: list[Callable[[], object]] = [fail, end_process, harness.hub._watched_runs.clear]
    monkeypatch.setattr(harness.hub, "step", lambda: steps.pop(0)() or 0.0)
    harness.hub._thread = threading.current_thread()
    harness.hub._run()
    assert "Unexpected error" in caplog.text
    assert len(woken) == 1


def wait_in_a_coroutine(subscription: Subscription, timeout: float) -> list[RunUpdate]:
    return asyncio.run(subscription.wait_async(timeout))


@pytest.mark.parametrize("wait", [Subscription.wait, wait_in_a_coroutine])
def test_without_a_thread_for_the_polls_requests_poll(
    monkeypatch: pytest.MonkeyPatch, wait: Callable[[Subscription, float], list[RunUpdate]]
) -> None:
    refuse_threads(monkeypatch)
    harness = HubHarness(spawn=run_inline)
    harness.source.set_response(RUNNING)
    with closing(harness.subscribe()) as subscription:
        assert len(wait(subscription, 0.0)) == 1
        harness.source.set_response(ENDED)
        harness.clock.sleep(POLL_INTERVAL)
        (update,) = wait(subscription, 0.0)
        assert wait(subscription, DEADLINE) == [], "there is nothing to wait for"
    assert update.snapshot is not None
    assert update.snapshot.is_terminal
    assert harness.hub.subscribed_run_count == 0
