"""Rules about statements that failed: whether others may succeed. Pure."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

from ..errors import DatabaseUnavailable, LakeflowJobsError
from .sqlite_connections import BEGIN_WRITING


def concerns_statement(error: Exception) -> bool:
    """Return whether other statements may succeed: the database responds."""
    cause = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
    if isinstance(cause, DBAPIError):
        is_busy = isinstance(cause.orig, (sqlite3.OperationalError, TimeoutError))
        return not cause.connection_invalidated and not is_busy
    return not isinstance(error, LakeflowJobsError)


def was_disconnected(error: DatabaseUnavailable) -> bool:
    """Return whether a new connection may work. After a timeout, it would time out too."""
    cause = error.__cause__
    return (
        isinstance(cause, DBAPIError)
        and cause.connection_invalidated
        and not is_slow_statement(error)
    )


def is_slow_statement(error: DatabaseUnavailable) -> bool:
    """Return whether a statement took too long, after the database had responded.

    While another process writes to SQLite, reads need not wait.
    """
    cause = error.__cause__
    if not isinstance(cause, DBAPIError):
        return False
    is_locked = isinstance(cause.orig, sqlite3.OperationalError) and "locked" in str(cause.orig)
    return isinstance(cause.orig, TimeoutError) or (is_locked and cause.statement == BEGIN_WRITING)
