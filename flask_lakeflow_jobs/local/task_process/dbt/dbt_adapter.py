"""Makes the adapter of dbt for DuckDB understand projects that are written for Databricks.

dbt has no interface for it, so that functions of dbt are replaced in the process of the task.
"""

from __future__ import annotations

import os
import re
import textwrap
from threading import Lock
from typing import Any

from ..paths import localize_sql
from ..spark.statements.query_tables import qualify
from ..sql.catalogs import DATABASE, add_samples, create_catalog, from_duckdb
from ..sql.sql_advice import UnsupportedStatement
from ..sql.sql_macros import ALL_MACROS, create_macros
from ..sql.sql_translation import parse, skipped_name, translate
from ..sql_statements import NO_METRICS, find_skipped

_PACKAGE = "lakeflow_local"
_MACROS = """
    {% materialization streaming_table, adapter='duckdb' %}
      {{ return(materialization_table_duckdb()) }}
    {% endmaterialization %}

    {% materialization materialized_view, adapter='duckdb' %}
      {{ return(materialization_view_duckdb()) }}
    {% endmaterialization %}

    {% materialization view, adapter='duckdb' %}
      {{ return(materialization_view_default()) }}
    {% endmaterialization %}

    {# A contract names types as cursors of Databricks do, without their precision. #}
    {% macro databricks__format_column(column) %}
      {% set kind = column.dtype.split('(')[0] | replace(' WITH TIME ZONE', '') %}
      {% set formatted = column.column.lower() ~ ' ' ~ kind %}
      {{ return({'name': column.name, 'data_type': kind, 'formatted': formatted}) }}
    {% endmacro %}

    {# The table has the types of its query. #}
    {% macro databricks__get_table_columns_and_constraints() %}
      {% set columns = {} %}
      {% for each in get_column_schema_from_query(model.compiled_code) %}
        {% for name, column in model.columns.items() if name | lower == each.name | lower %}
          {% do columns.update({name: dict(column, data_type=each.dtype)}) %}
        {% endfor %}
      {% endfor %}
      {% set rules = adapter.render_raw_columns_constraints(raw_columns=columns) %}
      {% set others = adapter.render_raw_model_constraints(raw_constraints=model.constraints) %}
      ({{ (rules + others) | join(', ') }})
    {% endmacro %}
"""
_TRANSLATED = ("analysis", "model", "operation", "snapshot", "sql_operation", "test")
# The names of tables in rendered code, which are texts to Databricks.
_NAME = re.compile(r'"([^"\n]+)"((?:\."[^"\n]+")+)')
_NOTHING = "select 1"
_CREATE_SCHEMA = re.compile(
    r'\s*(?:/\*.*?\*/\s*)*create\s+schema\s+if\s+not\s+exists\s+"([A-Za-z_]\w*)"\.', re.I | re.S
)
_MARK = "lakeflow_has_macros"
#: The nodes that dbt has compiled, and their code in the SQL of Databricks, by their ids.
_compiled: dict[str, tuple[Any, str]] = {}


def adapt(folder: str) -> None:
    """Replace the functions of dbt.

    :param folder: for the macros that it adds.
    """
    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper
    from dbt.adapters.factory import FACTORY
    from dbt.compilation import Compiler

    package = _write_package(folder)
    find_names, find_types = FACTORY.get_adapter_package_names, FACTORY.get_adapter_type_names
    compile_code, execute = Compiler._compile_code, DuckDBCursorWrapper.execute
    adding_samples = Lock()  # the threads have one database

    def compile_and_translate(self: Any, node: Any, *arguments: Any, **options: Any) -> Any:
        node = compile_code(self, node, *arguments, **options)
        if str(node.language) == "sql" and str(node.resource_type) in _TRANSLATED:
            _compiled[node.unique_id] = (node, node.compiled_code or "")
            node.compiled_code = _translate_node(node)
        return node

    def execute_or_skip(self: Any, sql: str, bindings: Any = None) -> Any:
        if not hasattr(self, _MARK):
            setattr(self, _MARK, True)  # before the first statement of each thread
            create_macros(self._cursor, set(), ALL_MACROS)
            with adding_samples:
                add_samples(self._cursor)
        if match := _CREATE_SCHEMA.match(sql):
            create_catalog(self._cursor, match[1])  # one that only a macro names
        return execute(self, skip_command(sql), bindings)

    FACTORY.packages[_PACKAGE] = package
    FACTORY.get_adapter_package_names = lambda name: [_PACKAGE, *find_names(name)]
    # Macros are looked up as on Databricks: first its own ones.
    FACTORY.get_adapter_type_names = lambda name: ["databricks", *find_types(name)]
    Compiler._compile_code = compile_and_translate
    DuckDBCursorWrapper.execute = execute_or_skip


def close() -> None:
    """Close the connection of dbt to DuckDB."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager._ENV.close()
    DuckDBConnectionManager.close_all_connections()


def find_view(name: str) -> str | None:
    """Return the query of a view that dbt has compiled, in the SQL of Databricks."""
    from dbt.artifacts.resources import InjectedCTE
    from dbt.compilation import inject_ctes_into_sql

    for node, code in _compiled.values():
        catalog = from_duckdb(node.database)
        if f"{catalog}.{node.schema}.{node.alias}".lower() == name:
            local = [
                InjectedCTE(each.id, f"{each.sql.partition('(')[0]}({_compiled[each.id][1]}\n)")
                for each in node.extra_ctes
            ]
            text = _quote_names(inject_ctes_into_sql(code, local))
            return qualify(text.replace(f"`{DATABASE}`.", "`main`."), catalog, node.schema)
    return None


def translate_code(code: str) -> str:
    """Translate the code of a model, in which dbt has quoted the names of tables as for DuckDB.

    :raises UnsupportedStatement: DuckDB cannot run it.
    """
    quoted = _quote_names(code)
    if not quoted.strip():
        return code
    tree = parse(quoted)
    return _NOTHING if skipped_name(quoted, tree) else localize_sql(";\n".join(translate(tree)))


def _quote_names(code: str) -> str:
    return _NAME.sub(lambda match: match[0].replace('"', "`"), code).rstrip().rstrip(";")


def skip_command(sql: str) -> str:
    """Return a query in place of a command that changes no result, as in a hook."""
    return _NOTHING if find_skipped(sql) else sql


def _translate_node(node: Any) -> str:
    from dbt_common.exceptions import CompilationError

    if str(node.config.materialized) == "metric_view":  # its code is YAML
        raise CompilationError(NO_METRICS.format("DuckDB"), node=node)
    try:
        return translate_code(node.compiled_code or "")
    except UnsupportedStatement as error:
        raise CompilationError(str(error), node=node) from None


def _write_package(folder: str) -> Any:
    from pathlib import Path

    package = Path(folder, "macros_of_databricks")
    os.makedirs(package / "macros", exist_ok=True)
    (package / "dbt_project.yml").write_text(
        f"name: {_PACKAGE}\nversion: 1.0.0\nconfig-version: 2\nmacro-paths: [macros]\n"
    )
    (package / "macros" / "materializations.sql").write_text(textwrap.dedent(_MACROS))
    return package
