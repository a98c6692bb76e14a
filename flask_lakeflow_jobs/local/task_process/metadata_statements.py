"""The statements by which drivers list tables and columns, as queries of information schemas. Pure.

They are not documented. Source: databricks-sql-kernel, of databricks-sql-connector.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_LIST = re.compile(
    r"\s*SHOW\s+(?P<kind>SCHEMAS|TABLES|COLUMNS)"
    r"\s+IN\s+(?:CATALOG\s+(?P<catalog>`(?:[^`]|``)+`|\w+)|ALL\s+CATALOGS)"
    r"(?P<filters>(?:\s+(?:(?:SCHEMA|TABLE)\s+)?LIKE\s+'(?:[^']|'')*')*)\s*",
    re.IGNORECASE,
)
_FILTER = re.compile(r"(?:(SCHEMA|TABLE)\s+)?LIKE\s+('(?:[^']|'')*')", re.IGNORECASE)
_PLACE = "table_catalog AS catalogName, table_schema AS namespace, table_name AS tableName"


class _List(NamedTuple):
    """A list as a query.

    :param source: from which to select, with a place for the catalog.
    :param own: the column whose values a plain ``LIKE`` filters.
    """

    selected: str
    source: str
    own: str
    order: str


_LISTS = {
    "SCHEMAS": _List(
        "schema_name AS databaseName, catalog_name AS catalog",
        "{}.information_schema.schemata",
        "schema_name",
        "2, 1",
    ),
    "TABLES": _List(
        f"{_PLACE}, table_type AS tableType, comment AS remarks",
        "{}.information_schema.tables",
        "table_name",
        "1, 2, 3",
    ),
    "COLUMNS": _List(
        f"column_name AS col_name, {_PLACE}, upper(full_data_type) AS columnType, "
        "CASE is_nullable WHEN 'YES' THEN 'true' ELSE 'false' END AS isNullable, "
        "position AS ordinalPosition, comment AS remarks",
        "(SELECT *, row_number() OVER (PARTITION BY table_catalog, table_schema, table_name "
        "ORDER BY ordinal_position) AS position FROM {}.information_schema.columns)",
        "column_name",
        "2, 3, 4, 7",
    ),
}


def replace_metadata_statement(statement: str) -> str:
    """Return a query for what a driver lists; any other statement as it is."""
    match = _LIST.fullmatch(statement)
    if match is None:
        return statement
    listed = _LISTS[match["kind"].upper()]
    filtered = {"": listed.own, "SCHEMA": "table_schema", "TABLE": "table_name"}
    conditions = [
        f"lower({filtered[word.upper()]}) LIKE lower({pattern.replace('*', '%')})"
        for word, pattern in _FILTER.findall(match["filters"])
    ]
    return (
        f"SELECT {listed.selected} FROM {listed.source.format(match['catalog'] or 'system')} "  # noqa: S608 (quoted)
        f"WHERE {' AND '.join(conditions) or 'true'} ORDER BY {listed.order}"
    )
