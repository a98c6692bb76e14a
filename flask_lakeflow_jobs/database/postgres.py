"""Connections to Postgres that end when the server does not respond in time.

Only apps with a database of Postgres import this module: psycopg is the user's choice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

#: At higher levels, statements of two processes at once could fail.
READ_COMMITTED = "read committed"

T = TypeVar("T")


class ResponseTimeout(psycopg.OperationalError, TimeoutError):
    """The server did not respond in time, so the connection was closed."""


class TimedConnection(psycopg.Connection[Any]):
    """A connection that is closed if a statement takes too long, or if its server became read-only.

    The driver waits forever, and a server that is paused cannot enforce a timeout of its own. After
    a failover, a new connection may lead to a server that can be written to.
    """

    #: The maximum seconds for one statement.
    timeout = math.inf

    def set_up_session(self) -> None:
        """Let each statement see what others have committed, for any default of the database.

        Change nothing through a pooler such as PgBouncer, and use no prepared statements. It may
        run each transaction on another connection to the server, where other clients have prepared
        statements by the same names. A pooler gives its clients numbers of processes of its own.
        """
        self.autocommit = True
        session = "SELECT pg_backend_pid(), current_setting('default_transaction_isolation')"
        process, isolation = self.execute(session).fetchone() or (None, None)
        if process != self.info.backend_pid:
            self.prepare_threshold = None
        elif isolation != READ_COMMITTED:
            self.execute(f"SET default_transaction_isolation = '{READ_COMMITTED}'")
        self.autocommit = False

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **options: Any) -> T:
        deadline = time.monotonic() + self.timeout
        try:
            return super().wait(_limit(gen, deadline), *args, **options)
        except (ResponseTimeout, psycopg.errors.ReadOnlySqlTransaction):
            self.pgconn.finish()
            raise


def _limit(gen: Generator[Any, Any, T], deadline: float) -> Generator[Any, Any, T]:
    """Run a generator of the driver; give up where nothing arrived until the deadline."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() >= deadline:
                raise ResponseTimeout("the server did not respond in time")
            wanted = gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result
