"""The text of SQL: its parameters, its quotes and its calls."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.sql_text import (
    escape_quotes,
    insert_parameters,
    read_arguments,
)


@pytest.mark.parametrize(
    ("value", "literal"),
    [(1, "1"), (None, "NULL"), (True, "True"), ("it's \\", "'it\\'s \\\\'")],
)
def test_insert_parameters_as_literals(value: Any, literal: str) -> None:
    statement = "INSERT INTO t VALUES (:n, ':n', :other) -- :n"
    assert insert_parameters(statement, {"n": value}) == statement.replace(":n", literal, 1)


@pytest.mark.parametrize(
    ("statement", "escaped"),
    [
        ("SELECT 'it''s', ''''", r"SELECT 'it\'s', '\''"),
        ("SELECT '', 'a' 'b', 'c\\''''", r"SELECT '', 'a' 'b', 'c\'\''"),
        ('SELECT "c""d", \'e "" f\'', r'SELECT "c\"d", ' + "'e \"\" f'"),
        (r"SELECT 'a\\''b'", r"SELECT 'a\\\'b'"),
        (
            "SELECT r'a' /* it''s */ -- ''\nFROM `a''b`",
            "SELECT r'a' /* it''s */ -- ''\nFROM `a''b`",
        ),
    ],
)
def test_escape_quotes_changes_doubled_quotes_only(statement: str, escaped: str) -> None:
    assert escape_quotes(statement) == escaped


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("f(a, 'b, (' , g(c, [d, e]) ) + 1", ["a", "'b, ('", "g(c, [d, e])"]),
        ("f(a[1, 2] -- ,\n)", ["a[1, 2] -- ,"]),
        ("f(a, (b", None),
    ],
)
def test_arguments_of_a_call(call: str, arguments: list[str] | None) -> None:
    found = read_arguments(call, 2)
    assert (found and found[0]) == arguments
    assert found is None or call[found[1] - 1] == ")"
