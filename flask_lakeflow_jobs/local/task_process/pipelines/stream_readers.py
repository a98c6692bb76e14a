"""Options of Databricks for readers of streams, in place of Spark's own."""

from __future__ import annotations

from typing import Any

from ..spark.files.data_files import lower_options, wants_changes
from ..spark.language.sql_names import quote_part

_AUTO_LOADER = "_is_auto_loader"


def mark_auto_loader(reader: Any) -> Any:
    """Let a reader find files in all folders, and headers in CSV files, as Auto Loader does."""
    setattr(reader, _AUTO_LOADER, True)
    return reader


def is_auto_loader(reader: Any) -> bool:
    return hasattr(reader, _AUTO_LOADER)


def read_with_auto_loader(stream: Any) -> None:
    """Read files as they are for the format ``cloudFiles``, without the options of Auto Loader."""
    set_format, set_option = stream.format, stream.option

    def format_(reader: Any, source: str) -> Any:
        return mark_auto_loader(reader) if source == "cloudFiles" else set_format(reader, source)

    def option(reader: Any, key: str, value: Any) -> Any:
        if key == "cloudFiles.format":
            return set_format(reader, value)
        if key == "cloudFiles.rescuedDataColumn":
            key = "rescuedDataColumn"
        return reader if key.startswith("cloudFiles.") else set_option(reader, key, value)

    def options(reader: Any, **values: Any) -> Any:
        for key, value in values.items():
            reader = reader.option(key, value)
        return reader

    stream.format, stream.option, stream.options = format_, option, options


def add_rescued(rows: Any, name: str | None) -> Any:
    """Add the column for values that do not fit, which is always NULL.

    :param name: ``None`` if Auto Loader adds none.
    """
    return rows.selectExpr("*", f"CAST(NULL AS STRING) AS {quote_part(name)}") if name else rows


def read_changes(reader: Any, rows: Any) -> Any:
    """Return the changes of a table if a reader asks for them: its stream only inserts rows."""
    if not wants_changes(lower_options(getattr(reader, "_options", {}))):
        return rows
    return rows.selectExpr(
        "*",
        "'insert' AS _change_type",
        "0L AS _commit_version",
        "current_timestamp() AS _commit_timestamp",
    )
