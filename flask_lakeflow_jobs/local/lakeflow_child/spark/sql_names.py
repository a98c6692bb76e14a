"""Names in the SQL of Spark: their parts, their quotes, and the schemas in them.

The workspace of a bundle has its schemas already. Here, each is created when a task first writes to
it or uses it.
"""

from __future__ import annotations

import re
from typing import Any

#: A part of a name, and a whole one, as patterns.
NAME_PART = r"(?:`(?:[^`]|``)+`|[\w-]+)"
NAME = rf"{NAME_PART}(?:\.{NAME_PART})*"
_NAME = rf"({NAME_PART}(?:\s*\.\s*{NAME_PART}){{0,2}})"
_USE = re.compile(rf"\s*USE\s+(?:SCHEMA\s+|DATABASE\s+)?{_NAME}\s*;?\s*$", re.IGNORECASE)
_CREATE = re.compile(
    r"\s*CREATE\s+(?:OR\s+\w+\s+)?(?:EXTERNAL\s+|MATERIALIZED\s+)?(?:TABLE|VIEW)\s+"
    rf"(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}",
    re.IGNORECASE,
)


def find_schema(statement: str) -> str | None:
    """Return the schema that a statement uses or writes to, quoted.

    :param statement: without comments.
    :return: ``None`` if it names none.
    """
    if match := _CREATE.match(statement):
        return _find_schema_of(match[1])
    if match := _USE.match(statement):
        return _quote(split_name(match[1]))
    return None


def create_schema_of(table: str, session: Any) -> None:
    """Create the schema of a table, if its name has one."""
    if schema := _find_schema_of(table):
        session.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")


def _find_schema_of(table: str) -> str | None:
    *schema, _ = split_name(table) or [""]
    return _quote(schema) if schema else None


def split_name(name: str) -> list[str]:
    """Return the parts of a name, without their quotes."""
    return [part.strip("`").replace("``", "`") for part in re.findall(NAME_PART, name)]


def quote_name(name: str) -> str:
    """Quote a name of catalog, schema and table."""
    return ".".join(quote_part(part) for part in name.split(".", 2))


def quote_part(part: str) -> str:
    """Quote one part of a name."""
    return "`" + part.replace("`", "``") + "`"


def _quote(parts: list[str]) -> str:
    return ".".join(map(quote_part, parts))
