"""The rows of a query, and their types and values as the Statement Execution API shows them. Pure.

Values are texts, as in its format JSON_ARRAY. Source: databricks-sdk, ``service/sql.py``.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

# Types of Spark: their names in the API and in SQL.
_TYPES = {
    "boolean": ("BOOLEAN", "BOOLEAN"),
    "tinyint": ("BYTE", "TINYINT"),
    "smallint": ("SHORT", "SMALLINT"),
    "int": ("INT", "INT"),
    "bigint": ("LONG", "BIGINT"),
    "float": ("FLOAT", "FLOAT"),
    "double": ("DOUBLE", "DOUBLE"),
    "date": ("DATE", "DATE"),
    "binary": ("BINARY", "BINARY"),
    "interval": ("INTERVAL", "INTERVAL"),
    "void": ("NULL", "VOID"),
}
# Types of DuckDB that have another name in Spark. A sum of integers is a HUGEINT.
_OF_DUCKDB = {
    **dict.fromkeys(("hugeint", "ubigint", "uinteger"), "bigint"),
    "blob": "binary",
    "integer": "int",
    "null": "void",
    "usmallint": "int",
    "utinyint": "smallint",
}
#: Rows of a SQL task for other tasks. Databricks, documentation of dynamic value references.
MAX_ROWS = 1000
_STRING = ("STRING", "STRING")
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)", re.IGNORECASE)
_NAME = re.compile(r"\w+")
# In a type of Spark: the name of a field, a comma between types, or another word.
_PART = re.compile(r"(?P<field>[^<>,:]+):|(?P<comma>,)(?!\d)|\w+")
# Outside of these bounds, Java writes a number with an exponent.
_PLAIN_NUMBERS = (1e-3, 1e7)


class ResultTable:
    """The rows that a query returns."""

    def __init__(self, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        self.columns = columns
        self.rows = rows

    def print(self) -> None:
        """Print the columns separated by tabs."""
        print(*self.columns, sep="\t")
        for row in self.rows:
            print(*row, sep="\t")

    def to_outcome(self) -> dict[str, Any]:
        """Return the first rows as a part of the outcome of a task.

        :return: ``rows`` for other tasks; and ``query_result`` for the output, whose values are
            texts, or ``None`` for NULL.
        """
        first = self.rows[:MAX_ROWS]
        return {
            "rows": [
                {name: _simplify(value) for name, value in zip(self.columns, row, strict=True)}
                for row in first
            ],
            "query_result": {
                "columns": self.columns,
                "rows": [[None if each is None else str(each) for each in row] for row in first],
                "truncated": len(self.rows) > MAX_ROWS,
            },
        }


def describe_column(name: str, position: int, kind: str) -> dict[str, Any]:
    """Return a column of the schema.

    :param kind: a type as Spark writes it.
    """
    type_name, text = _describe(kind)
    column: dict[str, Any] = {
        "name": name,
        "position": position,
        "type_name": type_name,
        "type_text": text,
    }
    if match := _DECIMAL.fullmatch(text):
        column |= {"type_precision": int(match[1]), "type_scale": int(match[2])}
    return column


def to_text(value: Any) -> str | None:
    """Return a value as text; ``None`` is NULL."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(_to_json(value), separators=(",", ":"), ensure_ascii=False)
    simple = _to_json(value)
    return simple if isinstance(simple, str) else json.dumps(simple)


def _to_json(value: Any) -> Any:
    if hasattr(value, "asDict"):  # a row of Spark
        value = value.asDict()
    if isinstance(value, dict):
        return {to_text(key): _to_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(each) for each in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return _format_float(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return _format_time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return b64encode(value).decode()
    return str(value)


def _format_float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    low, high = _PLAIN_NUMBERS
    if value == 0 or low <= abs(value) < high:
        return repr(value)
    digits, exponent = f"{Decimal(repr(value)).normalize():E}".split("E")
    return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"


def _format_time(value: datetime) -> str:
    if value.tzinfo is not None:
        value = value.astimezone(timezone.utc).replace(tzinfo=None)
    precision = "microseconds" if value.microsecond % 1000 else "milliseconds"
    return value.isoformat(timespec=precision) + "Z"


def simple_type(kind: Any) -> str:
    """Return the name that Spark has for a type of DuckDB, such as ``array<int>``."""
    name = str(kind.id)
    if name in {"list", "array"}:
        return f"array<{simple_type(dict(kind.children)['child'])}>"
    if name == "struct":
        fields = (f"{field}:{simple_type(each)}" for field, each in kind.children)
        return f"struct<{','.join(fields)}>"
    if name == "map":
        parts = dict(kind.children)
        return f"map<{simple_type(parts['key'])},{simple_type(parts['value'])}>"
    if name == "decimal":
        return str(kind).lower()
    if name.startswith("timestamp"):
        return "timestamp"
    return _OF_DUCKDB.get(name, name if name in _TYPES else "string")


def _describe(text: str) -> tuple[str, str]:
    """Return the names of a type in the API and in SQL."""
    match = _NAME.match(text)
    name = match[0].lower() if match else ""
    if name in {"array", "struct", "map", "decimal"}:
        return name.upper(), _PART.sub(
            lambda part: f"{part[0]} " if part["field"] or part["comma"] else part[0].upper(), text
        )
    return ("TIMESTAMP",) * 2 if name.startswith("timestamp") else _TYPES.get(name, _STRING)


def _simplify(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
