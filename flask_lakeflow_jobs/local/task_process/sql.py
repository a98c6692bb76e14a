"""Runs SQL, a file or a cell, on Spark if it is installed, else on DuckDB."""

from __future__ import annotations

import os
import re
import sys

from .spark.session import TaskSpark, find_without_effect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: Rows of a SQL task for other tasks. Databricks, documentation of dynamic value references.
MAX_ROWS = 1000

#: What to do where no engine is installed.
NO_ENGINE = (
    "{} needs DuckDB or Spark here. Install one of them: "
    "pip install 'flask-lakeflow-jobs[sql]' or 'flask-lakeflow-jobs[spark]'."
)
# A parameter as older SQL files write it. Source: the template default-sql of the Databricks CLI.
_BRACED = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_QUERY = re.compile(
    r"[\s(]*(SELECT|WITH|SHOW|DESCRIBE|DESC|EXPLAIN|VALUES|TABLE|FROM)\b", re.IGNORECASE
)


class ResultTable:
    """The rows that a query returns.

    :param frame: the query as a frame of Spark, ``None`` on DuckDB.
    """

    def __init__(self, columns: list[str], rows: list[tuple[Any, ...]], frame: Any = None) -> None:
        self.columns = columns
        self.rows = rows
        self.frame = frame

    def print(self) -> None:
        """Print the columns separated by tabs."""
        print(*self.columns, sep="\t")
        for row in self.rows:
            print(*row, sep="\t")

    def to_outcome(self) -> dict[str, Any]:
        """Return the first rows as a part of the outcome of a task.

        :return: ``rows`` for other tasks; and ``query_result`` for the output, whose values are
            texts, or ``None`` for NULL.
        """
        first = self.rows[:MAX_ROWS]
        return {
            "rows": [
                {name: _simplify(value) for name, value in zip(self.columns, row, strict=True)}
                for row in first
            ],
            "query_result": {
                "columns": self.columns,
                "rows": [[None if each is None else str(each) for each in row] for row in first],
                "truncated": len(self.rows) > MAX_ROWS,
            },
        }


class SqlSession:
    """The engine that runs the SQL of a task, and what its statements keep between them.

    :raises RuntimeError: neither DuckDB nor Spark is installed.
    """

    def __init__(self, spark: TaskSpark) -> None:
        self._spark: Any = None
        if spark.is_installed:
            self._spark = spark.session
            return
        try:
            from .duckdb_sql import open_tables
        except ImportError:
            raise RuntimeError(NO_ENGINE.format("SQL")) from None
        self._duckdb = open_tables()

    def run(
        self, text: str, parameters: dict[str, str], place: str, line: int = 0
    ) -> ResultTable | None:
        """Run statements; return the result of the last one, if it is a query.

        :param place: of the text, for errors: the name of a file, or a cell of it.
        :param line: of the place, from 0, at which the text begins.
        """
        result = None
        for statement, offset in split_statements(_BRACED.sub(r":\1", text)):
            try:
                result = self._run(statement, parameters)
            except Exception:
                print(f"{place}, line {line + offset}: this statement failed.", file=sys.stderr)
                raise
        return result

    def _run(self, statement: str, parameters: dict[str, str]) -> ResultTable | None:
        if effect := find_without_effect(statement):
            print(effect)
            return None
        if self._spark is None:
            found = self._duckdb.run(statement, parameters)
            return ResultTable(*found) if found and is_query(statement) else None
        # Sail takes no parameters for statements other than queries, not even unused ones.
        used = {name: value for name, value in parameters.items() if f":{name}" in statement}
        frame = self._spark.sql(statement, args=used or None)
        if not is_query(statement):
            return None
        rows = frame.limit(MAX_ROWS + 1).collect()
        return ResultTable(frame.columns, [tuple(row) for row in rows], frame)


def run_sql_task(payload: dict[str, Any], dbutils: Any) -> dict[str, Any]:
    """Run a file; print and return the last statement's result."""
    with open(payload["path"], encoding="utf-8-sig") as file:
        text = file.read()
    session = SqlSession(dbutils.task_spark)
    table = session.run(text, payload["parameters"], os.path.basename(payload["path"]))
    if table is None:
        return {}
    table.print()
    return table.to_outcome()


def split_statements(text: str) -> Iterator[tuple[str, int]]:
    """Split a text at the semicolons that end statements; yield each with its line, from 1."""
    from sqlglot import tokenize

    tokens: list[Any] = []
    for token in (*tokenize(text, read="databricks"), None):
        if token is not None and token.token_type.name != "SEMICOLON":
            tokens.append(token)
        elif tokens:
            yield text[tokens[0].start : tokens[-1].end + 1], tokens[0].line
            tokens = []


def is_query(statement: str) -> bool:
    """Return whether a statement returns rows to show."""
    return bool(_QUERY.match(statement))


def _simplify(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
