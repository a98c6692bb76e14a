"""Functions that SQL creates: a call becomes what the function returns."""

# ruff: noqa: E501  # lines of SQL

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.query_columns import write
from flask_lakeflow_jobs.local.lakeflow_child.spark.sql_udfs import SqlFunctions
from flask_lakeflow_jobs.local.lakeflow_child.sql.databricks_sql import (
    DatabricksDialect,
    parse_one,
)

parse = partial(parse_one, dialect=DatabricksDialect)
CREATED = (
    "CREATE FUNCTION dev.s.plus(a INT, b INT DEFAULT 3) RETURNS INT RETURN a + b",
    "CREATE FUNCTION dev.s.more(a INT) RETURNS INT RETURN dev.s.plus(a) * 2",
    "CREATE TEMPORARY FUNCTION best() RETURNS INT RETURN (SELECT max(x) FROM t)",
    "CREATE FUNCTION pairs(a INT) RETURNS TABLE (x INT) RETURN SELECT a AS x",
    "CREATE FUNCTION dev.s.up(a STRING) RETURNS STRING LANGUAGE PYTHON AS $$\n  return a.upper()\n$$",
)


class Register:
    """Remembers the functions of Python."""

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {}

    def __call__(self, name: str, function: Any, kind: str) -> None:
        self.functions[name] = (function, kind)


def create(folder: Path, register: Register) -> SqlFunctions:
    functions = SqlFunctions(str(folder), register)
    for each in CREATED:
        assert functions.run(parse(each))
    return functions


@pytest.mark.parametrize(
    ("query", "expanded"),
    [
        ("SELECT dev.s.plus(1, x) FROM t", "SELECT CAST(((1) + (x)) AS INT) FROM t"),
        ("SELECT plus(a => 1)", "SELECT CAST(((1) + (3)) AS INT)"),
        (
            "SELECT more(5)",
            "SELECT CAST((CAST((((5)) + (3)) AS INT) * 2) AS INT)",
        ),
        ("SELECT best()", "SELECT CAST((SELECT MAX(x) FROM t) AS INT)"),
        ("SELECT * FROM pairs(2) p", "SELECT * FROM (SELECT (2) AS x) AS p"),
        ("SELECT s.up(name) FROM t", "SELECT lakeflow_udf_dev_s_up(name) FROM t"),
        ("SELECT other(1)", "SELECT other(1)"),
        ("SELECT is_member('a')", "SELECT CAST((('a') IN ('account users', 'users')) AS BOOLEAN)"),
    ],
)
def test_call_becomes_what_the_function_returns(query: str, expanded: str, tmp_path: Path) -> None:
    functions = create(tmp_path, Register())
    assert write(functions.insert(parse(query), parse)).lower() == expanded.lower()


def test_functions_last_longer_than_a_task_and_temporary_ones_do_not(tmp_path: Path) -> None:
    register = Register()
    create(tmp_path, register)
    later = SqlFunctions(str(tmp_path), register)
    assert "+" in write(later.insert(parse("SELECT plus(1)"), parse))
    assert write(later.insert(parse("SELECT best()"), parse)) == "SELECT best()"
    later.insert(parse("SELECT up('a')"), parse)
    function, kind = register.functions["lakeflow_udf_dev_s_up"]
    assert (function("a"), kind) == ("A", "STRING")
    later.run(parse("DROP FUNCTION IF EXISTS dev.s.plus"))
    assert write(later.insert(parse("SELECT plus(1)"), parse)) == "SELECT plus(1)"


def test_missing_argument_and_unknown_language_are_refused(tmp_path: Path) -> None:
    functions = create(tmp_path, Register())
    with pytest.raises(ValueError, match=r"plus needs the argument a\. Give it a value"):
        functions.insert(parse("SELECT plus()"), parse)
    with pytest.raises(ValueError, match=r"no functions in SCALA\. Write it in SQL or Python"):
        functions.run(parse("CREATE FUNCTION f(a INT) RETURNS INT LANGUAGE SCALA RETURN a"))
