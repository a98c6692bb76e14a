"""Connections for statements that take less time than SQLAlchemy adds to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

#: A connection that was used so recently is used again without a test.
KEEP_SECONDS = 1.0


class KeptConnections:
    """Connections that stay with this process between two transactions, for a moment.

    The pool would test a connection of Postgres before each use, which takes a round trip.
    """

    def __init__(self) -> None:
        self._connections: list[tuple[sa.Connection, float]] = []

    @contextmanager
    def use(self, engine: sa.Engine) -> Iterator[Any]:
        """Yield a connection of the driver. After an error, it is not kept.

        With Postgres, each statement outside a pipeline is a transaction of its own.

        :raises DBAPIError: the driver raised an error.
        :raises SQLAlchemyError: there is no connection.
        """
        connection = self._take(engine) or _connect(engine)
        driver_connection = connection.connection.driver_connection
        try:
            yield driver_connection
        except BaseException as error:
            if not isinstance(error, engine.dialect.loaded_dbapi.Error):
                if not isinstance(error, Exception):  # such as a timeout of gevent in a statement
                    connection.invalidate(error)
                connection.close()
                raise
            is_cut = engine.dialect.is_disconnect(error, driver_connection, None)
            if is_cut:
                connection.invalidate(error)
            connection.close()
            raise _translate(error, engine, is_cut=is_cut) from error
        self._connections.append((connection, time.monotonic()))

    def _take(self, engine: sa.Engine) -> sa.Connection | None:
        """Return a connection that was used just before, if there is one."""
        while kept := self._pop():
            connection, used_at = kept
            # The file of an earlier engine may be another one.
            if connection.engine is engine and time.monotonic() - used_at < KEEP_SECONDS:
                return connection
            connection.close()
        return None

    def _pop(self) -> tuple[sa.Connection, float] | None:
        try:
            return self._connections.pop()
        except IndexError:  # also if another thread has just taken the last one
            return None

    def disown(self) -> None:
        """Keep the connections of the parent process alive, unused: closing them would end them."""
        self._disowned, self._connections = self._connections, []

    def close(self) -> None:
        """Give all connections back to the pool."""
        while kept := self._pop():
            kept[0].close()


def _translate(error: Exception, engine: sa.Engine, *, is_cut: bool) -> BaseException:
    """Return an error of the driver as SQLAlchemy has it, such as an ``IntegrityError``."""
    dialect = engine.dialect
    return DBAPIError.instance(
        None,
        None,
        error,
        dialect.loaded_dbapi.Error,
        connection_invalidated=is_cut,
        dialect=dialect,
    )


def _connect(engine: sa.Engine) -> sa.Connection:
    """Connect. An error is no DBAPIError: no other connection or statement would work."""
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise SQLAlchemyError(str(error.orig)) from error.orig
    if engine.dialect.name == "postgresql":
        connection.execution_options(isolation_level="AUTOCOMMIT")
    return connection
