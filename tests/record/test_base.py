"""Writes to a record that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs import DatabaseUnavailable
from flask_lakeflow_jobs.record.base import COOLDOWN_SECONDS
from flask_lakeflow_jobs.record.store import Record, open_record
from tests.clocks import FakeClock


@pytest.fixture
def record(tmp_path: Path, clock: FakeClock) -> Record:
    clock.sleep(100)
    return open_record(True, tmp_path, clock)


def test_attempt_after_slow_failure_waits_no_more(record: Record, clock: FakeClock) -> None:
    calls = []

    def hang() -> None:
        calls.append(clock.now())
        clock.sleep(5)
        raise DatabaseUnavailable("It does not respond.")

    assert [record.attempt(hang) for _ in range(3)] == [None] * 3
    assert (len(calls), record.failed_writes) == (1, 3)
    clock.sleep(COOLDOWN_SECONDS)
    assert record.attempt(lambda: "written") == "written"
    assert not record.is_failing


def test_attempt_after_fast_failure_tries_again(record: Record) -> None:
    calls = []

    def refuse() -> None:
        calls.append(1)
        raise DatabaseUnavailable("Connection refused.")

    for _ in range(3):
        record.attempt(refuse)
    assert len(calls) == 3
