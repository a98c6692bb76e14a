"""Values of JSON files as Databricks reads them: Sail fails where one is not of its type.

Apache Spark, documentation of JSON files: by default (``PERMISSIVE``), such a value is NULL. So
lines are read as texts, and converted by a function of Sail that does the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from .csv_values import parse_schema, to_date

_PLAIN = frozenset(["inferschema", "pathglobfilter", "primitivesasstring", "recursivefilelookup"])
_ROW = "_lakeflow_row"
_NO_ROWS = r"^\s*(\[\s*\]\s*)?$"
# Sail fails at a value that is not of these types, or lets a number that is too large wrap around.
_TEXTS = ("date", "decimal", "timestamp")
_SMALL = ("tinyint", "smallint", "int")


def read_json(reader: Any, read: Any, schema: Any, folders: Collection[str]) -> Any:
    """Read JSON files with a schema; return ``None`` if an option asks for more than this does.

    :param read: reads the files as texts, with the columns of their folders.
    :param schema: a type, its JSON, or its text.
    :param folders: the columns that folders stand for.
    """
    from pyspark.sql import functions
    from pyspark.sql.types import ArrayType, StructType

    if {*map(str.lower, reader._options)} - _PLAIN:
        return None
    fields = parse_schema(reader._client, schema).fields
    if any(field.name == "_corrupt_record" for field in fields):
        return None
    rows = read()
    rows = rows.where(~rows.value.rlike(_NO_ROWS))
    of_lines = StructType([field for field in fields if field.name not in folders])
    # A line may be an array, which has several rows.
    text = functions.trim("value")
    array = functions.when(text.startswith("["), text).otherwise(
        functions.format_string("[%s]", text)
    )
    found = functions.from_json(array, ArrayType(_widen(of_lines)))
    rows = rows.withColumn(_ROW, functions.explode_outer(found))
    row = functions.col(_ROW)
    values = (_convert(row[each.name], each.dataType).alias(each.name) for each in of_lines)
    return rows.select(*values, *folders)


def _widen(kind: Any) -> Any:
    """Return a type that takes all values, from which a type is converted."""
    from pyspark.sql.types import ArrayType, LongType, MapType, StringType, StructField, StructType

    if isinstance(kind, StructType):
        return StructType([StructField(each.name, _widen(each.dataType)) for each in kind.fields])
    if isinstance(kind, ArrayType):
        return ArrayType(_widen(kind.elementType))
    if isinstance(kind, MapType):
        return MapType(kind.keyType, _widen(kind.valueType))
    if kind.simpleString().startswith(_TEXTS):
        return StringType()
    return LongType() if kind.simpleString() in _SMALL else kind


def _convert(value: Any, kind: Any) -> Any:
    from pyspark.sql import functions

    if _widen(kind) == kind:
        return value
    if kind.simpleString() == "date":
        return to_date(value)
    if kind.simpleString() == "timestamp":
        seconds = value.try_cast("bigint").cast(kind)
        return functions.coalesce(seconds, value.try_cast(kind))
    return value.try_cast(kind)


def infer_texts(files: Iterable[str], hints: Any) -> Any:
    """Return the columns of JSON files as Auto Loader infers them: texts, also of nested values.

    :param hints: fields with other types.
    """
    from pyspark.sql.types import StringType, StructField, StructType

    names: set[str] = set()
    for file in files:
        with open(file, encoding="utf-8-sig") as lines:
            for line in lines:
                with suppress(ValueError):  # it is NULL in all columns
                    value = json.loads(line)
                    names.update(value if isinstance(value, dict) else ())
    known = {field.name: field for field in hints}
    return StructType([known.get(each, StructField(each, StringType())) for each in sorted(names)])
