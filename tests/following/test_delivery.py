"""Deliveries of ends: names of receivers, retries, claims and their results."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from blinker import NamedSignal
from flask import Flask, current_app
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import DatabaseUnavailable
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.following import delivery
from flask_lakeflow_jobs.following.delivery import (
    CLAIM_SECONDS,
    MAX_ATTEMPTS,
    MAX_RETRY_SECONDS,
    Outbox,
    name_receivers,
    receiver_name,
    retry_delay,
)
from flask_lakeflow_jobs.record.store import Record
from tests.clocks import FakeClock
from tests.record.rows import add_run, end
from tests.records import SwitchableRecord, switchable_record
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


class JsonCodec:
    def encode(self, payload: Mapping[str, Any]) -> str:
        return json.dumps(payload)

    def decode(self, text: str) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(text)
        return decoded


class ClockAhead(FakeClock):
    """A clock with another time of day."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._ahead = seconds

    def now(self) -> float:
        return self._clock.now() + self._ahead


class Harness:
    """An app, its signal, a record, and outboxes as several processes have them."""

    def __init__(self, record: SwitchableRecord, clock: FakeClock) -> None:
        self.app = Flask("app")
        self.signal = NamedSignal("finished")
        self.record = record
        self.clock = clock
        self.calls: list[tuple[str, str]] = []
        self._run_ids = itertools.count(1)

    def outbox(self) -> Outbox:
        signals = {"run_finished": self.signal}
        return Outbox(self.app, self.record, signals, JsonCodec(), self.clock, has_thread=False)

    def connect(self, name: str, fail: Any = lambda: None) -> None:
        def receiver(sender: Flask, *, job: str, delivery_id: str, **_: Any) -> None:
            assert (sender, job) == (self.app, "etl")
            assert current_app.name == "app"
            self.calls.append((name, delivery_id))
            fail()

        receiver.__qualname__ = name
        self.signal.connect(receiver, weak=False)

    def send(self) -> dict[str, str]:
        """Record the end of a new run. Return the ids of its deliveries by receiver."""
        outbox, run_id = self.outbox(), next(self._run_ids)
        add_run(self.record, run_id)
        payload = {"job": "etl", "run_id": run_id}
        receivers = outbox.address("run_finished", payload)
        self.record.finish_run(end(run_id), receivers, payload=outbox.encode(payload))
        rows = self.record.list_undelivered()
        return {row.receiver.rpartition(".")[2]: row.delivery_id for row in rows}

    def undelivered(self) -> list[tuple[str, int, bool, str | None]]:
        return [
            (row.receiver, row.attempts, row.failed_at is not None, row.last_error)
            for row in self.record.list_undelivered()
        ]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    clock = FakeClock()
    with switchable_record(tmp_path, clock) as record:
        yield Harness(record, clock)


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
            (f"{__name__}.a", MAX_ATTEMPTS, True, "ValueError: token …")
        ]

    def test_failing_receiver_does_not_delay_others(self, harness: Harness) -> None:
        harness.connect("a", lambda: 1 / 0)
        harness.connect("b")
        harness.send()
        harness.outbox().deliver_due()
        assert sorted(name for name, _ in harness.calls) == ["a", "b"]


class TestClaims:
    def test_claim_of_a_dead_process_is_taken_over_after_it_expired(self, harness: Harness) -> None:
        harness.connect("a")
        sent = harness.send()
        self.claim(harness, sent["a"])
        outbox = harness.outbox()
        waited = 0.0
        while (delay := outbox.deliver_due()) is not None:
            harness.clock.sleep(min(delay, 10.0))
            waited += min(delay, 10.0)
        assert harness.calls == [("a", sent["a"])]
        assert CLAIM_SECONDS <= waited <= CLAIM_SECONDS + 11.0

    def test_process_after_an_outage_leaves_expired_claims_to_their_holders(
        self, harness: Harness
    ) -> None:
        harness.connect("a")
        outbox = harness.outbox()
        self.use(harness, outbox)
        sent = harness.send()
        self.claim(harness, sent["a"])
        harness.record.is_available = False
        harness.clock.sleep(CLAIM_SECONDS * 2)
        with pytest.raises(DatabaseUnavailable):
            outbox.deliver_due()
        harness.record.is_available = True
        outbox.deliver_due()
        assert harness.calls == []
        self.use(harness, outbox)
        assert harness.calls == [("a", sent["a"])]

    @pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
    def test_claim_of_a_process_with_another_clock_is_left_to_it(
        self, harness: Harness, ahead: float
    ) -> None:
        """As long as it is renewed."""
        harness.connect("a")
        sent = harness.send()
        store = Record(harness.record.database, ClockAhead(harness.clock, ahead))
        assert store.claim_delivery(sent["a"], "running", CLAIM_SECONDS)
        outbox = harness.outbox()
        for _ in range(30):
            outbox.deliver_due()
            harness.clock.sleep(10.0)
            store.renew_claim(sent["a"], "running", CLAIM_SECONDS)
        assert harness.calls == []
        self.use(harness, outbox)
        assert harness.calls == [("a", sent["a"])]

    def test_result_that_cannot_be_written_is_written_later(self, harness: Harness) -> None:
        def stop_database() -> None:
            harness.record.is_available = False

        harness.connect("a", stop_database)
        harness.send()
        outbox = harness.outbox()
        with pytest.raises(DatabaseUnavailable):
            outbox.deliver_due()
        harness.record.is_available = True
        assert outbox.deliver_due() is None
        assert len(harness.calls) == 1
        assert harness.undelivered() == []

    @staticmethod
    def use(harness: Harness, outbox: Outbox) -> None:
        """Let a process see that the record works, for as long as a claim lasts."""
        for _ in range(8):
            outbox.deliver_due()
            harness.clock.sleep(10.0)

    @staticmethod
    def claim(harness: Harness, delivery_id: str) -> None:
        """Claim a delivery like a process that then dies."""
        for earlier in harness.record.list_claims():
            harness.record.end_claim(earlier)
        assert harness.record.claim_delivery(delivery_id, "dead", CLAIM_SECONDS)

    def test_delivery_that_is_always_interrupted_fails_at_the_limit(self, harness: Harness) -> None:
        harness.connect("a")
        sent = harness.send()
        for _ in range(MAX_ATTEMPTS):
            self.claim(harness, sent["a"])
        self.use(harness, harness.outbox())
        assert harness.calls == []
        ((_, _, has_failed, error),) = harness.undelivered()
        assert (has_failed, error) == (True, "Every attempt was interrupted.")

    def test_claim_is_renewed_while_its_receiver_runs(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "CLAIM_SECONDS", 0.03)
        claims: set[int | None] = set()

        def wait_for_renewals() -> None:
            def read() -> bool:
                (row,) = harness.record.list_undelivered()
                claims.add(row.claimed_until)
                harness.clock.sleep(1.0)
                return len(claims) > 2

            wait_until(read, "renewals")

        harness.connect("a", wait_for_renewals)
        harness.send()
        harness.outbox().deliver_due()
        assert harness.undelivered() == []


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
        outbox.deliver_due()
        assert [name for name, _ in harness.calls] == ["a"]
        outbox.deliver_due()
        assert len(tries) > 1

    def test_deferred_write_with_a_defect_blocks_no_other(
        self, harness: Harness, caplog: pytest.LogCaptureFixture
    ) -> None:
        outbox, written = harness.outbox(), []
        outbox.defer(lambda: 1 // 0)  # type: ignore[arg-type]
        outbox.defer(lambda: written.append(1))
        outbox.deliver_due()
        assert written == [1]
        assert "ZeroDivisionError" in caplog.text


class TestThread:
    def test_wake_delivers_in_the_background_and_the_thread_ends(self, harness: Harness) -> None:
        harness.connect("a")
        harness.send()
        outbox = Outbox(
            harness.app,
            harness.record,
            {"run_finished": harness.signal},
            JsonCodec(),
            SystemClock(),
        )
        outbox.wake()
        wait_until(lambda: harness.undelivered() == [], "delivery")
        outbox.stop()
        harness.send()
        outbox.wake()
        assert len(harness.undelivered()) == 1
        assert "lakeflow-outbox" not in [thread.name for thread in threading.enumerate()]

    def test_receivers_that_hang_delay_no_others(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "CLAIM_SECONDS", 0.3)
        returns = threading.Event()
        harness.connect("hanging", lambda: returns.wait(DEADLINE))
        harness.connect("well")
        for _ in range(3):
            harness.send()
        signals = {"run_finished": harness.signal}
        outbox = Outbox(harness.app, harness.record, signals, JsonCodec(), SystemClock())
        outbox.wake()

        def calls() -> list[str]:
            return sorted(name for name, _ in harness.calls)

        wait_until(lambda: calls() == ["hanging"] * 3 + ["well"] * 3, "calls of all receivers")
        returns.set()
        wait_until(lambda: harness.undelivered() == [], "results of all receivers")
        wait_until(lambda: "lakeflow-outbox" not in names_of_threads(), "the end of the threads")
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


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]
