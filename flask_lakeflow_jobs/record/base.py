"""The access of the record's parts to the database, and what happens while it is unavailable."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..concurrency import run_in_each_process
from ..database.statement_failures import is_slow_statement
from ..errors import DatabaseUnavailable, RecordOutdated
from .prepared import PreparedWriter, Step
from .schema import actions
from .versions import check_version, upgrade_schema

if TYPE_CHECKING:
    from ..clock import Clock
    from ..database.database import Database
    from .values import Action, PageToken

#: Rows that one statement deletes.
DELETE_BATCH = 500

#: After a failure that took so long, nothing is written for a while, because triggers would wait.
#: If there was no connection, nothing is read either, because pages would wait.
SLOW_FAILURE_SECONDS, COOLDOWN_SECONDS = 1.0, 10.0

T = TypeVar("T")

_log = logging.getLogger("flask_lakeflow_jobs")


class RecordBase:
    """Reads and writes in one database. Its schema is checked at the first use.

    :param upgrades_itself: bring an old schema to the newest version instead of raising.
    """

    def __init__(self, database: Database, clock: Clock, *, upgrades_itself: bool = False) -> None:
        self.database = database
        self._clock = clock
        self._upgrades_itself = upgrades_itself
        #: How many writes have failed in this process.
        self.failed_writes = 0
        #: Why the last write failed; ``None`` if it did not.
        self.last_error: DatabaseUnavailable | RecordOutdated | None = None
        #: When the database did not respond to this process for the last time, in seconds of the
        #: monotonic clock.
        self.unavailable_at = -math.inf
        self._prepared = PreparedWriter(database)
        self._is_checked = False
        self._suspended_until = self._unreachable_until = -math.inf
        run_in_each_process(self._initialize)

    def _initialize(self) -> None:
        self._lock = threading.Lock()

    @property
    def is_failing(self) -> bool:
        """True if the last write failed."""
        return self.last_error is not None

    def attempt(self, write: Callable[[], T]) -> T | None:
        """Return the result of a write; ``None`` if the record fails, which is logged and counted.

        Starting and following runs must not depend on the record.
        """
        began = self._clock.monotonic()
        if began < self._suspended_until:
            self.failed_writes += 1
            return None
        try:
            result = write()
        except (DatabaseUnavailable, RecordOutdated) as error:
            now = self._clock.monotonic()
            if now - began > SLOW_FAILURE_SECONDS:
                self._suspended_until = now + COOLDOWN_SECONDS
            with self._lock:
                is_first, self.last_error = self.last_error is None, error
                self.failed_writes += 1
            if is_first:
                _log.error("Runs and actions are not recorded: %s", error)
            return None
        self._note_success()
        return result

    def _note_success(self) -> None:
        if self.last_error is None:
            return
        with self._lock:
            was_failing, self.last_error = self.last_error is not None, None
        if was_failing:
            _log.warning("Runs and actions are recorded again.")

    def check_schema(self, *, is_exact: bool = False) -> None:
        """Check the version of the schema, at the first use and after each failure.

        :param is_exact: whether a newer one is an error too, also later.
        :raises RecordOutdated: it is another one. The message says what to run.
        :raises DatabaseUnavailable: the database does not respond.
        """
        if not self._is_checked:
            try:
                check_version(self.database)
            except RecordOutdated:
                if not self._upgrades_itself:
                    raise
                upgrade_schema(self.database)  # only now: it waits for the right to write
            self._is_checked = True
        if is_exact:
            check_version(self.database, is_exact=True)

    def _write(self, call: Callable[[sa.Connection], T]) -> T:
        """Run a call in a transaction; it may run twice, see :meth:`.Database.run`."""
        with self._checked_schema():
            return self.database.run(call)

    def _execute(self, statement: sa.Executable) -> int:
        """Execute a statement, and return how many rows it has changed."""
        return self._write(lambda connection: connection.execute(statement).rowcount)

    def _write_prepared(self, *steps: Step) -> bool:
        """Execute prepared statements, see :meth:`.PreparedWriter.write`."""
        with self._checked_schema():
            return self._prepared.write(*steps)

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with self._checked_schema(), self.database.read() as connection:
            yield connection

    def _delete(self, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
        """Delete rows, in batches so that others can write in between; return how many."""
        batch = sa.select(table.c.id).where(condition).limit(DELETE_BATCH)
        statement = table.delete().where(table.c.id.in_(batch))
        deleted = 0
        while count := self._execute(statement):
            deleted += count
        return deleted

    @contextmanager
    def _checked_schema(self) -> Iterator[None]:
        began = self._clock.monotonic()
        if began < self._unreachable_until:
            raise DatabaseUnavailable(f"The database {self.database.address} does not respond.")
        try:
            self.check_schema()
            yield
        except DatabaseUnavailable as error:
            self._is_checked = False  # somebody may have dropped the tables, or restored old ones
            self.unavailable_at = now = self._clock.monotonic()
            if now - began > SLOW_FAILURE_SECONDS and not is_slow_statement(error):
                self._unreachable_until = now + COOLDOWN_SECONDS
            if error.is_refusal:
                self.check_schema(is_exact=True)
            raise

    def _now(self) -> int:
        """Return the milliseconds since the epoch."""
        return round(self._clock.now() * 1000)

    def _insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """Return an insert that can leave existing rows alone, or update them."""
        return sqlite.insert(table) if self.database.is_sqlite else postgresql.insert(table)


def insert_action(connection: sa.Connection, action: Action | None, at: int) -> None:
    """Insert an action, if there is one, in the transaction of the caller.

    :param at: milliseconds since the epoch.
    """
    if action is not None:
        connection.execute(actions.insert(), {**vars(action), "at": at})


def select_page(
    statement: sa.Select[Any],
    at: sa.Column[int],
    number: sa.Column[int],
    limit: int,
    token: PageToken | None,
) -> sa.Select[Any]:
    """Return a select of one page, newest first.

    :param at: the column with the time of a row.
    """
    if token is not None:
        statement = statement.where(sa.tuple_(at, number) < sa.tuple_(*token))
    return statement.order_by(at.desc(), number.desc()).limit(limit)
