"""Run statements and calls of frames, and describe their results in a form that can be compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

#: Of a statement: the names of its columns, and its rows. ``None``: it is refused.
Result = tuple[list[str], list[list[Any]]] | None


def read_statements() -> list[str]:
    """Return statements of SQL; the first ones create the views of the others."""
    return read_lines("statements.sql", "--")


def read_frames() -> list[str]:
    """Return expressions of Python whose values are frames."""
    return read_lines("frames.txt", "#")


def read_lines(name: str, comment: str) -> list[str]:
    lines = (FOLDER / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith(comment)]


def run_all(spark: Any, known: Container[str] = ()) -> Iterator[tuple[str, Result]]:
    """Run each statement and expression in a session, and yield it with its result.

    :param known: those that are left out.
    """
    from pyspark.sql import Window, functions  # an extra

    spark.conf.set("spark.sql.session.timeZone", "UTC")
    for statement in read_statements():
        if statement.startswith("CREATE"):
            spark.sql(statement).collect()
        elif statement not in known:
            yield statement, _run(partial(spark.sql, statement))
    views = ("t", "orders", "customers", "events", "items", "flags")
    names = {"spark": spark, "F": functions, "Window": Window}
    names |= {view: spark.table(view) for view in views}
    for expression in read_frames():
        if expression not in known:
            yield expression, _run(partial(eval, expression, names))


def _run(create: Callable[[], Any]) -> Result:
    try:
        frame = create()
        return frame.columns, [[plain(value) for value in row] for row in frame.collect()]
    except Exception:  # whichever error Spark, Sail or a client has
        return None


def plain(value: Any) -> Any:
    """Return a value as JSON has it; maps and structs are objects."""
    match value:
        case float():
            return float(f"{value:.12g}") if abs(value) < float("inf") else str(value)
        case Decimal() | date() | datetime():
            return str(value)
        case bytes() | bytearray():
            return f"X'{value.hex()}'"
        case dict():
            return {str(plain(key)): plain(each) for key, each in sorted(value.items(), key=str)}
        case list() | tuple():
            names = getattr(value, "__fields__", None)  # of a row
            values = [plain(each) for each in value]
            return values if names is None else dict(zip(names, values, strict=True))
        case None | bool() | int() | str():
            return value
    return str(value)


def read_results() -> dict[str, Result]:
    """Return the recorded results of Spark."""
    path = FOLDER / "results.jsonl"
    lines = path.read_text().splitlines() if path.exists() else ()
    return dict(map(json.loads, lines))


def write_results(results: Mapping[str, Result]) -> None:
    """Write results in the order of their statements, without those that Spark refuses."""
    order = [*read_statements(), *read_frames()]
    found = [(each, results[each]) for each in order if results.get(each) is not None]
    lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in found]
    (FOLDER / "results.jsonl").write_text("".join(lines))
