"""The files of a pipeline, which define its tables, views and flows."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from ..dbutils import DBUtils
from ..function_calls import FunctionCall
from ..notebook_files import is_notebook_file
from ..spark.language.sql_literals import parse_columns
from ..spark.language.sql_names import quote_part
from ..sql_statements import split_statements
from .definitions import Definitions
from .pipeline_api import PipelineApi
from .pipeline_sql import find_tables, insert_configuration, read_literal, to_spark
from .stream_readers import mark_auto_loader


@dataclass
class DefinitionFiles:
    """Runs the files of a pipeline.

    :param session: of Spark.
    :param catalogs: the names of those that exist.
    :param configuration: of the pipeline.
    """

    api: PipelineApi
    definitions: Definitions
    dbutils: DBUtils
    session: Any
    catalogs: Collection[str]
    configuration: Mapping[str, str]
    _numbers: Iterator[int] = field(default_factory=count, init=False)

    def define(self, file: str) -> None:
        """Run a file in its own folder, and register what it defines.

        The file imports modules from there too, as the notebooks of public bundles do.
        """
        folder = os.getcwd()
        os.chdir(os.path.dirname(file))
        if os.path.dirname(file) not in sys.path:
            sys.path.append(os.path.dirname(file))
        try:
            self._define(file)
        finally:
            os.chdir(folder)

    def _define(self, file: str) -> None:
        from ..notebook import load_cells, run_cell

        self.api.allow_changes()
        with open(file, encoding="utf-8-sig") as stream:
            text = stream.read()
        names = {
            "__name__": Path(file).stem,
            "__file__": file,
            **self.dbutils.notebook_names(),
            "spark": self.session,
        }
        if is_notebook_file(file):
            for cell in load_cells(file):
                if cell.language == "sql":
                    self._register_sql("\n" * cell.line + cell.text, file)
                else:
                    run_cell(cell, file, names)
        elif Path(file).suffix == ".sql":
            self._register_sql(text, file)
        else:
            exec(compile(text, file, "exec", dont_inherit=True), names)  # noqa: S102 (its purpose)
        self.api.register()

    def _register_sql(self, text: str, file: str) -> None:
        registry = import_module("pyspark.pipelines.graph_element_registry")
        text = insert_configuration(text, self.configuration)  # one may be the name of a catalog
        translated, lost = to_spark(text, self.catalogs)
        if lost:
            print(f"{file}: Expectations are not checked here: {', '.join(lost)}.", file=sys.stderr)
        for name in find_tables(translated):
            self.definitions.note_table(name)
        if "read_files" in translated.lower():
            from ..spark.files.read_files import replace_read_files

            statements = split_statements(translated)
            translated = ";".join(replace_read_files(e, self._define_view) for e in statements)

        def register(statements: str) -> None:
            registry.get_active_graph_element_registry().register_sql(statements, Path(file))

        translated = self.api.changes.take(text, translated, register, self.session.sql)
        if translated.strip():
            register(translated)

    def _define_view(self, call: FunctionCall, has_metadata: bool) -> str:
        """Return the name of a new view of the files of a call."""
        from ..spark.files.read_files import FILES_PREFIX, find_format, read_options

        path, options = read_options(call.arguments, read_literal)
        name = f"{FILES_PREFIX}{next(self._numbers)}_"
        schema, hints = options.pop("schema", None), options.pop("cloudFiles.schemaHints", "")
        if (file_format := options.pop("cloudFiles.format", None)) is None:
            file_format = find_format(str(self.api.paths.translate_uri(path)))
        if options.pop("cloudFiles.inferColumnTypes") == "true":
            options.setdefault("inferSchema", "true")

        def query() -> Any:
            reader = self.session.readStream if call.is_stream else self.session.read
            reader = mark_auto_loader(reader.format(file_format)).options(**options)
            frame = (reader.schema(schema) if schema else reader).load(path)
            frame = _cast_columns(frame, hints)
            return frame.select("*", "_metadata") if has_metadata else frame

        import_module("pyspark.pipelines").temporary_view(name=name)(query)
        return name


def _cast_columns(frame: Any, hints: str) -> Any:
    """Cast the columns that hints name, such as ``"id BIGINT, price DECIMAL(10, 2)"``."""
    from pyspark.sql import functions

    for name, kind in parse_columns(hints).items():
        frame = frame.withColumn(name, functions.expr(f"try_cast({quote_part(name)} AS {kind})"))
    return frame


#: Those of the update that runs in this process, for the code that Spark runs.
current: DefinitionFiles
