"""Runs one statement of the Statement Execution API, and writes its rows to files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from .dbutils import DBUtils
from .metadata_statements import replace_metadata_statement
from .result_chunks import ChunkWriter, Field, Row
from .result_types import describe_column, simple_type
from .spark.session.task_spark import TaskSpark
from .sql_statements import NO_ENGINE, is_query, remove_comments, split_statements
from .sql_syntax import match_syntax
from .statement_parameters import name_marks, read_parameters

_ARROW = "ARROW_STREAM"
_NO_ARROW = (
    "A result in the format ARROW_STREAM needs pyarrow here. Install it in the environment of the "
    "local workspace: pip install pyarrow"
)
_USE = "(USE | SET CATALOG)"
_LOCATION = "SELECT current_catalog(), current_schema()"
_MISSING_TABLE = re.compile(r"Catalog Error: Table with name (\S+) does not exist")
_CHANGED = "num_affected_rows"
_CHANGE = "(DELETE | INSERT | MERGE | UPDATE)"


def run_statement_task(payload: dict[str, Any], dbutils: DBUtils) -> dict[str, Any]:
    """Run the statement of a payload.

    :return: ``columns``, ``chunks`` and ``truncated``; no columns if it has no result. After a
        ``USE``: ``location``, the current catalog and schema. If it fails: ``error``.
    """
    try:
        return _run(payload, dbutils.task_spark)
    except ImportError as error:
        return {"error": f"{NO_ENGINE.format('A SQL statement')} ({error})"}
    except Exception as error:
        return {"error": name_missing_table(str(error) or repr(error))}


def name_missing_table(message: str) -> str:
    """Return the error of a statement, with the code by which clients know a missing table."""
    match = _MISSING_TABLE.match(message)
    if match is None:
        return message
    return (
        f"[TABLE_OR_VIEW_NOT_FOUND] The table or view {match[1]} cannot be found. Create it first, "
        "with a statement or in a task. SQLSTATE: 42P01"
    )


@dataclass(frozen=True, slots=True)
class _Result:
    """The result of a statement; without fields, it has none.

    :param fetch: runs a query after it, and returns its first row.
    """

    fields: list[Field]
    rows: Iterable[Row]
    fetch: Callable[[str], Row]


def _run(payload: dict[str, Any], spark: TaskSpark) -> dict[str, Any]:
    request = payload["parameters"]
    statements = split_statements(request["statement"])
    if len(statements) != 1:
        raise ValueError(f"Send one statement in a request, not {len(statements)}.")
    statement = name_marks(replace_metadata_statement(statements[0]))
    values = read_parameters(request["parameters"])
    is_arrow = request["format"] == _ARROW
    if is_arrow and find_spec("pyarrow") is None:
        raise ValueError(_NO_ARROW)
    run = _run_on_spark if spark.is_installed else _run_on_duckdb
    with run(spark, statement, values, request) as result:
        writer = ChunkWriter(
            payload["chunks_folder"],
            request["row_limit"],
            request["byte_limit"],
            is_inline=request["disposition"] == "INLINE",
            arrow_fields=result.fields if is_arrow else None,
        )
        if result.fields:
            writer.write_all(result.rows)
        outcome = {
            "columns": [
                describe_column(name, position, kind)
                for position, (name, kind) in enumerate(result.fields)
            ],
            "chunks": writer.chunks,
            "truncated": writer.is_truncated,
        }
        if match_syntax(_USE, remove_comments(statement)):
            outcome["location"] = list(result.fetch(_LOCATION))
        return outcome


@contextmanager
def _run_on_duckdb(
    spark: TaskSpark, statement: str, values: dict[str, Any], request: dict[str, Any]
) -> Iterator[_Result]:
    from .sql.catalogs import Warehouse, use
    from .sql.run_sql import run_statement

    database = Warehouse()
    try:
        catalog, schema = request["catalog"], request["schema"]
        if schema:
            use(database, is_catalog=False, names=[each for each in (catalog, schema) if each])
        elif catalog:
            use(database, is_catalog=True, names=[catalog])
        result = run_statement(database, statement, values)
        yield _Result(
            [] if result is None else _list_fields(statement, result.description),
            iter(lambda: result.fetchone(), None),
            lambda query: run_statement(database, query, {}).fetchone(),
        )
    finally:
        database.close()


def _list_fields(statement: str, description: list[Any]) -> list[Field]:
    """Return the fields of a query, or those that Databricks has for a change of rows."""
    if not is_query(statement):
        is_change = match_syntax(_CHANGE, remove_comments(statement)) and len(description) == 1
        return [(_CHANGED, simple_type(description[0][1]))] if is_change else []
    return [(name, simple_type(kind)) for name, kind, *_ in description]


@contextmanager
def _run_on_spark(
    spark: TaskSpark, statement: str, values: dict[str, Any], request: dict[str, Any]
) -> Iterator[_Result]:
    from .spark.language.sql_names import quote_part

    session = spark.session
    for kind in ("catalog", "schema"):
        if request[kind]:
            session.sql(f"USE {kind.upper()} {quote_part(request[kind])}")
    frame = session.sql(statement, values) if values else session.sql(statement)
    fields: list[Field] = []
    if is_query(statement) or _CHANGED in frame.columns:
        if request["row_limit"]:
            frame = frame.limit(request["row_limit"] + 1)
        fields = [(field.name, field.dataType.simpleString()) for field in frame.schema.fields]
    yield _Result(
        fields,
        map(tuple, frame.toLocalIterator()) if fields else (),
        lambda query: tuple(session.sql(query).first()),
    )
