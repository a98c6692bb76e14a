"""Shares tables between dbt, which writes to DuckDB, and the tasks that run on Sail.

Before its commands, dbt gets what tasks on Sail have written. After them, Sail gets what dbt has
written. The marks of each table, as of the last exchange, show which side has changed it since.
"""

# ruff: noqa: S608  # the names are those of the user's own tables, quoted

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from ..json_files import read_json, write_json
from ..paths import drop_scheme
from ..spark.language.sql_names import quote_name
from ..spark.tables.spark_catalog import describe_catalog
from ..sql.catalogs import Warehouse, from_duckdb, prepare_create, quote_in_duckdb, to_duckdb

_VIEW = "view "  # with which the mark of a view on Sail begins
_LIST = """
    SELECT database_name, schema_name, table_name, NULL FROM duckdb_tables() WHERE NOT internal
    UNION ALL
    SELECT database_name, schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal
"""
_NOT_SHARED = ("samples", "system", "temp")
# Types that Sail lacks or names otherwise, and the types of Databricks in their place.
_TYPES = {
    **dict.fromkeys(
        ('"NULL"', "BIT", "INTERVAL", "TIME", "TIME WITH TIME ZONE", "UUID"), "VARCHAR"
    ),
    **dict.fromkeys(
        ("TIMESTAMP", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP_S"), "TIMESTAMP WITH TIME ZONE"
    ),
    "HUGEINT": "BIGINT",  # of sum()
    "UBIGINT": "DECIMAL(20, 0)",
    "UHUGEINT": "DECIMAL(38, 0)",
    "UINTEGER": "BIGINT",
    "USMALLINT": "INTEGER",
    "UTINYINT": "SMALLINT",
}
_TYPE = re.compile(r'"(?:[^"]|"")*"|TIME(?:STAMP)? WITH TIME ZONE|\w+')


class SharedTables:
    """The tables that DuckDB and Sail share. The caller keeps the warehouse locked.

    :param session: of Sail.
    :param file: keeps the marks.
    :param find_view: returns the query of a view of dbt in the SQL of Databricks.
    """

    def __init__(self, session: Any, file: str, find_view: Callable[[str], str | None]) -> None:
        self._session = session
        self._file = file
        self._find_view = find_view
        #: The marks on Sail and in DuckDB.
        self._shared: dict[str, list[Any]] = read_json(file, {})

    def fetch(self) -> None:
        """Copy what tasks on Sail have changed to DuckDB."""
        on_sail = self._read_sail()
        database = Warehouse(is_locked=True)
        try:
            own = _list_duckdb(database)
            for name in self._shared.keys() - on_sail.keys():
                _drop(database, name, own)
                del self._shared[name]
            for name, mark in on_sail.items():
                known = self._shared.pop(name, [None])
                is_copy_of_view = mark.startswith(_VIEW) and own.get(name) is None
                if name in own and known[0] == mark and not is_copy_of_view:
                    self._shared[name] = known
                elif self._copy_to_duckdb(database, name, own):
                    self._shared[name] = [mark, _mark(database, name, None)]
        finally:
            database.close()
            write_json(self._file, self._shared)

    def publish(self) -> list[str]:
        """Copy what dbt has changed to Sail; return errors."""
        on_sail = self._read_sail()
        database = Warehouse(is_locked=True)
        errors: list[str] = []
        try:
            own = _list_duckdb(database)
            for name in self._shared.keys() - own.keys():
                self._drop_on_sail(name, on_sail)
                del self._shared[name]
            marks = {name: _mark(database, name, view) for name, view in own.items()}
            changed = [name for name in marks if self._is_changed(name, marks[name], on_sail)]
            for name in changed:
                if on_sail.get(name) != self._shared.get(name, [None])[0]:
                    errors.append(
                        f"Another task wrote the table {name} while dbt did, so the rows of dbt "
                        "are lost. Let one of the two tasks depend on the other."
                    )
                    own.pop(name)
            changed = [name for name in changed if name in own]
            for name in changed:
                if own[name] is None:
                    errors += self._copy_to_sail(database, name, on_sail)
            for name in self._create_views([each for each in changed if own[each]], on_sail):
                print(
                    f"The view {name} is a table on Spark, with its rows as of now: Sail cannot "
                    "run its query. Run dbt again after its sources have changed."
                )
                errors += self._copy_to_sail(database, name, on_sail)
            on_sail = self._read_sail()
            for name in changed:  # one that Sail does not have is tried again after the next task
                self._shared.pop(name, None)
                if name in on_sail:
                    self._shared[name] = [on_sail[name], marks[name]]
        finally:
            database.close()
            write_json(self._file, self._shared)
        return errors

    def _is_changed(self, name: str, mark: list[Any], on_sail: dict[str, str]) -> bool:
        known = self._shared.get(name, [None, None])[1]
        if on_sail.get(name, "").startswith(_VIEW) and known:
            return bool(known[0] != mark[0])  # a view of Sail follows its tables
        return bool(known != mark)

    def _read_sail(self) -> dict[str, str]:
        """Return the marks of all tables and views on Sail, by name in lower case."""
        return {
            name.lower(): _mark_entry(entry)
            for name, entry in describe_catalog(self._session).items()
            if entry["type"] != "schema" and name.partition(".")[0] not in _NOT_SHARED
        }

    def _drop_on_sail(self, name: str, on_sail: dict[str, str]) -> None:
        if name in on_sail:
            kind = "VIEW" if on_sail[name].startswith(_VIEW) else "TABLE"
            self._session.sql(f"DROP {kind} IF EXISTS {quote_name(name)}")

    def _copy_to_duckdb(self, database: Any, name: str, own: dict[str, Any]) -> bool:
        """Copy a table or a view; return whether it can be read."""
        try:
            rows = self._session.table(quote_name(name)).toArrow()
            database.register("lakeflow_rows", rows)
            _drop(database, name, own)
            prepare_create(database, "TABLE", name.split(".", 2))
            database.execute(f"CREATE TABLE {_path(name)} AS SELECT * FROM lakeflow_rows")
        except Exception as error:
            reason = str(error).partition("\n")[0]
            print(f"dbt cannot read the table {name} of Spark: {reason}", file=sys.stderr)
            _drop(database, name, own)  # rather than its earlier rows
            return False
        return True

    def _copy_to_sail(self, database: Any, name: str, on_sail: dict[str, str]) -> list[str]:
        """Copy a table, or the rows of a view; return errors."""
        try:
            if on_sail.get(name, "").startswith(_VIEW):
                self._drop_on_sail(name, on_sail)
            with TemporaryDirectory(dir=os.path.dirname(self._file)) as folder:
                file = os.path.join(folder, "rows.parquet")
                columns = ", ".join(_list_columns(database, name))
                database.execute(f"COPY (SELECT {columns} FROM {_path(name)}) TO {_text(file)}")
                frame = self._session.read.parquet(file)
                writer = frame.write.mode("overwrite").option("overwriteSchema", "true")
                writer.saveAsTable(quote_name(name))
        except Exception as error:
            self._drop_on_sail(name, on_sail)  # rather than its earlier rows
            reason = str(error).partition("\n")[0]
            return [f"Tasks on Spark cannot read the table {name} of dbt: {reason}"]
        return []

    def _create_views(self, names: list[str], on_sail: dict[str, str]) -> list[str]:
        """Create views on Sail; return those that it cannot run. One may need another one."""
        refused = [name for name in names if not self._create_view(name, on_sail)]
        return refused if len(refused) in (0, len(names)) else self._create_views(refused, on_sail)

    def _create_view(self, name: str, on_sail: dict[str, str]) -> bool:
        if (query := self._find_view(name)) is None:
            return False
        try:
            if not on_sail.get(name, _VIEW).startswith(_VIEW):
                self._drop_on_sail(name, on_sail)
            self._session.sql(f"CREATE OR REPLACE VIEW {quote_name(name)} AS {query}")
            self._session.table(quote_name(name)).schema  # noqa: B018  # Sail resolves it only now
        except Exception:
            self._session.sql(f"DROP VIEW IF EXISTS {quote_name(name)}")
            return False
        return True


def _list_duckdb(database: Any) -> dict[str, str | None]:
    """Return the statements of all views by name in lower case, and ``None`` for tables."""
    return {
        f"{from_duckdb(catalog)}.{schema}.{name}".lower(): view
        for catalog, schema, name, view in database.execute(_LIST).fetchall()
        if catalog not in _NOT_SHARED
    }


def _mark(database: Any, name: str, view: str | None) -> list[Any]:
    """Return what differs if someone has changed a table or a view: its definition and its rows."""
    try:
        columns = database.execute(f"DESCRIBE {_path(name)}").fetchall()
        query = f"SELECT count(*), sum(hash(lakeflow)) FROM {_path(name)} AS lakeflow"
        return [view or _digest(columns), str(database.execute(query).fetchall())]
    except duckdb.Error:  # a view whose tables are gone
        return [view, None]


def _mark_entry(entry: dict[str, Any]) -> str:
    """Return what differs if someone has changed a table of Sail: its entry and its files."""
    if entry["type"] == "view":
        return _VIEW + str(entry["text"])
    location = Path(drop_scheme(entry["location"]))
    files: Iterable[Path] = [location] if location.is_file() else location.rglob("*")
    states = []
    for each in files:
        with suppress(FileNotFoundError):  # a file that another task writes at this moment
            status = each.stat()
            states.append((str(each), status.st_mtime_ns, status.st_size))
    return _digest([entry, sorted(states)])


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def _drop(database: Any, name: str, own: dict[str, str | None]) -> None:
    if name in own:
        kind = "TABLE" if own.pop(name) is None else "VIEW"
        database.execute(f"DROP {kind} IF EXISTS {_path(name)}")


def _list_columns(database: Any, name: str) -> list[str]:
    """Return the columns of a table of DuckDB, with types that Sail has."""
    columns = []
    for column, kind, *_ in database.execute(f"DESCRIBE {_path(name)}").fetchall():
        quoted = quote_in_duckdb([column])
        wanted = "VARCHAR" if "ENUM(" in kind else _TYPE.sub(lambda m: _TYPES.get(m[0], m[0]), kind)
        columns.append(quoted if wanted == kind else f"CAST({quoted} AS {wanted}) AS {quoted}")
    return columns


def _path(name: str) -> str:
    """Return the name of a table in DuckDB."""
    catalog, *rest = name.split(".", 2)
    return quote_in_duckdb([to_duckdb(catalog), *rest])


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
