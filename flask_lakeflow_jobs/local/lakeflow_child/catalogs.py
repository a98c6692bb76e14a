"""The catalogs and schemas of the warehouse: DuckDB files and what is in them, made when they are
first used, for nobody has made any here.
"""

from __future__ import annotations

import os
import re
import time
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_OWN = "warehouse"
# The database's own name; and the commonest of all, which DuckDB allows no database to have.
_OWN_CATALOGS = (_OWN, "main")
_ENDING = ".duckdb"
_WAIT_SECONDS = 30.0  # seconds to wait while another task has the database open
_PART = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w-]*)'
_MADE = re.compile(
    rf"^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(CATALOG|SCHEMA|DATABASE|TABLE|VIEW)\s+"
    rf"(?:IF\s+NOT\s+EXISTS\s+)?({_PART}(?:\s*\.\s*{_PART})*)",
    re.IGNORECASE,
)
# Of three names the first is a catalog's, and of two after these words.
_IN_MAIN = re.compile(
    r"(?P<kept>'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/)"
    r"|(?P<words>\b(?:CREATE|DROP)\s+(?:SCHEMA|DATABASE)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?)"
    r'(?:"main"|main)\.'
    rf'|(?<![\w."])(?:"main"|main)\.(?={_PART}\.)',
    re.DOTALL | re.IGNORECASE,
)


def connect() -> Any:
    """The warehouse, and the catalogs that earlier statements have made."""
    duckdb = import_module("duckdb")
    file = os.path.join(_folder(), "warehouse" + _ENDING)
    database = _patiently(lambda: duckdb.connect(file))
    for name in os.listdir(_folder()):
        catalog, ending = os.path.splitext(name)
        if ending == _ENDING and catalog not in _OWN_CATALOGS:
            _attach(database, catalog)
    return database


def use(database: Any, *, is_catalog: bool, name: str) -> None:
    """Make a catalog or a schema the current one."""
    if is_catalog:
        name = _provide_catalog(database, name)
    else:
        name = _provide_schema(database, name.split("."))
    database.execute(f"USE {quoted(name)}")


def make(database: Any, statement: str) -> bool:
    """Make what a statement that creates something counts on, as a workspace has it.

    :return: whether there is nothing left to create.
    """
    if not (made := _MADE.match(statement)):
        return False
    kind = made[1].upper()
    names = [each.strip('"').replace('""', '"') for each in re.findall(_PART, made[2])]
    if kind == "CATALOG":
        _provide_catalog(database, names[0])
    elif kind in ("SCHEMA", "DATABASE"):
        if len(names) > 1:
            _provide_catalog(database, names[0])
    elif len(names) > 1:
        _provide_schema(database, names[:-1])
    return kind == "CATALOG"


def in_own_catalog(statement: str) -> str:
    """The same statement with the catalog ``main`` under the name that it has in DuckDB."""

    def replacement(match: re.Match[str]) -> str:
        return match["kept"] or f"{match['words'] or ''}{_OWN}."

    return _IN_MAIN.sub(replacement, statement)


def _provide_catalog(database: Any, name: str) -> str:
    if name in _OWN_CATALOGS:
        return _OWN
    _attach(database, name)
    return name


def _provide_schema(database: Any, names: list[str]) -> str:
    *catalog, schema = names
    path = ".".join([*(_provide_catalog(database, each) for each in catalog), schema])
    database.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(path)}")
    return path


def quoted(name: str) -> str:
    """A name, which may have several parts, in DuckDB's quotes."""
    return ".".join('"' + part.strip('"').replace('"', '""') + '"' for part in name.split("."))


def _attach(database: Any, catalog: str) -> None:
    file = os.path.join(_folder(), catalog + _ENDING).replace("'", "''")
    _patiently(lambda: database.execute(f"ATTACH IF NOT EXISTS '{file}' AS {quoted(catalog)}"))


def _patiently(attempt: Callable[[], Any]) -> Any:
    """Only one process at a time may have a DuckDB file open: wait while another one has."""
    duckdb = import_module("duckdb")
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return attempt()
        except duckdb.IOException as error:
            if "lock" not in str(error).lower() or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _folder() -> str:
    return os.environ["LAKEFLOW_LOCAL_DATA"]
