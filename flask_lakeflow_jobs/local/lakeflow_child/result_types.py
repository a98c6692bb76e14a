"""Types and values of a result as the Statement Execution API shows them. Pure.

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

# The types of DuckDB, and of Spark where it has another name: their names in the API and in SQL.
_TYPES = {
    "boolean": ("BOOLEAN", "BOOLEAN"),
    "tinyint": ("BYTE", "TINYINT"),
    "smallint": ("SHORT", "SMALLINT"),
    "utinyint": ("SHORT", "SMALLINT"),
    "int": ("INT", "INT"),
    "integer": ("INT", "INT"),
    "usmallint": ("INT", "INT"),
    "bigint": ("LONG", "BIGINT"),
    "uinteger": ("LONG", "BIGINT"),
    # A sum of integers; on Databricks it is a BIGINT.
    "hugeint": ("LONG", "BIGINT"),
    "ubigint": ("LONG", "BIGINT"),
    "float": ("FLOAT", "FLOAT"),
    "double": ("DOUBLE", "DOUBLE"),
    "date": ("DATE", "DATE"),
    "blob": ("BINARY", "BINARY"),
    "binary": ("BINARY", "BINARY"),
    "interval": ("INTERVAL", "INTERVAL"),
    "null": ("NULL", "VOID"),
    "void": ("NULL", "VOID"),
}
_STRING = ("STRING", "STRING")
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)", re.IGNORECASE)
_NAME = re.compile(r"\w+")
# In a type of Spark: the name of a field, a comma between types, or another word.
_PART = re.compile(r"(?P<field>[^<>,:]+):|(?P<comma>,)(?!\d)|\w+")
# Outside of these bounds, Java writes a number with an exponent.
_PLAIN_NUMBERS = (1e-3, 1e7)


def describe_column(name: str, position: int, kind: Any) -> dict[str, Any]:
    """Return a column of the schema.

    :param kind: a type of DuckDB, or the name of a type of Spark.
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


def _describe(kind: Any) -> tuple[str, str]:
    if isinstance(kind, str):
        return _describe_spark(kind)
    name = str(kind.id)
    if name in {"list", "array"}:
        return "ARRAY", f"ARRAY<{_describe(dict(kind.children)['child'])[1]}>"
    if name == "struct":
        fields = ", ".join(f"{field}: {_describe(each)[1]}" for field, each in kind.children)
        return "STRUCT", f"STRUCT<{fields}>"
    if name == "map":
        parts = dict(kind.children)
        return "MAP", f"MAP<{_describe(parts['key'])[1]}, {_describe(parts['value'])[1]}>"
    if name == "decimal":
        return "DECIMAL", str(kind)
    return ("TIMESTAMP",) * 2 if name.startswith("timestamp") else _TYPES.get(name, _STRING)


def _describe_spark(kind: str) -> tuple[str, str]:
    match = _NAME.match(kind)
    name = match[0].lower() if match else ""
    if name in {"array", "struct", "map", "decimal"}:
        return name.upper(), _PART.sub(
            lambda part: f"{part[0]} " if part["field"] or part["comma"] else part[0].upper(), kind
        )
    return ("TIMESTAMP",) * 2 if name.startswith("timestamp") else _TYPES.get(name, _STRING)
