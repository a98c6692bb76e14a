"""The files of a pipeline, which define its tables, views and flows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..dbutils import DBUtils
from ..notebook_files import is_notebook_file
from ..sql_statements import split_statements
from .definitions import Definitions
from .pipeline_api import PipelineApi
from .pipeline_sql import find_tables, insert_configuration, to_spark


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
        define = self._define_view
        statements = split_statements(translated)
        translated = ";".join(self.api.file_views.replace(e, define) for e in statements)

        def register(statements: str) -> None:
            registry.get_active_graph_element_registry().register_sql(statements, Path(file))

        translated = self.api.changes.take(text, translated, register, self.session.sql)
        if translated.strip():
            register(translated)

    def _define_view(self, name: str, query: Callable[[], Any]) -> None:
        import_module("pyspark.pipelines").temporary_view(name=name)(query)


#: Those of the update that runs in this process, for the code that Spark runs.
current: DefinitionFiles
