"""Values of JSON files as Databricks reads them: Sail fails where one is not of its type.

Apache Spark, documentation of JSON files: by default (``PERMISSIVE``), such a value is NULL. So
lines are read as texts, and converted by a function of Sail that does the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from .csv_values import parse_schema

_PLAIN = frozenset(["inferschema", "pathglobfilter", "primitivesasstring", "recursivefilelookup"])
_ROW = "_lakeflow_row"
_SMALL = ("tinyint", "smallint", "int")


def read_json(reader: Any, read: Any, schema: Any) -> Any:
    """Read JSON files with a schema; return ``None`` if an option asks for more than this does.

    :param read: reads the files as texts.
    :param schema: a type, its JSON, or its text.
    """
    from pyspark.sql import functions
    from pyspark.sql.types import LongType, StructField, StructType

    if {*map(str.lower, reader._options)} - _PLAIN:
        return None
    fields = parse_schema(reader._client, schema).fields
    if any(field.name == "_corrupt_record" for field in fields):
        return None
    # Sail lets a number that is too large wrap around.
    small = {each.name: each.dataType for each in fields if each.dataType.simpleString() in _SMALL}
    wide = [StructField(e.name, LongType() if e.name in small else e.dataType) for e in fields]
    rows = read().where("trim(value) != ''")
    rows = rows.withColumn(_ROW, functions.from_json("value", StructType(wide)))
    values = {field.name: functions.col(_ROW)[field.name] for field in fields}
    values |= {name: values[name].try_cast(kind) for name, kind in small.items()}
    return rows.select(*(value.alias(name) for name, value in values.items()))


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
