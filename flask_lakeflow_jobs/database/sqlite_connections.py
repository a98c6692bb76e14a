"""SQLite's connections, whose writes take turns between processes."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..clock import Clock, SystemClock
from ..concurrency import ModuleLock
from ..errors import DatabaseUnavailable

#: After so many written pages (16 MB), SQLite moves them into the database. A page that was written
#: several times meanwhile, such as that of an index, is moved once.
CHECKPOINT_PAGES = 4_000

#: Seconds between two attempts to write, at first and at most. SQLite itself would wait for whole
#: milliseconds, and longer each time: longer than most writes take.
FIRST_PAUSE = 0.000_2
MAX_PAUSE = 0.005

#: The statement that waits until no other process writes.
BEGIN_WRITING = "BEGIN IMMEDIATE"

SYSTEM_CLOCK = SystemClock()

_creating = ModuleLock()


def create_file(path: Path) -> None:
    """Create an empty database that only the user of this process may read, if there is none.

    An existing file is not opened. Closing it would end the locks of all connections of this
    process, and other processes would damage the file. Source: https://sqlite.org/howtocorrupt.html
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _creating.current:  # no other thread connects before the file is closed
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseUnavailable(
            f"The database {str(path)!r} cannot be written: {error.strerror}."
        ) from error


def identify_file(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from another one of its name; ``None`` if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def set_up_connection(connection: Any) -> None:
    connection.isolation_level = None  # the callers begin transactions
    cursor = connection.cursor()
    with suppress(sqlite3.OperationalError):  # another process is changing the file to it
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


class WriteTurns:
    """The turns of the threads of one process: they write one after the other.

    SQLite lets a process that waits sleep for longer and longer. With turns, one thread does.

    :param timeout: seconds to wait for other threads and processes.
    """

    def __init__(self, timeout: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def take(self) -> Iterator[float]:
        """Wait for a turn, and yield the seconds that the wait took.

        :raises OperationalError: the others take too long, for example because another process
            lets each of them wait.
        """
        began = self._clock.monotonic()
        if not self._lock.acquire(timeout=self._timeout):
            locked = sqlite3.OperationalError("database is locked")
            raise sa.exc.OperationalError(BEGIN_WRITING, None, locked) from locked
        try:
            yield self._clock.monotonic() - began
        finally:
            self._lock.release()


def begin_writing(
    execute: Callable[[str], object],
    timeout: float,
    waited: float = 0.0,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """Begin a transaction that writes, as soon as no other process writes.

    :param timeout: seconds to wait for other threads and processes.
    :param waited: seconds of these that are over.
    """
    deadline = clock.monotonic() + timeout - waited
    pause = FIRST_PAUSE
    execute("PRAGMA busy_timeout = 0")
    try:
        while not _try_to_begin(execute, is_last=clock.monotonic() >= deadline):
            clock.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE)
    finally:
        execute(f"PRAGMA busy_timeout = {round(timeout * 1000)}")


def _try_to_begin(execute: Callable[[str], object], *, is_last: bool) -> bool:
    try:
        execute(BEGIN_WRITING)
    except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
        if is_last or "locked" not in str(error):
            raise
        return False
    return True
