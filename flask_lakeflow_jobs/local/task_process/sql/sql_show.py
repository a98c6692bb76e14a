"""Answers ``SHOW`` and ``DESCRIBE`` as Databricks does, from the catalogs of DuckDB."""

# ruff: noqa: S608  # names are quoted
from __future__ import annotations

from typing import Any

from ..result_types import simple_type
from ..sql_statements import matches_show_pattern
from ..sql_syntax import match_syntax, split_name
from .catalogs import DEFAULT_SCHEMA, HIDDEN_SCHEMAS, from_duckdb, quote_in_duckdb, to_duckdb

Row = tuple[Any, ...]

_LISTS = (
    "<kind: CATALOGS | DATABASES | SCHEMAS | TABLES | VIEWS> [(IN | FROM) <name>] [[LIKE] <text>] $"
)
_DESCRIBE = (
    "[<kind: CATALOG | DATABASE | SCHEMA | TABLE | VIEW>] [<extended: EXTENDED | FORMATTED>] <name>"
    " [<column>] $"
)


def show_objects(database: Any, text: str) -> Any | None:
    """Run a ``SHOW``, and return the connection with its result.

    :param text: what follows ``SHOW``.
    :return: ``None`` if it is not one that is known here.
    """
    if (match := match_syntax(_LISTS, text)) is None:
        return None
    kind = match["kind"].upper().replace("DATABASES", "SCHEMAS")
    columns, rows = _LISTED[kind](database, split_name(match["name"] or ""))
    position = 0 if len(columns) == 1 else 1
    found = [row for row in rows if matches_show_pattern(row[position], match["text"])]
    return _select(database, columns, found)


def describe(database: Any, text: str) -> Any | None:
    """Run a ``DESCRIBE``, and return the connection with its result.

    :param text: what follows ``DESCRIBE``.
    :return: ``None`` if it is not one that is known here.
    """
    match = match_syntax(_DESCRIBE, text)
    if not match or match_syntax("(DETAIL | FUNCTION | HISTORY) <name>", text):
        return None
    names = split_name(match["name"])
    kind = (match["kind"] or "TABLE").upper().replace("DATABASE", "SCHEMA")
    if kind == "CATALOG":
        return _select(database, ["info_name", "info_value"], [("Catalog Name", names[0])])
    if kind == "SCHEMA":
        catalog, schema = _schema_path(database, names)
        rows: list[Row] = [("Catalog Name", catalog), ("Namespace Name", schema)]
        return _select(database, ["database_description_item", "database_description_value"], rows)
    rows = _describe(database, names)
    if match["column"]:
        (found,) = [row for row in rows if row[0].lower() == match["column"].strip("`").lower()]
        rows = list(zip(("col_name", "data_type", "comment"), found, strict=True))
        return _select(database, ["info_name", "info_value"], rows)
    if match["extended"]:
        catalog, schema, table = table_path(database, names)
        (view,) = _fetch(database, "duckdb_views()", "view_name", "count(*) > 0", names)[0]
        rows += [("", "", ""), ("# Detailed Table Information", "", "")]
        rows += [("Catalog", catalog, ""), ("Database", schema, ""), ("Table", table, "")]
        rows += [("Type", "VIEW" if view else "MANAGED", "")]
    return _select(database, ["col_name", "data_type", "comment"], rows)


def describe_query(database: Any, query: str) -> Any:
    """Return the connection with the columns of a query of DuckDB."""
    described = database.execute(f"SELECT * FROM ({query}) LIMIT 0").description
    rows = [(name, simple_type(kind), None) for name, kind, *_ in described]
    return _select(database, ["col_name", "data_type", "comment"], rows)


def _list_tables(database: Any, names: list[str], *, only_views: bool = False) -> list[Row]:
    catalog, schema = _schema_path(database, names)
    query = """
        SELECT table_schema, table_name, false FROM information_schema.tables
        WHERE table_catalog = $catalog AND table_schema = $schema
            AND (NOT $views OR table_type = 'VIEW')
        UNION ALL
        SELECT '', view_name, true FROM duckdb_views() WHERE temporary AND NOT internal
        ORDER BY 1, 2
    """
    values = {"catalog": to_duckdb(catalog), "schema": schema, "views": only_views}
    return list(database.execute(query, values).fetchall())


def _list_schemas(database: Any, names: list[str]) -> list[Row]:
    catalog = to_duckdb(_schema_path(database, [*names, DEFAULT_SCHEMA] if names else [])[0])
    query = "SELECT schema_name FROM information_schema.schemata WHERE catalog_name = $1"
    found = {row[0] for row in database.execute(query, [catalog]).fetchall()}
    listed = {*found, DEFAULT_SCHEMA, "information_schema"} - {*HIDDEN_SCHEMAS}
    return [(each,) for each in sorted(listed)]


def _list_catalogs(database: Any) -> list[Row]:
    query = "SELECT database_name FROM duckdb_databases() WHERE NOT internal"
    names = (row[0] for row in database.execute(query).fetchall())
    return [(each,) for each in sorted(from_duckdb(name) for name in names)]


_LISTED: dict[str, Any] = {
    "TABLES": lambda database, names: (
        ["database", "tableName", "isTemporary"],
        _list_tables(database, names),
    ),
    "VIEWS": lambda database, names: (
        ["namespace", "viewName", "isTemporary"],
        _list_tables(database, names, only_views=True),
    ),
    "SCHEMAS": lambda database, names: (["databaseName"], _list_schemas(database, names)),
    "CATALOGS": lambda database, names: (["catalog"], _list_catalogs(database)),
}


def _describe(database: Any, names: list[str]) -> list[Row]:
    path = quote_in_duckdb([*map(to_duckdb, names[:-2]), *names[-2:]])
    described = database.execute(f"SELECT * FROM {path} LIMIT 0").description
    comments: dict[str, Any] = dict(
        _fetch(database, "duckdb_columns()", "table_name", "column_name, comment", names)
    )
    return [(name, simple_type(kind), comments.get(name)) for name, kind, *_ in described]


def _fetch(database: Any, source: str, column: str, selected: str, names: list[str]) -> list[Row]:
    """Select from a table function of DuckDB the rows of one table."""
    catalog, schema, table = duckdb_path(database, names)
    query = (
        f"SELECT {selected} FROM {source} WHERE lower({column}) = lower($table) AND (database_name "
        "= 'temp' OR (database_name = $catalog AND lower(schema_name) = lower($schema)))"
    )
    values = {"catalog": catalog, "schema": schema, "table": table}
    return list(database.execute(query, values).fetchall())


def table_path(database: Any, names: list[str]) -> list[str]:
    """Return catalog, schema and name of a table."""
    return [*_schema_path(database, names[:-1]), names[-1]]


def duckdb_path(database: Any, names: list[str]) -> list[str]:
    """Return catalog, schema and name of a table, as DuckDB has them."""
    catalog, *rest = table_path(database, names)
    return [to_duckdb(catalog), *rest]


def _schema_path(database: Any, names: list[str]) -> list[str]:
    """Return catalog and schema, the current ones where the name lacks them."""
    query = "SELECT system.main.current_database(), system.main.current_schema()"
    catalog, schema = database.execute(query).fetchone()
    return [*[from_duckdb(catalog), schema][: 2 - len(names)], *names]


def _select(database: Any, columns: list[str], rows: list[Row]) -> Any:
    """Return the connection with rows of texts as its result."""
    names = ", ".join(quote_in_duckdb([each]) for each in columns)
    if not rows:
        nulls = ", ".join("NULL::VARCHAR" for _ in columns)
        return database.execute(f"SELECT * FROM (VALUES ({nulls})) AS t({names}) WHERE false")
    marks = ", ".join(f"({', '.join('?' for _ in columns)})" for _ in rows)
    values = [value for row in rows for value in row]
    return database.execute(f"SELECT * FROM (VALUES {marks}) AS t({names})", values)
