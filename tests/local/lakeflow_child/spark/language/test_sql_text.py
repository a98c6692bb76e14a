"""The text of SQL: its parameters, its quotes and its stars."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.language.sql_text import (
    escape_quotes,
    hide_metadata,
    insert_parameters,
)


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
    ],
)
def test_escape_quotes_changes_doubled_quotes_only(statement: str, escaped: str) -> None:
    assert escape_quotes(statement) == escaped


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT *, _metadata.f FROM v", "SELECT * EXCEPT (_metadata), _metadata.f FROM v"),
        ("SELECT a * 2, count(*), '*', * FROM STREAM(v)", None),
        (
            "SELECT * FROM (SELECT (SELECT 1) AS n, * FROM STREAM v) WHERE n IN (SELECT * FROM u)",
            None,
        ),
        ("SELECT * EXCEPT (a) FROM v", "SELECT * EXCEPT (_metadata, a) FROM v"),
    ],
)
def test_metadata_of_files_is_no_column_of_the_query(query: str, expected: str | None) -> None:
    expected = expected or query.replace(", * FROM", ", * EXCEPT (_metadata) FROM")
    assert hide_metadata(query.replace(" v", " v_1").replace("(v", "(v_1"), "v_1") == (
        expected.replace(" v", " v_1").replace("(v", "(v_1")
    )
