"""The values that are written into files and tables, and their types, as Databricks has them.

Sail has one format for times. Apache Spark, documentation of CSV and JSON files: ``dateFormat``,
``timestampFormat``, and the options for white space, which is cut off the texts of CSV by default.

Delta Lake, issue 2988: a frame that is appended, or that overwrites rows, must have the types of
the table. ``INSERT``, ``insertInto``, ``COPY INTO`` and streams convert them.
"""

from __future__ import annotations

from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import functions
from pyspark.sql.types import (
    ArrayType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    IntegerType,
    MapType,
    NullType,
    ShortType,
    StringType,
    StructType,
    TimestampType,
)

from ..files.data_files import NULL_FOLDER
from ..language.sail_calls import MILLISECONDS
from ..language.sql_names import quote_part

# Files have one type for all of them.
_SMALL = (ByteType, ShortType, IntegerType)


def format_values(frame: Any, source: str, options: dict[str, str], folders: list[str]) -> Any:
    """Return a frame with the texts that are written, in columns of the same names.

    :param source: the format of the files.
    :param options: of the writer, in lower case.
    :param folders: columns that become folders.
    """
    texts = {}
    for field in frame.schema.fields:
        column = functions.col(quote_part(field.name))
        if field.name in folders:
            text = column.cast("string")  # Sail takes NULL for 0, a day of 1970 or an empty text
            is_null = text.isNull() | (text == "")
            texts[field.name] = functions.when(is_null, NULL_FOLDER).otherwise(text)
        elif source in ("csv", "json"):
            texts[field.name] = _format(column, field.dataType, source, options)
    texts = {name: text for name, text in texts.items() if text is not None}
    return frame.withColumns(texts) if texts else frame


def _format(column: Any, kind: DataType, source: str, options: dict[str, str]) -> Any:
    if isinstance(kind, TimestampType):
        return functions.date_format(column, options.get("timestampformat", MILLISECONDS))
    if isinstance(kind, DateType) and "dateformat" in options:
        return functions.date_format(column, options["dateformat"])
    if not isinstance(kind, StringType) or source != "csv":
        return None
    for side, cut in (("leading", functions.ltrim), ("trailing", functions.rtrim)):
        if str(options.get(f"ignore{side}whitespace", True)).lower() == "true":
            column = cut(column)
    return column


def check_types(rows: StructType, table: StructType) -> None:
    """Check that the columns of rows have the types of a table.

    :raises AnalysisException: Databricks refuses to write them.
    """
    kinds = {field.name.lower(): field for field in table.fields}
    for field in rows.fields:
        own = kinds.get(field.name.lower())
        if own is not None and not _can_merge(field.dataType, own.dataType):
            kind = own.dataType.simpleString()
            raise AnalysisException(
                f"[DELTA_FAILED_TO_MERGE_FIELDS] Failed to merge fields '{own.name}' and "
                f"'{field.name}': the column of the table is {kind}, that of the frame "
                f"{field.dataType.simpleString()}. Convert it: "
                f".withColumn('{field.name}', F.col('{field.name}').cast('{kind}')). To replace "
                "the table with its columns, overwrite it with the option overwriteSchema."
            )


def _can_merge(rows: DataType, table: DataType) -> bool:
    if isinstance(rows, NullType) or isinstance(table, NullType):
        return True
    if isinstance(rows, _SMALL) and isinstance(table, _SMALL):
        return True
    if isinstance(rows, ArrayType) and isinstance(table, ArrayType):
        return _can_merge(rows.elementType, table.elementType)
    if isinstance(rows, MapType) and isinstance(table, MapType):
        keys = _can_merge(rows.keyType, table.keyType)
        return keys and _can_merge(rows.valueType, table.valueType)
    if isinstance(rows, StructType) and isinstance(table, StructType):
        own = {field.name.lower(): field.dataType for field in table.fields}
        return all(
            _can_merge(field.dataType, own.get(field.name.lower(), field.dataType))
            for field in rows.fields
        )
    # Sail gives some decimals other digits than Databricks.
    return type(rows) is type(table) and (rows == table or isinstance(rows, DecimalType))


def cast_columns(rows: Any, table: Any) -> Any:
    """Return rows whose columns have the types and the names of a table."""
    kinds = {field.name.lower(): field for field in table.schema.fields}
    columns = [
        rows[name].cast(kinds[name.lower()].dataType).alias(kinds[name.lower()].name)
        if name.lower() in kinds
        else rows[name]
        for name in rows.columns
    ]
    return rows.select(*columns)
