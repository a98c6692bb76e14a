"""The information schema of a catalog, which Sail lacks: a query of what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from .show_commands import build_values
from .sql_names import quote_name, quote_part

Query = Callable[[str], Any]
Row = tuple[Any, ...]

_COLUMNS = {
    "catalogs": ["catalog_name"],
    "columns": [
        "table_catalog",
        "table_schema",
        "table_name",
        "column_name",
        "ordinal_position",
        "is_nullable",
        "data_type",
        "full_data_type",
        "comment",
    ],
    "schemata": ["catalog_name", "schema_name"],
    "tables": [
        "table_catalog",
        "table_schema",
        "table_name",
        "table_type",
        "data_source_format",
        "comment",
    ],
    "views": ["table_catalog", "table_schema", "table_name"],
}


def insert_information(tree: exp.Expr, query: Query, parse: Callable[[str], exp.Expr]) -> exp.Expr:
    """Replace the tables of information schemas by queries.

    :param query: runs a statement of Sail.
    :param parse: returns the tree of a statement.
    """
    for table in list(tree.find_all(exp.Table)):
        name = table.name.lower()
        if table.db.lower() == "information_schema" and name in _COLUMNS:
            rows = list(_list_rows(name, _list_catalogs(table.catalog, query), query))
            alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name))
            text = build_values(_COLUMNS[name], rows)
            table.replace(exp.Subquery(this=parse(text), alias=alias))
    return tree


def _list_catalogs(name: str, query: Query) -> list[str]:
    if name.lower() == "system":
        found = [row[0] for row in query("SHOW CATALOGS").collect()]
        return [each for each in found if each != "system"]
    return [name or str(query("SELECT current_catalog()").first()[0])]


def _list_rows(kind: str, catalogs: list[str], query: Query) -> Iterator[Row]:
    for catalog in catalogs:
        if kind == "catalogs":
            yield (catalog,)
            continue
        for row in query(f"SHOW SCHEMAS IN {quote_part(catalog)}").collect():
            if kind == "schemata":
                yield catalog, row[0]
            else:
                yield from _list_tables(kind, f"{catalog}.{row[0]}", query)


def _list_tables(kind: str, schema: str, query: Query) -> Iterator[Row]:
    path = schema.split(".", 1)
    views = {row.tableName for row in query(f"SHOW VIEWS IN {quote_name(schema)}").collect()}
    for row in query(f"SHOW TABLES IN {quote_name(schema)}").collect():
        if row.isTemporary:
            continue
        is_view = row.tableName in views
        if kind == "tables":
            source = None if is_view else "DELTA"
            yield *path, row.tableName, "VIEW" if is_view else "MANAGED", source, None
        elif kind == "views" and is_view:
            yield *path, row.tableName
        elif kind == "columns":
            yield from _list_columns(path, row.tableName, query)


def _list_columns(path: list[str], table: str, query: Query) -> Iterator[Row]:
    name = quote_name(".".join([*path, table]))
    fields = query(f"SELECT * FROM {name}").schema.fields  # noqa: S608 (quoted)
    for position, field in enumerate(fields):
        kind = field.dataType.simpleString()
        null = "YES" if field.nullable else "NO"
        plain = kind.partition("<")[0].partition("(")[0].upper()
        yield *path, table, field.name, position, null, plain, kind, None
