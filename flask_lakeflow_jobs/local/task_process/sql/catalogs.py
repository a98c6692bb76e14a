"""The catalogs and schemas of the warehouse: DuckDB files and schemas, created on first use."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ..samples import DUCKDB_SAMPLES
from .sql_macros import create_macros

#: The catalog ``main`` in DuckDB.
DATABASE = "warehouse"
#: The schema of each catalog that Databricks uses where a statement names none.
DEFAULT_SCHEMA = "default"
#: The schemas of a database of DuckDB that Databricks does not have.
HIDDEN_SCHEMAS = ("main", "pg_catalog")
#: The settings of a connection: the zone is that of Databricks by default, and texts are taken for
#: numbers and times, and these for texts.
SETTINGS = {"TimeZone": "UTC", "old_implicit_casting": "true"}
# DuckDB allows no database to be called ``main``, the most common catalog.
_OWN_CATALOGS = (DATABASE, "main")
_EXTENSION = ".duckdb"
_MAX_LOCK_WAIT_SECONDS = 300.0  # a statement of another task may take long


class Warehouse:
    """A connection to the warehouse, with all catalogs attached that statements have created.

    One task at a time has one. DuckDB lets only one process open a file, and two tasks that open
    the same files in different orders would wait for each other forever.

    :param is_locked: true if the task keeps the others from it already.
    """

    def __init__(self, *, is_locked: bool = False) -> None:
        with ExitStack() as resources:
            if not is_locked:
                resources.enter_context(locked_warehouse())
            self._database = _retry_while_locked(lambda: duckdb.connect(catalog_file(DATABASE)))
            resources.callback(self._database.close)
            for catalog in list_catalogs_with_files():
                if catalog not in _OWN_CATALOGS:
                    _attach(self._database, catalog)
            use(self._database, is_catalog=True, names=["main"])
            for name, value in SETTINGS.items():
                self._database.execute(f"SET {name} = '{value}'")
            user = os.environ.get("LAKEFLOW_LOCAL_USER")
            self._database.execute("SET VARIABLE lakeflow_user = ?", [user])
            add_samples(self._database)
            self._macros: set[str] = set()
            views = "SELECT string_agg(sql, ' ') FROM duckdb_views() WHERE NOT internal"
            self.create_macros(self._database.execute(views).fetchone()[0] or "")
            self._resources = resources.pop_all()

    def create_macros(self, text: str) -> None:
        """Create the functions of Databricks that a text of SQL calls."""
        create_macros(self._database, self._macros, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def close(self) -> None:
        """Close the connection, and let the next task open one."""
        self._resources.close()


@contextmanager
def locked_warehouse() -> Iterator[None]:
    """Wait until no other task uses the warehouse, and keep others from using it."""
    lock = os.open(os.path.join(_folder(), ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another task that uses the tables.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def transaction(database: Any) -> Iterator[None]:
    """Commit all changes of the block, or none if it fails."""
    database.execute("BEGIN")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def list_catalogs_with_files() -> list[str]:
    """Return the names of all catalogs that have a file."""
    names = (os.path.splitext(name) for name in os.listdir(_folder()))
    return sorted(catalog for catalog, extension in names if extension == _EXTENSION)


def use(database: Any, *, is_catalog: bool, names: list[str]) -> None:
    """Make a catalog or a schema the current one."""
    if is_catalog:
        path = _create_schema(database, [".".join(names), DEFAULT_SCHEMA])
    else:
        path = _create_schema(database, names)
    database.execute(f"USE {quote_in_duckdb(path)}")


def create_catalog(database: Any, name: str) -> str:
    """Create a catalog if it is missing, and return its name in DuckDB."""
    if name.lower() in _OWN_CATALOGS:
        return DATABASE
    if os.sep in name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a catalog.")
    _attach(database, name)
    return name


def drop_catalog(database: Any, name: str, *, is_cascade: bool) -> None:
    """Drop the schemas of a catalog, and remove its file unless it is the own one.

    :param is_cascade: allow that it has schemas.
    :raises ValueError: it has schemas, which is not allowed.
    """
    catalog = to_duckdb(name)
    query = (
        "SELECT schema_name FROM duckdb_schemas() WHERE NOT internal AND "
        "lower(database_name) = lower(?) AND schema_name <> ?"
    )
    schemas = [row[0] for row in database.execute(query, [catalog, DEFAULT_SCHEMA]).fetchall()]
    if schemas and not is_cascade:
        raise ValueError(
            f"Write CASCADE to drop the catalog {name} with its schemas: {', '.join(schemas)}."
        )
    use(database, is_catalog=True, names=["main"])
    for schema in schemas:
        database.execute(f"DROP SCHEMA {quote_in_duckdb([catalog, schema])} CASCADE")
    if name.lower() not in _OWN_CATALOGS and name.lower() in list_catalogs_with_files():
        database.execute(f"DETACH DATABASE IF EXISTS {quote_in_duckdb([catalog])}")
        Path(catalog_file(catalog)).unlink(missing_ok=True)


def prepare_create(database: Any, kind: str, names: list[str]) -> None:
    """Create the catalog and the schema that a CREATE statement needs.

    :param kind: of the object that it creates, such as ``TABLE``.
    """
    if len(names) > 1 and kind == "SCHEMA":
        create_catalog(database, names[0])
    elif len(names) > 1:
        _create_schema(database, names[:-1])


def to_duckdb(catalog: str) -> str:
    """Return the name in DuckDB of a catalog."""
    return DATABASE if catalog.lower() == "main" else catalog


def from_duckdb(name: str) -> str:
    """Return the catalog of a name in DuckDB."""
    return "main" if name == DATABASE else name


def quote_in_duckdb(names: list[str]) -> str:
    """Join the parts of a name, each quoted for DuckDB."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in names)


def _create_schema(database: Any, names: list[str]) -> list[str]:
    *catalog, schema = names
    path = [*(create_catalog(database, each) for each in catalog), schema]
    database.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_in_duckdb(path)}")
    return path


def add_samples(database: Any) -> None:
    """Attach the catalog of samples, unless the database has one."""
    known = "SELECT count(*) FROM duckdb_databases() WHERE database_name = 'samples'"
    if database.execute(known).fetchone() == (0,):
        database.execute("ATTACH ':memory:' AS samples")
        for statement in DUCKDB_SAMPLES:
            database.execute(statement)


def _attach(database: Any, catalog: str) -> None:
    file = catalog_file(catalog).replace("'", "''")
    statement = f"ATTACH IF NOT EXISTS '{file}' AS {quote_in_duckdb([catalog])}"
    _retry_while_locked(lambda: database.execute(statement))


def _retry_while_locked(attempt: Callable[[], Any]) -> Any:
    """Wait for a process that is no task: only one at a time can open a DuckDB file."""
    deadline = time.monotonic() + _MAX_LOCK_WAIT_SECONDS
    while True:
        try:
            return attempt()
        except duckdb.IOException as error:
            if not re.search(r"\block\b", str(error)) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def catalog_file(catalog: str) -> str:
    return os.path.join(_folder(), catalog.lower() + _EXTENSION)


def _folder() -> str:
    return os.environ["LAKEFLOW_LOCAL_DATA"]
