"""Deliveries of ends: retries, their results, and writes that are deferred."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import DatabaseUnavailable
from flask_lakeflow_jobs.following.delivery import MAX_ATTEMPTS, MAX_RETRY_SECONDS, retry_delay
from flask_lakeflow_jobs.following.delivery_threads import MAX_WAIT_SECONDS
from flask_lakeflow_jobs.following.receivers import DeliveryDeclined
from tests.following.conftest import Harness
from tests.support import DEADLINE


@given(st.integers(1, MAX_ATTEMPTS - 1))
def test_retry_delay_grows_to_its_maximum(attempts: int) -> None:
    delay = retry_delay(attempts)
    assert delay is not None
    assert 0 < delay <= MAX_RETRY_SECONDS
    assert attempts == 1 or delay >= (retry_delay(attempts - 1) or 0)


def test_retry_delay_after_the_last_attempt_is_none() -> None:
    assert retry_delay(MAX_ATTEMPTS) is None


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

    def test_error_whose_text_cannot_be_read_is_recorded_by_its_name(
        self, harness: Harness
    ) -> None:
        class Unreadable(Exception):
            def __str__(self) -> str:
                raise AttributeError("request")

        def fail() -> None:
            raise Unreadable

        harness.connect("a", fail)
        harness.send()
        harness.outbox().deliver_due()
        [(_, attempts, _, error)] = harness.undelivered()
        assert attempts == 1
        assert error is not None
        assert "Unreadable" in error

    def test_delivery_that_the_receiver_declines_is_given_up_with_the_reason(
        self, harness: Harness
    ) -> None:
        def decline() -> None:
            raise DeliveryDeclined("It is too old.")

        harness.connect("a", decline)
        harness.send()
        assert harness.outbox().deliver_due() is None
        assert harness.undelivered() == [(f"{Harness.__module__}.a", 1, True, "It is too old.")]

    def test_failing_receiver_does_not_delay_others(self, harness: Harness) -> None:
        harness.connect("a", lambda: 1 / 0)
        harness.connect("b")
        harness.send()
        harness.outbox().deliver_due()
        assert sorted(name for name, _ in harness.calls) == ["a", "b"]


#: A receiver that forks. Its child returns or raises, and the process prints what it sees.
FORK = """
import os, sys, warnings
from pathlib import Path
from tests.clocks import FakeClock
from tests.following.conftest import Harness
from tests.records import switchable_record

warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads
statuses = []

def fork():
    if child := os.fork():
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    elif sys.argv[2] == "raise":
        sys.exit(3)

clock = FakeClock()
with switchable_record(Path(sys.argv[1]), clock) as record:
    harness = Harness(record, clock)
    harness.connect("a", fork)
    harness.send()
    harness.outbox().deliver_due()
    print(statuses, harness.undelivered())
"""


@pytest.mark.parametrize(("way", "status"), [("return", 0), ("raise", 1)])
def test_child_that_a_receiver_forks_ends_and_delivers_nothing(
    tmp_path: Path, way: str, status: int
) -> None:
    command = [sys.executable, "-c", FORK, str(tmp_path), way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.stdout, done.stderr) == (f"[{status}] []\n", "")


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
