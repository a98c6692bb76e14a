"""Connections to Postgres that end when the server does not respond in time.

Only apps with a database of Postgres import this module: psycopg is the user's choice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

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

    def prepare_only_without_pooler(self) -> None:
        """Use no prepared statements through a pooler such as PgBouncer.

        It may run each transaction on another connection to the server, which has prepared others
        by the same names. A pooler gives its clients numbers of processes of its own.
        """
        self.autocommit = True
        row = self.execute("SELECT pg_backend_pid()").fetchone()
        self.autocommit = False
        if row != (self.info.backend_pid,):
            self.prepare_threshold = None

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
