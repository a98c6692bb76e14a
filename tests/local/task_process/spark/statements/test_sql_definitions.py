"""Functions that SQL creates, for later tasks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from flask_lakeflow_jobs.local.task_process.spark.statements.query_columns import parse_query
from flask_lakeflow_jobs.local.task_process.spark.statements.sql_definitions import SqlFunctions
from flask_lakeflow_jobs.local.task_process.sql.databricks_sql import write_sql

UPPER = """CREATE FUNCTION dev.s.up(a STRING) RETURNS STRING LANGUAGE PYTHON AS $$
  return a.upper()
$$"""


def fail_query(text: str) -> None:
    raise AssertionError(f"A whole name needs no query: {text}")


def test_functions_last_longer_than_a_task_and_temporary_ones_do_not(tmp_path: Path) -> None:
    registered: dict[str, tuple[Any, str]] = {}

    def register(name: str, function: Any, kind: str) -> None:
        registered[name] = (function, kind)

    first = SqlFunctions(str(tmp_path), register)
    create = partial(first.run, query=fail_query)
    assert create(parse_query("CREATE FUNCTION dev.s.plus(a INT) RETURNS INT RETURN a + 1"))
    assert create(parse_query("CREATE TEMPORARY FUNCTION best() RETURNS INT RETURN 5"))
    assert create(parse_query(UPPER))
    later = SqlFunctions(str(tmp_path), register)
    assert "+" in write_sql(later.insert(parse_query("SELECT plus(1)")))
    described = str(later.describe(parse_query("DESCRIBE FUNCTION EXTENDED s.plus")))
    assert "Function: dev.s.plus" in described
    assert "Returns: INT" in described
    assert later.describe(parse_query("DESCRIBE FUNCTION best")) is None
    assert write_sql(later.insert(parse_query("SELECT best()"))) == "SELECT best()"
    later.insert(parse_query("SELECT up('a')"))
    function, kind = registered["lakeflow_udf_dev_s_up"]
    assert (function("a"), kind) == ("A", "STRING")
    later.run(parse_query("DROP FUNCTION IF EXISTS dev.s.plus"), query=fail_query)
    assert write_sql(later.insert(parse_query("SELECT plus(1)"))) == "SELECT plus(1)"
