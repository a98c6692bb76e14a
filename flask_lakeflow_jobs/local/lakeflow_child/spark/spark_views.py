"""Views whose tables stay the same: Sail looks for them in the schema that is current later."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..sql_statements import remove_comments
from .sql_names import NAME, quote_part

_VIEW = re.compile(
    r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"({NAME})",
    re.IGNORECASE,
)
#: The first part of a name such as ``delta.`/folder```.
_FORMATS = ("avro", "binaryfile", "csv", "delta", "json", "orc", "parquet", "text")


def qualify_view(statement: str, query: Callable[[str], Any]) -> str:
    """Name the catalogs and the schemas of the tables in the text of a new view.

    :param query: runs a statement of Sail.
    :raises ValueError: there is a table of its name, which Sail would keep without a word.
    """
    if not (match := _VIEW.match(bare := remove_comments(statement))):
        return statement
    if _is_table(match[1], query):
        raise ValueError(
            f"[TABLE_OR_VIEW_ALREADY_EXISTS] {match[1]} is a table already. Drop it first, with "
            f"DROP TABLE {match[1]}, or give the view another name."
        )
    if not _find_names(bare):
        return statement
    ((catalog, schema),) = query("SELECT current_catalog(), current_schema()").collect()
    return qualify(bare, catalog, schema)


def _is_table(name: str, query: Callable[[str], Any]) -> bool:
    try:
        rows = query(f"DESCRIBE EXTENDED {name}").collect()
    except Exception:  # there is nothing of this name
        return False
    return {row.col_name: row.data_type for row in rows}.get("Type") in ("EXTERNAL", "MANAGED")


def qualify(query: str, catalog: str, schema: str) -> str:
    """Name the catalog and the schema of the tables in a query, or in the statement of a view."""
    for start, has_schema in sorted(_find_names(query), reverse=True):
        parts = (catalog,) if has_schema else (catalog, schema)
        prefix = "".join(f"{quote_part(part)}." for part in parts)
        query = query[:start] + prefix + query[start:]
    return query


def _find_names(statement: str) -> list[tuple[int, bool]]:
    """Return where names without a catalog begin, and whether they have a schema."""
    try:
        from sqlglot import exp
        from sqlglot.errors import SqlglotError
    except ImportError:
        return []
    from ..sql.databricks_sql import DatabricksDialect, parse_one

    try:
        tree = parse_one(statement, DatabricksDialect)
    except SqlglotError:  # Sail tells what it does not know
        return []
    local = {each.alias.lower() for each in tree.find_all(exp.CTE)}
    found = []
    query = tree.expression if isinstance(tree, exp.Create) else tree
    for table in query.find_all(exp.Table):
        first = table.args.get("db") or table.this
        is_local = not table.db and table.name.lower() in local
        is_named = isinstance(first, exp.Identifier) and "start" in first.meta
        if is_named and not (table.catalog or is_local or table.db.lower() in _FORMATS):
            found.append((first.meta["start"], bool(table.db)))
    return found
