"""Rows of a result as a stream of Apache Arrow, with the types that Databricks has for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from .result_types import to_text
from .sql_syntax import split_list

_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_NESTED = re.compile(r"(array|map|struct)<(.*)>")
_TYPES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "binary": pa.binary(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "void": pa.null(),
}


def write_stream(path: str, fields: Sequence[tuple[str, str]], rows: Sequence[Any]) -> None:
    """Write rows to a file.

    :param fields: the name of each column, and its type as Spark writes it.
    """
    kinds = [parse_type(kind) for _, kind in fields]
    columns = [
        pa.array([_convert(row[index], kind) for row in rows], kind)
        for index, kind in enumerate(kinds)
    ]
    schema = pa.schema([(name, kind) for (name, _), kind in zip(fields, kinds, strict=True)])
    with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        stream.write_batch(pa.record_batch(columns, schema=schema))


def parse_type(text: str) -> Any:
    """Return the type of Arrow for a type such as ``array<int>``; others are texts."""
    if match := _NESTED.fullmatch(text):
        parts = split_list(match[2])
        if match[1] == "struct":
            fields = (each.split(":", 1) for each in parts)
            return pa.struct([(name, parse_type(kind)) for name, kind in fields])
        build = pa.list_ if match[1] == "array" else pa.map_
        return build(*map(parse_type, parts))
    if match := _DECIMAL.fullmatch(text):
        return pa.decimal128(int(match[1]), int(match[2]))
    return _TYPES.get(text, pa.string())


def _convert(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if pa.types.is_string(kind):
        return to_text(value)
    if pa.types.is_list(kind):
        return [_convert(each, kind.value_type) for each in value]
    if pa.types.is_map(kind):
        return [
            (_convert(key, kind.key_type), _convert(each, kind.item_type))
            for key, each in value.items()
        ]
    if pa.types.is_struct(kind):
        values = value.values() if isinstance(value, dict) else value
        return {
            field.name: _convert(each, field.type) for field, each in zip(kind, values, strict=True)
        }
    return value
