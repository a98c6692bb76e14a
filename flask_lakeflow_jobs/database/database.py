"""The app's SQL database: SQLite or Postgres, through SQLAlchemy.

Only apps that configure a database import this module: SQLAlchemy is an extra.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary, finalize

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InternalError,
    ProgrammingError,
    SQLAlchemyError,
)

from ..concurrency import ModuleLock, run_in_each_process
from ..errors import DatabaseUnavailable, LakeflowJobsError
from ..text import MAX_ERROR_CHARS, clean_line, first_line
from .fork_gate import FORK_GATE
from .kept_connections import KeptConnections
from .sqlite_connections import (
    WriteTurns,
    begin_writing,
    create_file,
    identify_file,
    set_up_connection,
)
from .statement_failures import was_disconnected
from .urls import parse_database_url

#: Seconds that a write waits for the write of another process, and that a connection may take.
WAIT_SECONDS = 5

#: The least that the driver waits for a connection.
MIN_CONNECT_SECONDS = 2

#: Connections that a process keeps, at most.
POOL_SIZE = 10

#: Creates a schema for the tables of this user of Postgres, if it may not create any elsewhere. A
#: service principal of Lakebase may create schemas, but no tables in the schema ``public``. The
#: schema has the user's name, so it is the first of the default search path.
#: Source: Databricks documentation, "Add a Lakebase resource to a Databricks app".
CHOOSE_SCHEMA = """
DO $$
BEGIN
  IF has_schema_privilege(current_schema(), 'CREATE') IS NOT TRUE THEN
    CREATE SCHEMA IF NOT EXISTS AUTHORIZATION CURRENT_USER;
  END IF;
END $$
"""

#: What to do about a file of SQLite that is damaged.
AFTER_DAMAGE = (
    ". Stop the app, move the file and those that add '-wal' and '-shm' away, restore a copy if"
    " there is one, and run 'flask jobs record upgrade'."
)

#: What to do if a file of SQLite cannot be opened, read or written. A locked one needs only time.
AFTER_FAILURE = ". Check that its folder can be written and has space."

#: Errors of a database that responds; that of a read-only one is an ``InternalError``.
REFUSALS = (DataError, IntegrityError, InternalError, ProgrammingError)

T = TypeVar("T")

#: Returns a fresh password for each new connection.
Credentials = Callable[[], str]

_databases: WeakValueDictionary[str, Database] = WeakValueDictionary()
_databases_lock = ModuleLock()


class Database:
    """The connections of this process to one database.

    Nothing connects before the first use. A forked process opens connections of its own.

    :param credentials: returns a fresh password for each new connection.
    :param timeout: seconds that a statement may take.
    :param autocommit: each statement is a transaction, and a connection is used without a test.
    """

    def __init__(
        self,
        url: sa.URL,
        credentials: Credentials | None = None,
        *,
        timeout: float,
        autocommit: bool,
    ) -> None:
        self._url = url
        self._credentials = credentials
        self._timeout = timeout
        self._autocommit = autocommit
        run_in_each_process(self._initialize)
        self._gate = FORK_GATE.add(self._close_idle) if self.is_sqlite else nullcontext()

    def _initialize(self) -> None:
        """Set up the state of this process. Connections of its parent stay the parent's."""
        inherited: sa.Engine | None = getattr(self, "_engine", None)
        kept: KeptConnections | None = getattr(self, "_kept", None)
        if inherited is not None and kept is not None:
            inherited.dispose(close=False)
            kept.disown()
        self._engine: sa.Engine | None = None
        self._kept = KeptConnections()
        self._lock = threading.Lock()
        self._turns = WriteTurns(self._timeout) if self.is_sqlite else None

    def __repr__(self) -> str:
        return f"<Database {self.address}>"

    @property
    def address(self) -> str:
        """The URL without its passwords, which may also be in its query."""
        passwords = [name for name in self._url.query if "password" in name]
        url = self._url.difference_update_query(passwords)
        return url.render_as_string(hide_password=True)

    @property
    def is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    @property
    def _path(self) -> Path:
        return Path(str(self._url.database))

    @property
    def engine(self) -> sa.Engine:
        """The engine of this process.

        :raises DatabaseUnavailable: the folder of a SQLite file cannot be created.
        """
        with self._lock:
            if self._engine is not None and self._was_replaced():
                _dispose(self._engine, self._kept)
                self._engine = None
            if self._engine is None:
                self._engine = self._create_engine()
                # Closes its connections, which Python 3.13 misses otherwise.
                finalize(self, _dispose, self._engine, self._kept)
            return self._engine

    def _was_replaced(self) -> bool:
        """Return whether there is another file, or none: writes to the old one would be lost."""
        return self.is_sqlite and identify_file(self._path) != self._file

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection for statements that change nothing.

        :raises DatabaseUnavailable: the database does not respond.
        """
        with self._access(), self._connect_engine() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction, which is committed if the block succeeds.

        :raises DatabaseUnavailable: the database does not respond; nothing has changed, except
            where the connection was lost during the commit.
        """
        with self._access(), self._take_turn() as waited, self._connect_engine() as connection:
            connection.execution_options(write_timeout=(self._timeout, waited))
            with connection.begin():
                yield connection

    def _take_turn(self) -> AbstractContextManager[float]:
        return nullcontext(0.0) if self._turns is None else self._turns.take()

    def execute_directly(self, statements: Sequence[tuple[str, Any]]) -> list[int]:
        """Execute statements by the driver in one transaction.

        :param statements: each with its parameters as the driver takes them.
        :return: how many rows each has changed.
        :raises DatabaseUnavailable: as for :meth:`write`.
        """
        engine = self.engine
        try:
            with self._access(), self._take_turn() as waited, self._kept.use(engine) as connection:
                with self._begin_directly(connection, len(statements), waited):
                    cursors = [connection.execute(*statement) for statement in statements]
                return [cursor.rowcount for cursor in cursors]
        finally:
            self._dispose_closed(engine)

    @contextmanager
    def _begin_directly(self, connection: Any, count: int, waited: float) -> Iterator[None]:
        if self.is_sqlite:
            begin_writing(connection.execute, self._timeout, waited)
            yield
            connection.execute("COMMIT")
        elif count == 1:  # is a transaction by itself
            yield
        else:  # so is a pipeline. Source: libpq documentation, "Pipeline Mode"
            with connection.pipeline():
                yield

    def run(self, call: Callable[[sa.Connection], T]) -> T:
        """Run a call in a transaction; once more if the connection turned out to be cut.

        :param call: changes nothing more when it is repeated after a commit.
        """
        try:
            with self.write() as connection:
                return call(connection)
        except DatabaseUnavailable as error:
            if not was_disconnected(error):
                raise
        with self.write() as connection:
            return call(connection)

    @contextmanager
    def _connect_engine(self) -> Iterator[sa.Connection]:
        engine = self.engine
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            self._dispose_closed(engine)

    def _dispose_closed(self, engine: sa.Engine) -> None:
        if engine is not self._engine:  # it was closed while a connection was in use
            _dispose(engine, self._kept)

    def close(self) -> None:
        """Close all connections, those in use after their use. The next use opens new ones."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            _dispose(engine, self._kept)

    def _close_idle(self) -> None:
        if self._engine is not None:
            self._kept.close()
            self._engine.dispose()

    @contextmanager
    def _access(self) -> Iterator[None]:
        """Let no fork begin during the block, and translate its errors."""
        try:
            with self._gate:
                yield
        except SQLAlchemyError as error:
            # SQLite raises the same error for a missing table as for a locked file.
            is_missing = self.is_sqlite and "no such" in str(error.__cause__)
            is_refusal = is_missing or isinstance(error, REFUSALS)
            problem, remedy = " does not respond: ", ""
            if is_refusal:
                problem = " refuses a statement: "
            elif type(error.__cause__) is sqlite3.DatabaseError:
                problem, remedy = " is damaged: ", AFTER_DAMAGE
            elif self.is_sqlite and "locked" not in str(error.__cause__):
                problem, remedy = " cannot be used: ", AFTER_FAILURE
            unavailable = DatabaseUnavailable(
                f"The database {self.address}{problem}{_describe(error)}{remedy}"
            )
            unavailable.is_refusal = is_refusal
            raise unavailable from error

    def _create_engine(self) -> sa.Engine:
        if self.is_sqlite:
            return self._create_sqlite_engine()
        engine = sa.create_engine(
            self._url,
            pool_size=POOL_SIZE,
            max_overflow=0,  # a connection beyond would cost a password each time
            pool_timeout=self._timeout,
            pool_pre_ping=not self._autocommit,
            hide_parameters=True,
            use_native_hstore=False,
            connect_args={
                "connect_timeout": max(MIN_CONNECT_SECONDS, round(self._timeout)),
                "client_encoding": "utf8",  # that of the server may lack letters of names
            },
            **({"isolation_level": "AUTOCOMMIT"} if self._autocommit else {}),
        )
        event.listen(engine, "do_connect", self._connect)
        return engine

    def _create_sqlite_engine(self) -> sa.Engine:
        create_file(self._path)
        self._file = identify_file(self._path)
        engine = sa.create_engine(
            self._url,
            pool_size=POOL_SIZE,
            max_overflow=-1,
            hide_parameters=True,
            connect_args={"timeout": self._timeout},
        )
        event.listen(engine, "connect", lambda connection, _: set_up_connection(connection))
        if not self._autocommit:
            event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _connect(
        self, _dialect: Any, _record: Any, args: Sequence[Any], arguments: dict[str, Any]
    ) -> Any:
        from .postgres import TimedConnection  # its driver is installed by the user

        if self._credentials is not None:
            arguments["password"] = self._create_password(self._credentials)
        connection = TimedConnection.connect(*args, **arguments)
        connection.timeout = self._timeout
        connection.set_up_session()
        return connection

    def _create_password(self, credentials: Credentials) -> str:
        try:
            return credentials()
        except LakeflowJobsError as error:
            raise DatabaseUnavailable(
                f"There is no password for the database {self.address}: {error.detail}"
            ) from error


def _dispose(engine: sa.Engine, kept: KeptConnections) -> None:
    kept.close()
    engine.pool.dispose()


def open_database(
    url: str | bool,
    *,
    instance_path: Path,
    setting: str,
    credentials: Credentials | None = None,
    timeout: float = WAIT_SECONDS,
    autocommit: bool = False,
) -> Database:
    """Return the database of a URL: one per process, URL and purpose. This does not connect.

    :param url: ``True``: SQLite in the instance folder; otherwise a URL of SQLAlchemy.
    :param instance_path: the folder for a relative path of SQLite.
    :param setting: the key that has the URL, for messages.
    :param credentials: returns a fresh password for each new connection.
    :param timeout: as for :class:`Database`.
    :param autocommit: as for :class:`Database`.
    :raises ConfigurationError: the URL is malformed, or needs a driver that is not installed.
    """
    parsed = parse_database_url(url, instance_path=instance_path, setting=setting)
    if credentials is not None:  # they are those of one app
        return Database(parsed, credentials, timeout=timeout, autocommit=autocommit)
    name = f"{parsed.render_as_string(hide_password=False)} {timeout} {autocommit}"
    with _databases_lock.current:
        database = _databases.get(name)
        if database is None:
            database = _databases[name] = Database(parsed, timeout=timeout, autocommit=autocommit)
        return database


def _begin_sqlite(connection: sa.Connection) -> None:
    """Take the right to write first: a transaction that reads first could not wait for it."""
    if timeout := connection.get_execution_options().get("write_timeout"):
        begin_writing(connection.exec_driver_sql, *timeout)
    else:
        connection.exec_driver_sql("BEGIN")


def _describe(error: SQLAlchemyError) -> str:
    """Return the error of the driver in one line, without statement and parameters."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause).strip()
    if isinstance(error, REFUSALS):  # further lines of Postgres have the values of a row
        text = first_line(text)
    return clean_line(text, MAX_ERROR_CHARS)
