"""Runs the SQL of a file or a cell with Spark, and shows what it returns."""

from __future__ import annotations

import re
from typing import Any

from ...result_types import MAX_ROWS, ResultTable
from ...sql_statements import is_query, remove_comments, replace_braces, split_statements
from ...sql_syntax import match_syntax
from ..language.sql_literals import write_text

_WIDGET = "CREATE WIDGET <column> <name> DEFAULT <text>"
_ARGUMENT = re.compile(
    r"\$\{\s*(\w+)\s*\}|(?<![\w$])\$([A-Za-z_]\w*)|\bgetArgument\(\s*['\"](\w+)['\"]\s*\)",
    re.IGNORECASE,
)


def run_spark_statements(session: Any, text: str, parameters: dict[str, str]) -> Any:
    """Run statements, show the result of each query, and return the last result.

    :param parameters: of the notebook; ``CREATE WIDGET`` adds to them.
    """
    frame = None
    for statement in split_statements(replace_braces(text, parameters)):
        if match := match_syntax(_WIDGET, remove_comments(statement)):
            parameters.setdefault(match["name"], match["text"])
            continue
        frame = session.sql(_insert_arguments(statement, parameters), parameters)
        if is_query(statement):
            frame.show(truncate=False)
    return frame


def run_sql_task(payload: dict[str, Any], dbutils: Any) -> dict[str, Any]:
    """Run a file with Spark or DuckDB; print and return the last statement's result."""
    path, parameters = payload["path"], payload["parameters"]
    if not dbutils.task_spark.is_installed:
        from ...sql.run_sql import run_sql

        return run_sql(path, parameters)
    session = dbutils.task_spark.session
    with open(path, encoding="utf-8-sig") as file:
        statements = split_statements(replace_braces(file.read(), parameters))
    table = None
    for statement in statements:
        frame = session.sql(statement, parameters)
        table = None
        if is_query(statement):
            rows = frame.limit(MAX_ROWS + 1).collect()
            table = ResultTable(frame.columns, [tuple(row) for row in rows])
    if table is None:
        return {}
    table.print()
    return table.to_outcome()


def _insert_arguments(text: str, parameters: dict[str, str]) -> str:
    """Replace ``${name}``, ``$name`` and ``getArgument('name')``, as older notebooks write them."""

    def replace(match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[3]
        if name not in parameters:
            return match[0]
        return write_text(parameters[name]) if match[3] else parameters[name]

    return _ARGUMENT.sub(replace, text)
