"""The statements by which drivers list tables and columns, as queries of information schemas. Pure.

They are not documented. Source: databricks-sql-kernel, of databricks-sql-connector.
"""

from __future__ import annotations

import re

_LIST = re.compile(
    r"\s*SHOW\s+(?P<kind>TABLES|COLUMNS)\s+IN\s+CATALOG\s+(?P<catalog>`(?:[^`]|``)+`|\w+)"
    r"(?P<filters>(?:\s+(?:(?:SCHEMA|TABLE)\s+)?LIKE\s+'(?:[^']|'')*')*)\s*",
    re.IGNORECASE,
)
_FILTER = re.compile(r"(?:(SCHEMA|TABLE)\s+)?LIKE\s+('(?:[^']|'')*')", re.IGNORECASE)
_PLACE = "table_catalog AS catalogName, table_schema AS namespace, table_name AS tableName"
_COLUMNS = {
    "TABLES": f"{_PLACE}, table_type AS tableType, comment AS remarks",
    "COLUMNS": (
        f"column_name AS col_name, {_PLACE}, upper(full_data_type) AS columnType, "
        "CASE is_nullable WHEN 'YES' THEN 'true' ELSE 'false' END AS isNullable, "
        "row_number() OVER (PARTITION BY table_schema, table_name ORDER BY ordinal_position) "
        "AS ordinalPosition, comment AS remarks"
    ),
}
_ORDER = {"TABLES": "2, 3", "COLUMNS": "3, 4, 7"}


def replace_metadata_statement(statement: str) -> str:
    """Return a query for what a driver lists; any other statement as it is."""
    match = _LIST.fullmatch(statement)
    if match is None:
        return statement
    kind = match["kind"].upper()
    filtered = {"SCHEMA": "table_schema", "TABLE": "table_name"}
    own = "table_name" if kind == "TABLES" else "column_name"
    conditions = [
        f"lower({filtered.get(word.upper(), own)}) LIKE lower({pattern.replace('*', '%')})"
        for word, pattern in _FILTER.findall(match["filters"])
    ]
    return (
        f"SELECT {_COLUMNS[kind]} FROM {match['catalog']}.information_schema.{kind.lower()} "  # noqa: S608 (quoted)
        f"WHERE {' AND '.join(conditions) or 'true'} ORDER BY {_ORDER[kind]}"
    )
