"""The catalogs and schemas of the warehouse: DuckDB files and schemas, created on first use."""

from __future__ import annotations

import os
import re
import time

import duckdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_DATABASE = "warehouse"
# DuckDB allows no database to be called ``main``, the most common catalog.
_OWN_CATALOGS = (_DATABASE, "main")
_EXTENSION = ".duckdb"
_MAX_LOCK_WAIT_SECONDS = 30.0
_NAME_PART = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w-]*)'
_CREATE = re.compile(
    rf"^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(CATALOG|SCHEMA|DATABASE|TABLE|VIEW)\s+"
    rf"(?:IF\s+NOT\s+EXISTS\s+)?({_NAME_PART}(?:\s*\.\s*{_NAME_PART})*)",
    re.IGNORECASE,
)
# The first of three names is a catalog; after these words, so is the first of two.
_MAIN_CATALOG = re.compile(
    r"(?P<unchanged>'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/)"
    r"|(?P<words>\b(?:CREATE|DROP)\s+(?:SCHEMA|DATABASE)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?)"
    r'(?:"main"|main)\.'
    rf'|(?<![\w."])(?:"main"|main)\.(?={_NAME_PART}\.)',
    re.DOTALL | re.IGNORECASE,
)


def connect() -> Any:
    """Open the warehouse, and attach the catalogs that earlier statements have created."""
    database = _retry_while_locked(lambda: duckdb.connect(_catalog_file(_DATABASE)))
    for name in os.listdir(_folder()):
        catalog, extension = os.path.splitext(name)
        if extension == _EXTENSION and catalog not in _OWN_CATALOGS:
            _attach(database, catalog)
    return database


def use(database: Any, *, is_catalog: bool, name: str) -> None:
    """Make a catalog or a schema the current one."""
    if is_catalog:
        name = _ensure_catalog(database, name)
    else:
        name = _ensure_schema(database, name.split("."))
    database.execute(f"USE {quote_name(name)}")


def prepare_create(database: Any, statement: str) -> bool:
    """Create the catalog and the schema that a CREATE statement needs.

    :return: true if nothing is left to execute, as after ``CREATE CATALOG``.
    """
    if not (match := _CREATE.match(statement)):
        return False
    kind = match[1].upper()
    names = [each.strip('"').replace('""', '"') for each in re.findall(_NAME_PART, match[2])]
    if kind == "CATALOG":
        _ensure_catalog(database, names[0])
    elif kind in ("SCHEMA", "DATABASE"):
        if len(names) > 1:
            _ensure_catalog(database, names[0])
    elif len(names) > 1:
        _ensure_schema(database, names[:-1])
    return kind == "CATALOG"


def rename_main_catalog(statement: str) -> str:
    """Replace the catalog ``main`` by its name in DuckDB."""

    def replacement(match: re.Match[str]) -> str:
        return match["unchanged"] or f"{match['words'] or ''}{_DATABASE}."

    return _MAIN_CATALOG.sub(replacement, statement)


def quote_name(name: str) -> str:
    """Quote each part of a name for DuckDB."""
    return ".".join('"' + part.strip('"').replace('"', '""') + '"' for part in name.split("."))


def _ensure_catalog(database: Any, name: str) -> str:
    if name in _OWN_CATALOGS:
        return _DATABASE
    _attach(database, name)
    return name


def _ensure_schema(database: Any, names: list[str]) -> str:
    *catalog, schema = names
    path = ".".join([*(_ensure_catalog(database, each) for each in catalog), schema])
    database.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_name(path)}")
    return path


def _attach(database: Any, catalog: str) -> None:
    file = _catalog_file(catalog).replace("'", "''")
    statement = f"ATTACH IF NOT EXISTS '{file}' AS {quote_name(catalog)}"
    _retry_while_locked(lambda: database.execute(statement))


def _retry_while_locked(attempt: Callable[[], Any]) -> Any:
    """Wait for other tasks: only one process at a time can open a DuckDB file."""
    deadline = time.monotonic() + _MAX_LOCK_WAIT_SECONDS
    while True:
        try:
            return attempt()
        except duckdb.IOException as error:
            if "lock" not in str(error).lower() or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _catalog_file(catalog: str) -> str:
    return os.path.join(_folder(), catalog + _EXTENSION)


def _folder() -> str:
    return os.environ["LAKEFLOW_LOCAL_DATA"]
