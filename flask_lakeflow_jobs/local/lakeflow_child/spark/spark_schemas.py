"""Schemas on Sail: each is created when a task first writes to it or uses it.

The workspace of a bundle has its schemas already. Here, nothing has created them.
"""

from __future__ import annotations

import re

from .spark_catalog import NAME_PART, quote_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

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


def serve_schemas() -> None:
    """Let the methods of DataFrames that write tables create their schemas."""
    from pyspark.sql.connect.readwriter import DataFrameWriter, DataFrameWriterV2

    for writer, methods in (
        (DataFrameWriter, ("saveAsTable",)),
        (DataFrameWriterV2, ("create", "createOrReplace")),
    ):
        for method in methods:
            setattr(writer, method, _create_schema_first(getattr(writer, method)))


def _create_schema_first(write: Callable[..., Any]) -> Callable[..., Any]:
    def write_to_schema(self: Any, *arguments: Any, **named: Any) -> Any:
        table = getattr(self, "_table_name", None) or [*arguments, *named.values()][0]
        if schema := _find_schema_of(str(table)):
            self._spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        return write(self, *arguments, **named)

    return write_to_schema


def _find_schema_of(table: str) -> str | None:
    *schema, _ = split_name(table) or [""]
    return _quote(schema) if schema else None


def split_name(name: str) -> list[str]:
    """Return the parts of a name, without their quotes."""
    return [part.strip("`").replace("``", "`") for part in re.findall(NAME_PART, name)]


def _quote(parts: list[str]) -> str:
    return ".".join(map(quote_part, parts))
