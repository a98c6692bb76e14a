"""Runs a file of SQL statements in DuckDB."""

from __future__ import annotations

import os
import re
import time
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .dbutils import DBUtils

# What may hold a colon that marks no parameter comes first: texts, quoted names, comments, casts.
_TOKENS = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::|(?<![\w:]):([A-Za-z_]\w*)", re.DOTALL
)
_PATIENCE = 30.0  # seconds to wait while another task has the database open


def run_sql(order: dict[str, Any], dbutils: DBUtils) -> None:
    """Run all statements; what the last one answers is printed."""
    with open(order["path"], encoding="utf-8") as file:
        text = file.read()
    database = _connect(os.path.join(os.environ["LAKEFLOW_LOCAL_DATA"], "warehouse.duckdb"))
    answer = None
    try:
        for statement in database.extract_statements(to_duckdb(text)):
            wanted = statement.named_parameters
            missing = wanted - order["parameters"].keys()
            if missing:
                raise ValueError(f"The parameter {', '.join(sorted(missing))} has no value.")
            given = {name: order["parameters"][name] for name in wanted}
            answer = database.execute(statement, given)
        if answer is not None and answer.description:
            print(*(column[0] for column in answer.description), sep="\t")
            for row in answer.fetchall():
                print(*row, sep="\t")
    finally:
        database.close()


def to_duckdb(text: str) -> str:
    """The same statements with ``:name``, Databricks' mark of a parameter, as DuckDB's
    ``$name``.
    """
    return _TOKENS.sub(lambda token: f"${token[1]}" if token[1] else token[0], text)


def _connect(path: str) -> Any:
    duckdb = import_module("duckdb")
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return duckdb.connect(path)
        except duckdb.IOException as error:
            # Only one process at a time may have a DuckDB file open.
            if "lock" not in str(error).lower() or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
