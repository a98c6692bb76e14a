"""Runs one statement of the Statement Execution API, and writes its rows to files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from .dbutils import DBUtils
from .result_types import describe_column, to_text
from .spark.session.task_spark import TaskSpark
from .sql_statements import NO_ENGINE, is_query, remove_comments, split_statements
from .sql_syntax import match_syntax

Row = tuple[Any, ...]

#: The largest result of a statement. Source: databricks-sdk, disposition INLINE.
MAX_RESULT_BYTES = 25 * 2**20
_MAX_CHUNK_BYTES = 8 * 2**20
_CHANGE = "(DELETE | INSERT | MERGE | UPDATE)"
_DECIMAL = re.compile(r"(?:DECIMAL|DEC|NUMERIC)(?:\(\s*\d{1,2}\s*(?:,\s*(\d{1,2})\s*)?\))?$")
_DECIMALS = Context(prec=38)  # the digits of the largest DECIMAL; the default is 28


def run_statement_task(payload: dict[str, Any], dbutils: DBUtils) -> dict[str, Any]:
    """Run the statement of a payload.

    :return: ``columns``, ``chunks`` and ``truncated``; no columns if it has no result. If it
        fails: ``error``.
    """
    try:
        return _run(payload, dbutils.task_spark)
    except ImportError as error:
        return {"error": f"{NO_ENGINE.format('A SQL statement')} ({error})"}
    except Exception as error:
        return {"error": str(error) or repr(error)}


class ChunkWriter:
    """Writes the rows of a result to files of a limited size.

    :param row_limit: the number of rows to keep; 0: all.
    :param byte_limit: the size of the rows to keep; 0: all, up to what the API allows.
    """

    def __init__(self, folder: str, row_limit: int, byte_limit: int) -> None:
        self._folder = folder
        self._row_limit = row_limit
        self._byte_limit = byte_limit
        self._rows: list[str] = []
        self._size = 0
        self._total_rows = 0
        self._total_size = 0
        self.chunks: list[dict[str, int]] = []
        self.is_truncated = False

    def write_all(self, rows: Iterable[Row]) -> None:
        """Write rows until there are none, or a limit is reached.

        :raises ValueError: the result is larger than the API allows.
        """
        for row in rows:
            text = json.dumps([to_text(each) for each in row], ensure_ascii=False)
            size = len(text.encode("utf-8", "backslashreplace"))
            is_above_rows = 0 < self._row_limit <= self._total_rows
            if is_above_rows or 0 < self._byte_limit < self._total_size + size:
                self.is_truncated = True
                break
            if self._total_size + size > MAX_RESULT_BYTES:
                raise ValueError(
                    f"The result is larger than {MAX_RESULT_BYTES // 2**20} MiB, the most that a "
                    "statement returns inline. Set a row_limit or a byte_limit, or select less."
                )
            self._add(text, size)
        self._flush()

    def _add(self, text: str, size: int) -> None:
        if self._rows and self._size + size > _MAX_CHUNK_BYTES:
            self._flush()
        self._rows.append(text)
        self._size += size
        self._total_rows += 1
        self._total_size += size

    def _flush(self) -> None:
        if not self._rows:
            return
        path = os.path.join(self._folder, f"{len(self.chunks)}.json")
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"[{','.join(self._rows)}]")
        offset = self._total_rows - len(self._rows)
        self.chunks.append(
            {"row_offset": offset, "row_count": len(self._rows), "byte_count": self._size}
        )
        self._rows, self._size = [], 0


def convert_parameter(parameter: dict[str, Any]) -> Any:
    """Return the value of a parameter in its type.

    :param parameter: ``name``, ``value`` and ``type``, all texts; without a value it is NULL.
    :raises ValueError: the type is unknown, or the value is not of it.
    """
    name, value = parameter["name"], parameter.get("value")
    kind = (parameter.get("type") or "STRING").strip().upper()
    convert = _find_conversion(kind)
    if convert is None:
        raise ValueError(
            f"The parameter {name!r} has the type {kind}, which is not known here. Use one of "
            f"{', '.join(_CONVERSIONS)} or DECIMAL."
        )
    if value is None:
        return None
    try:
        return convert(value)
    except (ValueError, ArithmeticError):
        raise ValueError(f"The parameter {name!r} is {value!r}, which is not a {kind}.") from None


def _find_conversion(kind: str) -> Callable[[str], Any] | None:
    if match := _DECIMAL.match(kind):
        scale = Decimal(1).scaleb(-int(match[1] or 0))
        return lambda text: _check_finite(Decimal(text)).quantize(scale, ROUND_HALF_UP, _DECIMALS)
    return _CONVERSIONS.get(re.sub(r"\(\d+\)$", "", kind))


def _check_finite(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise ValueError
    return number


def _to_integer(text: str) -> int:
    if "_" in text:
        raise ValueError
    return int(text)


def _to_boolean(text: str) -> bool:
    is_true = text.strip().lower() in ("true", "t", "yes", "y", "1")
    if not is_true and text.strip().lower() not in ("false", "f", "no", "n", "0"):
        raise ValueError
    return is_true


def _to_time(text: str) -> datetime:
    """Read a time; without a zone, it is in UTC, like the session."""
    time = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time


_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "STRING": str,
    "VARCHAR": str,
    "CHAR": str,
    "BOOLEAN": _to_boolean,
    **dict.fromkeys(("BYTE", "TINYINT", "SHORT", "SMALLINT", "INT", "INTEGER"), _to_integer),
    **dict.fromkeys(("LONG", "BIGINT"), _to_integer),
    **dict.fromkeys(("FLOAT", "REAL", "DOUBLE"), float),
    "DATE": lambda text: date.fromisoformat(text.strip()),
    "TIMESTAMP": _to_time,
    "TIMESTAMP_NTZ": _to_time,
    "VOID": lambda text: None,
}


def _run(payload: dict[str, Any], spark: TaskSpark) -> dict[str, Any]:
    request = payload["parameters"]
    statements = split_statements(request["statement"])
    if len(statements) != 1:
        raise ValueError(f"Send one statement in a request, not {len(statements)}.")
    (statement,) = statements
    values = {each["name"]: convert_parameter(each) for each in request["parameters"]}
    run = _run_on_spark if spark.is_installed else _run_on_duckdb
    with run(spark, statement, values, request) as (columns, rows):
        writer = ChunkWriter(payload["chunks_folder"], request["row_limit"], request["byte_limit"])
        if columns:
            writer.write_all(rows)
        return {"columns": columns, "chunks": writer.chunks, "truncated": writer.is_truncated}


@contextmanager
def _run_on_duckdb(
    spark: TaskSpark, statement: str, values: dict[str, Any], request: dict[str, Any]
) -> Iterator[tuple[list[dict[str, Any]], Iterable[Row]]]:
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
        columns = [] if result is None else _describe_duckdb(statement, result.description)
        yield columns, iter(lambda: result.fetchone(), None)
    finally:
        database.close()


def _describe_duckdb(statement: str, description: list[Any]) -> list[dict[str, Any]]:
    """Return the columns of a query, or those that Databricks has for a change of rows."""
    if not is_query(statement):
        is_change = match_syntax(_CHANGE, remove_comments(statement)) and len(description) == 1
        return [describe_column("num_affected_rows", 0, description[0][1])] if is_change else []
    return [
        describe_column(name, position, kind)
        for position, (name, kind, *_) in enumerate(description)
    ]


@contextmanager
def _run_on_spark(
    spark: TaskSpark, statement: str, values: dict[str, Any], request: dict[str, Any]
) -> Iterator[tuple[list[dict[str, Any]], Iterable[Row]]]:
    from .spark.language.sql_names import quote_part

    session = spark.session
    for kind in ("catalog", "schema"):
        if request[kind]:
            session.sql(f"USE {kind.upper()} {quote_part(request[kind])}")
    frame = session.sql(statement, values) if values else session.sql(statement)
    columns: list[dict[str, Any]] = []
    if is_query(statement):
        if request["row_limit"]:
            frame = frame.limit(request["row_limit"] + 1)
        columns = [
            describe_column(field.name, position, field.dataType.simpleString())
            for position, field in enumerate(frame.schema.fields)
        ]
    yield columns, map(tuple, frame.toLocalIterator()) if columns else ()
