"""Names in the SQL of Spark: their parts, their quotes, and the schemas in them.

The workspace of a bundle has its schemas already. Here, each is created when a task first writes to
it or uses it. Sail looks for the tables of a view in the schema that is current when the view is
read. So the text of a view names their schemas.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..sql_syntax import NAME_PART
from .data_files import FILE_FORMATS


def find_schema(table: str) -> list[str]:
    """Return the parts of the schema in the name of a table.

    :raises NotImplementedError: it is the path of a table.
    """
    *schema, name = split_name(table) or [""]
    if schema == ["delta"] and "/" in name:  # Sail would take it for a schema
        raise NotImplementedError(
            "Sail creates no table by its path. Give it a name and LOCATION '/…', or write a frame "
            "into the folder: ….write.format('delta').save('/…')."
        )
    return schema


def create_schema(schema: list[str], query: Callable[[str], Any]) -> None:
    """Create a schema that a task writes to or uses, if a name has one."""
    if schema:
        query(f"CREATE SCHEMA IF NOT EXISTS {'.'.join(map(quote_part, schema))}")


def split_name(name: str) -> list[str]:
    """Return the parts of a name, without their quotes."""
    return [unquote_part(part) for part in re.findall(NAME_PART, name)]


def quote_name(name: str) -> str:
    """Quote a name of catalog, schema and table."""
    return ".".join(quote_part(part) for part in name.split(".", 2))


def quote_part(part: str) -> str:
    """Quote one part of a name."""
    return "`" + part.replace("`", "``") + "`"


def unquote_part(part: str) -> str:
    """Return a part of a name without its quotes."""
    return part.strip("`").replace("``", "`")


def list_schemas(query: Callable[[str], Any], catalog: str | None = None) -> list[str]:
    """Return the schemas of a catalog, which Sail quotes if they are such as ``my-schema``.

    :param catalog: quoted.
    """
    rows = query(f"SHOW SCHEMAS IN {catalog}" if catalog else "SHOW SCHEMAS").collect()
    return [unquote_part(row[0]) for row in rows]


def find_current(query: Callable[[str], Any]) -> tuple[str, str]:
    """Return the current catalog and schema."""
    ((catalog, schema),) = query("SELECT current_catalog(), current_schema()").collect()
    return catalog, unquote_part(schema)


def qualify(query: str, catalog: str, schema: str) -> str:
    """Name the catalog and the schema of the tables in a query, or in the statement of a view."""
    for start, has_schema in sorted(_find_names(query), reverse=True):
        parts = (catalog,) if has_schema else (catalog, schema)
        prefix = "".join(f"{quote_part(part)}." for part in parts)
        query = query[:start] + prefix + query[start:]
    return query


def _find_names(statement: str) -> list[tuple[int, bool]]:
    """Return where names without a catalog begin, and whether they have a schema."""
    from sqlglot import exp  # it takes long to import
    from sqlglot.errors import SqlglotError

    from ..sql.databricks_sql import DatabricksDialect, parse_one

    try:
        tree = parse_one(statement, DatabricksDialect)
    except SqlglotError:  # the error of Sail says what it does not know
        return []
    local = {each.alias.lower() for each in tree.find_all(exp.CTE)}
    found = []
    query = tree.expression if isinstance(tree, exp.Create) else tree
    for table in query.find_all(exp.Table):
        first = table.args.get("db") or table.this
        is_local = not table.db and table.name.lower() in local
        is_named = isinstance(first, exp.Identifier) and "start" in first.meta
        if is_named and not (table.catalog or is_local or table.db.lower() in FILE_FORMATS):
            found.append((first.meta["start"], bool(table.db)))
    return found
