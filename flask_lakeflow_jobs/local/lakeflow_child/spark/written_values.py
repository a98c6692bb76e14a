"""Values in files of CSV and JSON as Databricks writes them: Sail has one format for times.

Apache Spark, documentation of CSV and JSON files: ``dateFormat``, ``timestampFormat``, and the
options for white space, which is cut off the texts of CSV by default.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import functions
from pyspark.sql.types import DataType, DateType, StringType, TimestampType

from .sql_corrections import MILLISECONDS
from .sql_names import quote_part


def format_values(frame: Any, source: str, options: dict[str, str], kept: list[str]) -> Any:
    """Return a frame with the texts of its dates and times, in columns of the same names.

    :param source: the format of the files; in others than CSV and JSON, nothing changes.
    :param options: of the writer, in lower case.
    :param kept: columns that become folders.
    """
    if source not in ("csv", "json"):
        return frame
    texts = {}
    for field in frame.schema.fields:
        column = functions.col(quote_part(field.name))
        text = _format(column, field.dataType, source, options)
        if text is not None and field.name not in kept:
            texts[field.name] = text
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
