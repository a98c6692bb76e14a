"""Deliveries in the background, while receivers hang, and while the record is unavailable."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from flask_lakeflow_jobs import DatabaseUnavailable
from flask_lakeflow_jobs.following import delivery, delivery_threads
from flask_lakeflow_jobs.following.delivery_threads import DeliveryThreads
from tests.following.conftest import Harness
from tests.support import DEADLINE, wait_until


class TestThread:
    def test_wake_delivers_in_the_background_and_the_thread_ends(self, harness: Harness) -> None:
        others = set(threading.enumerate())
        harness.connect("a")
        harness.send()
        outbox = harness.outbox_with_threads()
        outbox.wake()
        wait_until(lambda: harness.undelivered() == [], "delivery")
        outbox.stop()
        harness.send()
        outbox.wake()
        assert len(harness.undelivered()) == 1
        assert not outboxes_besides(others)

    def test_wake_while_the_last_delivery_ends_delivers_again(self) -> None:
        others, rounds = set(threading.enumerate()), []

        def deliver() -> None:
            rounds.append("round")
            if len(rounds) == 1:
                waking.wake()

        waking = DeliveryThreads(deliver)
        waking.wake()
        wait_until(lambda: len(rounds) > 1 and not outboxes_besides(others), "the thread's end")
        assert len(rounds) == 2

    def test_thread_that_an_interrupt_has_ended_is_started_again(self) -> None:
        others, rounds = set(threading.enumerate()), []

        def deliver() -> None:
            rounds.append("round")
            if len(rounds) == 1:
                raise KeyboardInterrupt

        waking = DeliveryThreads(deliver)
        waking.wake()
        wait_until(lambda: rounds and not outboxes_besides(others), "the interrupted thread's end")
        waking.wake()
        wait_until(lambda: len(rounds) == 2, "the next round")

    def test_deferred_write_is_tried_in_the_background_until_it_succeeds(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery_threads, "FAILURE_WAIT_SECONDS", 0.01)
        outbox, tries = harness.outbox_with_threads(), []

        def write() -> None:
            tries.append("try")
            if len(tries) == 1:
                raise DatabaseUnavailable("It restarts.")

        outbox.defer(write)
        wait_until(lambda: len(tries) == 2, "the second try")
        outbox.stop()

    def test_stopped_outbox_makes_no_further_delivery(self, harness: Harness) -> None:
        others, outbox = set(threading.enumerate()), harness.outbox_with_threads()
        harness.connect("a", outbox.stop)
        for _ in range(2):
            harness.send()
        outbox.wake()
        wait_until(lambda: not outboxes_besides(others), "the thread's end")
        assert len(harness.calls) == 1

    def test_process_that_ends_makes_the_deliveries_that_are_due(self, harness: Harness) -> None:
        others, outbox = set(threading.enumerate()), harness.outbox_with_threads()
        harness.connect("a", fail_once())
        harness.connect("b")
        for _ in range(2):
            harness.send()
        outbox.wake()
        outbox._threads.finish()
        assert len(harness.calls) == 4
        assert len(harness.undelivered()) == 1  # its next try is not due yet
        assert not outboxes_besides(others)

    @pytest.mark.parametrize("limit", [4, 2])
    def test_receiver_that_hangs_delays_no_other(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch, limit: int
    ) -> None:
        monkeypatch.setattr(delivery, "RENEWAL_SECONDS", 0.1)  # no claim expires meanwhile
        monkeypatch.setattr(delivery, "MAX_CALLS_AT_ONCE", limit)
        others, returns = set(threading.enumerate()), threading.Event()
        harness.connect("hanging", lambda: returns.wait(DEADLINE))
        harness.connect("well")
        for _ in range(3):
            harness.send()
        outbox = harness.outbox_with_threads()
        outbox.wake()

        def calls() -> list[str]:
            return sorted(name for name, _ in harness.calls)

        begun = ["hanging"] * min(limit, 3) + ["well"] * 3
        wait_until(lambda: calls() == begun, "calls of the other receiver")
        returns.set()
        wait_until(lambda: harness.undelivered() == [], "results of all receivers")
        wait_until(lambda: not outboxes_besides(others), "the end of the threads")
        assert calls() == ["hanging"] * 3 + ["well"] * 3


def fail_once() -> Callable[[], None]:
    failures = [ConnectionError("The receiver's own.")]

    def fail() -> None:
        if failures:
            raise failures.pop()

    return fail


def outboxes_besides(others: set[threading.Thread]) -> list[threading.Thread]:
    """The threads of outboxes, except those that other tests have left."""
    return [
        thread
        for thread in threading.enumerate()
        if thread.name == "lakeflow-outbox" and thread not in others
    ]
