"""SQLite's connections, whose writes take turns between processes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
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


def begin_writing(
    execute: Callable[[str], object], timeout: float, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Begin a transaction that writes, as soon as no other process writes.

    :param timeout: seconds to wait for another process.
    """
    deadline = clock.monotonic() + timeout
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
