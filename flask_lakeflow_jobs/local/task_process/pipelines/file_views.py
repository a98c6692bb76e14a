"""Calls of ``read_files`` in pipelines: Spark lacks it, so each becomes a view of the files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..function_calls import FunctionCall
from ..paths import WorkspacePaths
from ..spark.language.sql_literals import parse_columns
from ..spark.language.sql_names import quote_part
from .pipeline_sql import read_literal
from .stream_readers import mark_auto_loader


@dataclass
class FileViews:
    """Defines the views of a pipeline's calls.

    :param session: of Spark.
    """

    session: Any
    paths: WorkspacePaths
    _number: int = 0

    def replace(self, statement: str, define: Callable[[str, Callable[[], Any]], None]) -> str:
        """Replace each call in a statement by the name of a view.

        :param statement: without comments.
        :param define: defines a view by its name and a function that returns its rows.
        """
        if "read_files" not in statement.lower():
            return statement
        # It needs pyspark, as the pipeline does.
        from ..spark.files.read_files import FILES_PREFIX, replace_read_files

        def define_view(call: FunctionCall, has_metadata: bool) -> str:
            name = f"{FILES_PREFIX}{self._number}_"
            self._number += 1
            define(name, self._query(call, has_metadata))
            return name

        return replace_read_files(statement, define_view)

    def _query(self, call: FunctionCall, has_metadata: bool) -> Callable[[], Any]:
        from ..spark.files.read_files import find_format, read_options

        path, options = read_options(call.arguments, read_literal)
        schema, hints = options.pop("schema", None), options.pop("cloudFiles.schemaHints", "")
        if (file_format := options.pop("cloudFiles.format", None)) is None:
            file_format = find_format(str(self.paths.translate_uri(path)))
        if options.pop("cloudFiles.inferColumnTypes") == "true":
            options.setdefault("inferSchema", "true")

        def query() -> Any:
            reader = self.session.readStream if call.is_stream else self.session.read
            reader = mark_auto_loader(reader.format(file_format)).options(**options)
            frame = (reader.schema(schema) if schema else reader).load(path)
            frame = _cast_columns(frame, hints)
            return frame.select("*", "_metadata") if has_metadata else frame

        return query


def _cast_columns(frame: Any, hints: str) -> Any:
    """Cast the columns that hints name, such as ``"id BIGINT, price DECIMAL(10, 2)"``."""
    from pyspark.sql import functions

    for name, kind in parse_columns(hints).items():
        frame = frame.withColumn(name, functions.expr(f"try_cast({quote_part(name)} AS {kind})"))
    return frame
