"""Values, rows and columns as SQL."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.spark.language.sql_literals import (
    escape_quotes,
    insert_parameters,
    parse_columns,
)


def test_columns_of_a_text_have_types_with_commas() -> None:
    nested = "STRUCT<x: INT, y: ARRAY<DECIMAL(10, 2)>>"
    columns = parse_columns(f"`a` {nested}, c DECIMAL(10, 2), d DATE")
    assert columns == {"a": nested, "c": "DECIMAL(10, 2)", "d": "DATE"}
    assert parse_columns("") == {}


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (1, "1"),
        (None, "NULL"),
        (True, "True"),
        (b"\x01", "X'01'"),
        ("it's \\", "'it\\'s \\\\'"),
    ],
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
        (
            "CREATE FUNCTION f(x INT) AS $$\n\"\"\"Add '1'.\"\"\"\n$$ SELECT ''''",
            'CREATE FUNCTION f(x INT) AS $$\n"""Add \'1\'."""\n$$ SELECT \'\\\'\'',
        ),
    ],
)
def test_escape_quotes_changes_doubled_quotes_only(statement: str, escaped: str) -> None:
    assert escape_quotes(statement) == escaped
