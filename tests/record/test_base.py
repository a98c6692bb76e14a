"""Writes to a record that fails."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from flask_lakeflow_jobs import DatabaseUnavailable, RecordOutdated
from flask_lakeflow_jobs.database.urls import DEFAULT_FILE
from flask_lakeflow_jobs.record.base import COOLDOWN_SECONDS
from flask_lakeflow_jobs.record.schema import VERSION_TABLE, metadata
from flask_lakeflow_jobs.record.store import Record, open_record
from flask_lakeflow_jobs.record.values import Action
from flask_lakeflow_jobs.record.versions import UPGRADE_COMMAND, upgrade_schema
from tests.clocks import FakeClock

LOCKED = sqlite3.OperationalError("database is locked")


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


@pytest.mark.parametrize(
    ("cause", "tries"),
    [
        (None, 1),
        (DBAPIError(None, None, TimeoutError()), 3),
        (DBAPIError("BEGIN IMMEDIATE", None, LOCKED), 3),
        (DBAPIError("SELECT 1", None, LOCKED), 1),
    ],
)
def test_read_without_a_connection_makes_the_next_ones_fail_at_once(
    record: Record,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    cause: Exception | None,
    tries: int,
) -> None:
    tried = []

    def hang() -> None:
        tried.append(clock.now())
        clock.sleep(5)
        raise DatabaseUnavailable("It does not respond.") from cause

    with monkeypatch.context() as patch:
        patch.setattr(record.database, "read", hang)
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable, match="does not respond"):
                record.get_run(1, 7)
    assert len(tried) == tries
    clock.sleep(COOLDOWN_SECONDS)
    assert record.get_run(1, 7) is None


def test_dropped_tables_are_reported_and_found_again(
    database_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    record = open_record(database_url, tmp_path, clock)
    upgrade_schema(record.database)
    record.add_found_run("etl", 1, 7, started_at=1)
    with record.database.write() as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")
    for _ in range(2):
        with pytest.raises(RecordOutdated, match=UPGRADE_COMMAND):
            record.get_run(1, 7)
    upgrade_schema(record.database)
    assert record.get_run(1, 7) is None
    record.database.close()


def test_read_of_a_current_record_does_not_wait_for_a_writer(
    record: Record, tmp_path: Path, clock: FakeClock
) -> None:
    """Such as a backup."""
    record.check_schema()
    with closing(sqlite3.connect(tmp_path / DEFAULT_FILE)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert open_record(True, tmp_path, clock).get_run(1, 7) is None


def test_attempt_of_a_write_that_the_database_refuses_returns_none(
    record: Record,
) -> None:
    """Such as a constraint that somebody has added: triggers must not fail."""
    record.check_schema()
    with record.database.write() as connection:
        connection.exec_driver_sql("CREATE UNIQUE INDEX one ON lakeflow_actions (job_key)")
    action = Action("cancel", "accepted", "etl", 1)
    record.record_action(action)
    assert record.attempt(lambda: record.record_action(action)) is None
    assert record.is_failing


def test_attempt_after_fast_failure_tries_again(record: Record) -> None:
    calls = []

    def refuse() -> None:
        calls.append(1)
        raise DatabaseUnavailable("Connection refused.")

    for _ in range(3):
        record.attempt(refuse)
    assert len(calls) == 3
