"""Deliveries of ends: names of receivers, retries and their results."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest
from blinker import NamedSignal
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import DatabaseUnavailable
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.following import delivery
from flask_lakeflow_jobs.following.delivery import (
    MAX_ATTEMPTS,
    MAX_RETRY_SECONDS,
    MAX_WAIT_SECONDS,
    Outbox,
    name_receivers,
    receiver_name,
    retry_delay,
)
from tests.following.conftest import Harness
from tests.support import DEADLINE, wait_until


@given(st.integers(1, MAX_ATTEMPTS - 1))
def test_retry_delay_grows_to_its_maximum(attempts: int) -> None:
    delay = retry_delay(attempts)
    assert delay is not None
    assert 0 < delay <= MAX_RETRY_SECONDS
    assert attempts == 1 or delay >= (retry_delay(attempts - 1) or 0)


def test_retry_delay_after_the_last_attempt_is_none() -> None:
    assert retry_delay(MAX_ATTEMPTS) is None


def receive(_: Flask, **__: Any) -> None:
    """A receiver in a module."""


class Receivers:
    def method(self, _: Flask, **__: Any) -> None: ...

    def __call__(self, _: Flask, **__: Any) -> None: ...


@pytest.mark.parametrize(
    ("receiver", "name"),
    [
        (receive, "receive"),
        (partial(receive, extra=1), "receive"),
        (Receivers().method, "Receivers.method"),
        (Receivers(), "Receivers"),
    ],
)
def test_receiver_name_is_module_and_qualified_name(receiver: Any, name: str) -> None:
    assert receiver_name(receiver) == f"{__name__}.{name}"


def test_name_receivers_numbers_equal_names_in_the_order_of_connection() -> None:
    signal, app = NamedSignal("s"), Flask("app")
    receivers = [lambda _, number=number, **__: number for number in range(20)]
    for receiver in receivers:
        signal.connect(receiver)
    names = name_receivers(signal, app)
    assert [*names.values()] == receivers
    assert [name.rpartition("<lambda>")[2] for name in names] == [
        "",
        *(f"#{number}" for number in range(2, 21)),
    ]


def test_name_receivers_leaves_out_those_of_other_apps() -> None:
    signal, app, other = NamedSignal("s"), Flask("app"), Flask("other")
    signal.connect(receive, other)
    assert name_receivers(signal, app) == {}
    assert [*name_receivers(signal, other).values()] == [receive]


class TestOutbox:
    def test_deliver_due_calls_each_receiver_once(self, harness: Harness) -> None:
        harness.connect("a")
        harness.connect("b")
        sent = harness.send()
        assert len({*sent.values()}) == 2
        first, second = harness.outbox(), harness.outbox()
        assert (first.deliver_due(), second.deliver_due(), first.deliver_due()) == (None,) * 3
        assert sorted(harness.calls) == sorted(sent.items())
        assert harness.undelivered() == []

    def test_deliver_due_gives_nothing_to_a_receiver_connected_later(
        self, harness: Harness
    ) -> None:
        harness.connect("a")
        harness.send()
        harness.connect("late")
        harness.outbox().deliver_due()
        assert [name for name, _ in harness.calls] == ["a"]

    def test_deliver_due_needs_no_thread_to_renew_its_claim(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: threading.Timer) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Timer, "start", fail)
        harness.connect("a")
        harness.send()
        assert harness.outbox().deliver_due() is None
        assert [name for name, _ in harness.calls] == ["a"]

    def test_end_without_receivers_has_no_deliveries(self, harness: Harness) -> None:
        assert harness.send() == {}
        assert harness.outbox().deliver_due() is None

    def test_receiver_that_raises_is_called_again_with_the_same_id(self, harness: Harness) -> None:
        failures = iter([OSError("down"), SystemExit(1), asyncio.CancelledError()])

        def fail() -> None:
            if error := next(failures, None):
                raise error

        harness.connect("a", fail)
        sent = harness.send()
        outbox = harness.outbox()
        for delay in (5.0, 15.0, 45.0):
            assert outbox.deliver_due() == pytest.approx(delay, abs=0.01)
            harness.clock.sleep(delay)
        assert outbox.deliver_due() is None
        assert harness.calls == [("a", sent["a"])] * 4

    def test_receiver_that_always_raises_fails_at_the_limit(self, harness: Harness) -> None:
        def fail() -> None:
            raise ValueError("token dapi0123456789abcdef")

        harness.connect("a", fail)
        harness.send()
        outbox = harness.outbox()
        while (delay := outbox.deliver_due()) is not None:
            harness.clock.sleep(delay)
        assert len(harness.calls) == MAX_ATTEMPTS
        assert harness.undelivered() == [
            (f"{Harness.__module__}.a", MAX_ATTEMPTS, True, "ValueError: token …")
        ]

    def test_failing_receiver_does_not_delay_others(self, harness: Harness) -> None:
        harness.connect("a", lambda: 1 / 0)
        harness.connect("b")
        harness.send()
        harness.outbox().deliver_due()
        assert sorted(name for name, _ in harness.calls) == ["a", "b"]


class TestDeferred:
    def test_deferred_write_is_made_when_the_record_is_back(self, harness: Harness) -> None:
        outbox, written = harness.outbox(), []

        def write() -> None:
            harness.record.list_undelivered()
            written.append(1)

        harness.record.is_available = False
        outbox.defer(write)
        with pytest.raises(DatabaseUnavailable):
            outbox.deliver_due()
        harness.record.is_available = True
        outbox.deliver_due()
        outbox.deliver_due()
        assert written == [1]

    def test_deferred_write_that_the_database_refuses_blocks_no_delivery(
        self, harness: Harness
    ) -> None:
        outbox, tries = harness.outbox(), []

        def write() -> None:
            tries.append(1)
            with harness.record.database.write() as connection:
                connection.exec_driver_sql("UPDATE lakeflow_runs SET job_key = NULL")

        harness.connect("a")
        harness.send()
        outbox.defer(write)
        assert outbox.deliver_due() == MAX_WAIT_SECONDS  # nothing else may wake it
        assert [name for name, _ in harness.calls] == ["a"]
        outbox.deliver_due()
        assert len(tries) > 1

    def test_deferred_write_with_a_defect_blocks_no_other(
        self, harness: Harness, caplog: pytest.LogCaptureFixture
    ) -> None:
        outbox, written = harness.outbox(), []
        outbox.defer(lambda: 1 // 0)
        outbox.defer(lambda: written.append(1))
        outbox.deliver_due()
        assert written == [1]
        assert "ZeroDivisionError" in caplog.text


class TestThread:
    def test_wake_delivers_in_the_background_and_the_thread_ends(self, harness: Harness) -> None:
        others = set(threading.enumerate())
        harness.connect("a")
        harness.send()
        outbox = Outbox(
            harness.app,
            harness.record,
            {"run_finished": harness.signal},
            harness.codec,
            SystemClock(),
        )
        outbox.wake()
        wait_until(lambda: harness.undelivered() == [], "delivery")
        outbox.stop()
        harness.send()
        outbox.wake()
        assert len(harness.undelivered()) == 1
        assert not outboxes_besides(others)

    def test_wake_while_the_last_delivery_ends_delivers_again(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        others, rounds = set(threading.enumerate()), []
        signals = {"run_finished": harness.signal}
        outbox = Outbox(harness.app, harness.record, signals, harness.codec, SystemClock())

        def deliver() -> None:
            rounds.append("round")
            if len(rounds) == 1:
                outbox.wake()

        monkeypatch.setattr(outbox, "deliver_due", deliver)
        outbox.wake()
        wait_until(lambda: len(rounds) > 1 and not outboxes_besides(others), "the thread's end")
        assert len(rounds) == 2

    def test_deferred_write_is_tried_in_the_background_until_it_succeeds(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "FAILURE_WAIT_SECONDS", 0.01)
        signals, tries = {"run_finished": harness.signal}, []
        outbox = Outbox(harness.app, harness.record, signals, harness.codec, SystemClock())

        def write() -> None:
            tries.append("try")
            if len(tries) == 1:
                raise DatabaseUnavailable("It restarts.")

        outbox.defer(write)
        wait_until(lambda: len(tries) == 2, "the second try")
        outbox.stop()

    def test_stopped_outbox_makes_no_further_delivery(self, harness: Harness) -> None:
        others, signals = set(threading.enumerate()), {"run_finished": harness.signal}
        outbox = Outbox(harness.app, harness.record, signals, harness.codec, SystemClock())
        harness.connect("a", outbox.stop)
        for _ in range(2):
            harness.send()
        outbox.wake()
        wait_until(lambda: not outboxes_besides(others), "the thread's end")
        assert len(harness.calls) == 1

    def test_receivers_that_hang_delay_no_others(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "RENEWAL_SECONDS", 0.1)  # no claim expires meanwhile
        others, returns = set(threading.enumerate()), threading.Event()
        harness.connect("hanging", lambda: returns.wait(DEADLINE))
        harness.connect("well")
        for _ in range(3):
            harness.send()
        signals = {"run_finished": harness.signal}
        outbox = Outbox(harness.app, harness.record, signals, harness.codec, SystemClock())
        outbox.wake()

        def calls() -> list[str]:
            return sorted(name for name, _ in harness.calls)

        wait_until(lambda: calls() == ["hanging"] * 3 + ["well"] * 3, "calls of all receivers")
        returns.set()
        wait_until(lambda: harness.undelivered() == [], "results of all receivers")
        wait_until(lambda: not outboxes_besides(others), "the end of the threads")
        assert len(harness.calls) == 6

    def test_receivers_that_hang_are_limited(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "MAX_SLOW_RECEIVERS", 1)
        outbox = harness.outbox()
        for number in range(3):
            outbox._thread = threading.Thread(name=f"slow-{number}")
            outbox._relieve(outbox._thread)
        assert len(outbox._slow_threads) == 1


def outboxes_besides(others: set[threading.Thread]) -> list[threading.Thread]:
    """The threads of outboxes, except those that other tests have left."""
    return [
        thread
        for thread in threading.enumerate()
        if thread.name == "lakeflow-outbox" and thread not in others
    ]
