"""Values in files, and in the names of folders, as Databricks writes them.

Sail has one format for times. Apache Spark, documentation of CSV and JSON files: ``dateFormat``,
``timestampFormat``, and the options for white space, which is cut off the texts of CSV by default.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import functions
from pyspark.sql.types import DataType, DateType, StringType, TimestampType

from .files.data_files import NULL_FOLDER
from .language.sql_corrections import MILLISECONDS
from .language.sql_names import quote_part


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
            texts[field.name] = _name_folder(column.cast("string"))
        elif source in ("csv", "json"):
            texts[field.name] = _format(column, field.dataType, source, options)
    texts = {name: text for name, text in texts.items() if text is not None}
    return frame.withColumns(texts) if texts else frame


def _name_folder(text: Any) -> Any:
    """Return the name for NULL, which Sail would take for 0, a day of 1970 or an empty text."""
    return functions.when(text.isNull() | (text == ""), NULL_FOLDER).otherwise(text)


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
