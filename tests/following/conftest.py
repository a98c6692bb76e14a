"""An app with a record and outboxes, as several processes have them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blinker import NamedSignal
from flask import Flask, current_app

from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.following.delivery import Outbox
from flask_lakeflow_jobs.following.receivers import Receivers
from tests.clocks import FakeClock
from tests.record.rows import add_run, end
from tests.records import SwitchableRecord, switchable_record
from tests.run_documents import build_job


class Harness:
    """An app, its signal, a record, and outboxes as several processes have them."""

    def __init__(self, record: SwitchableRecord, clock: FakeClock) -> None:
        self.app = Flask("app")
        self.signal = NamedSignal("finished")
        self.record = record
        self.clock = clock
        jobs, signals = {"etl": build_job("etl")}, {"run_finished": self.signal}
        self.receivers = Receivers(self.app, signals, jobs, lambda _: NotImplemented)
        self.calls: list[tuple[str, str]] = []
        self._run_ids = itertools.count(1)

    def outbox(self) -> Outbox:
        return Outbox(self.record, self.receivers, self.clock, has_threads=False)

    def outbox_with_threads(self) -> Outbox:
        return Outbox(self.record, self.receivers, SystemClock())

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
        run_id = next(self._run_ids)
        add_run(self.record, run_id)
        payload = {"job": "etl", "run_id": run_id}
        receivers, text = self.receivers.prepare("run_finished", payload)
        self.record.finish_run(end(run_id), receivers, payload=text)
        rows = self.record.list_undelivered()
        return {row.receiver.rpartition(".")[2]: row.delivery_id for row in rows}

    def undelivered(self) -> list[tuple[str, int, bool, str | None]]:
        return [
            (row.receiver, row.attempts, row.failed_at is not None, row.last_error)
            for row in self.record.list_undelivered()
        ]


@pytest.fixture
def record(tmp_path: Path, clock: FakeClock) -> Iterator[SwitchableRecord]:
    with switchable_record(tmp_path, clock) as record:
        yield record


@pytest.fixture
def harness(record: SwitchableRecord, clock: FakeClock) -> Harness:
    return Harness(record, clock)
