"""Keeps the names of tables between tasks: Sail has them in memory, for one session only.

The file ``tables.json`` maps each name, such as ``main.default.orders``, to the format and the
location of the table. A task brings its session up to date with it, and adds its own changes.
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import contextmanager

from ..json_files import read_json, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Tables = dict[str, list[str]]

_SPARKS_OWN = "system"  # a catalog of Sail


def load_tables(session: Any, folder: str) -> Tables:
    """Create the tables of earlier tasks in a session; return those that it knows then.

    A table that cannot be created is named in the log, and stays in the file.
    """
    with _open_tables(folder) as saved:
        tables = dict(saved)
    return {name: table for name, table in tables.items() if _create(session, name, *table)}


def save_tables(session: Any, folder: str, loaded: Tables) -> None:
    """Add the changes of a session to the file.

    :param loaded: the tables that it knew at its start.
    """
    own = _describe_tables(session)
    with _open_tables(folder) as saved:
        tables = {name: table for name, table in saved.items() if name in own or name not in loaded}
        changed = {name: table for name, table in own.items() if loaded.get(name) != table}
        if saved != {**tables, **changed}:
            write_json(_file(folder), {**tables, **changed})


def list_catalogs(folder: str) -> set[str]:
    """Return the catalogs of all tables."""
    return {name.split(".", 1)[0] for name in read_json(_file(folder), {})}


def quote_name(name: str) -> str:
    """Quote each part of a name, such as ``main.default.orders``."""
    return ".".join(f"`{part}`" for part in name.split("."))


def _create(session: Any, name: str, format_name: str, location: str) -> bool:
    schema = name.rpartition(".")[0]
    try:
        session.sql(f"CREATE SCHEMA IF NOT EXISTS {quote_name(schema)}")
        session.sql(
            f"CREATE TABLE IF NOT EXISTS {quote_name(name)} USING {format_name} "
            f"LOCATION '{location}'"
        )
    except Exception as error:
        print(f"The table {name} cannot be read any more: {error}", file=sys.stderr)
        return False
    return True


def _describe_tables(session: Any) -> Tables:
    tables = {}
    for catalog in _column(session, "SHOW CATALOGS", "catalog"):
        if catalog == _SPARKS_OWN:
            continue
        for schema in _column(session, f"SHOW SCHEMAS IN `{catalog}`", "name"):
            # Sail keeps a schema of a catalog that it does not know as one with two parts.
            place = schema if "." in schema else f"{catalog}.{schema}"
            rows = session.sql(f"SHOW TABLES IN {quote_name(place)}").collect()
            for name in (f"{place}.{row.tableName}" for row in rows if not row.isTemporary):
                if table := _describe_table(session, name):
                    tables[name] = table
    return tables


def _column(session: Any, statement: str, column: str) -> list[str]:
    return [row[column] for row in session.sql(statement).collect()]


def _describe_table(session: Any, name: str) -> list[str] | None:
    """Return the format and the location of a table, ``None`` for a view."""
    rows = session.sql(f"DESCRIBE EXTENDED {quote_name(name)}").collect()
    details = {row.col_name: row.data_type for row in rows}
    return [details["Provider"], details["Location"]] if "Location" in details else None


def _file(folder: str) -> str:
    return os.path.join(folder, "tables.json")


@contextmanager
def _open_tables(folder: str) -> Iterator[Tables]:
    """Return the tables in the file, and keep other tasks from changing it meanwhile."""
    lock = os.open(os.path.join(folder, "tables.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield read_json(_file(folder), {})
    finally:
        os.close(lock)
