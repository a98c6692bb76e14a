from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.database.sqlite_connections import MAX_PAUSE, WriteTurns, begin_writing
from tests.clocks import FakeClock

LOCKED = sqlite3.OperationalError("database is locked")

TIMEOUT = 5


class Connection:
    """Executes statements; the first attempts to write raise an error."""

    def __init__(self, failures: int, error: Exception = LOCKED) -> None:
        self._failures = failures
        self._error = error
        self.statements: list[str] = []

    def execute(self, statement: str) -> None:
        self.statements.append(statement)
        if statement == "BEGIN IMMEDIATE" and self._failures:
            self._failures -= 1
            raise self._error


@given(st.integers(0, 500))
def test_write_begins_soon_after_another_process_is_done(failures: int) -> None:
    clock, connection = FakeClock(), Connection(failures)
    begin_writing(connection.execute, TIMEOUT, clock=clock)
    assert connection.statements.count("BEGIN IMMEDIATE") == failures + 1
    assert clock.elapsed <= failures * MAX_PAUSE
    assert connection.statements[-1] == "PRAGMA busy_timeout = 5000"


def test_write_waits_for_another_process_until_its_timeout() -> None:
    clock, connection = FakeClock(), Connection(10_000)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        begin_writing(connection.execute, TIMEOUT, clock=clock)
    assert TIMEOUT <= clock.elapsed <= TIMEOUT + MAX_PAUSE
    assert connection.statements[-1] == "PRAGMA busy_timeout = 5000"


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("disk I/O error"),
        sa.exc.OperationalError("BEGIN", None, sqlite3.OperationalError("disk I/O error")),
    ],
)
def test_write_does_not_wait_after_another_error(error: Exception) -> None:
    clock, connection = FakeClock(), Connection(1, error)
    with pytest.raises(type(error)):
        begin_writing(connection.execute, TIMEOUT, clock=clock)
    assert clock.elapsed == 0


def test_wait_for_a_turn_is_part_of_the_timeout() -> None:
    clock, connection = FakeClock(), Connection(10_000)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        begin_writing(connection.execute, TIMEOUT, waited=TIMEOUT - 1, clock=clock)
    assert 1 <= clock.elapsed <= 1 + MAX_PAUSE
    assert connection.statements[-1] == "PRAGMA busy_timeout = 5000"


def test_turns_are_taken_one_after_the_other() -> None:
    turns = WriteTurns(0, FakeClock())
    with turns.take() as waited:
        assert waited == 0
        with pytest.raises(sa.exc.OperationalError, match="locked"), turns.take():
            pytest.fail("two turns at once")
    with turns.take():
        pass
