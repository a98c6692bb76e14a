"""Texts beside numbers and booleans."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.sql.text_casts import choose_casts, convert_in_text

#: The types of columns.
KINDS = {"s": "string", "n": "int", "x": "double", "d": "date", "b": "boolean"}


@pytest.mark.parametrize(
    ("kinds", "numbers", "lenient"),
    [
        (["string"], ["DOUBLE"], ["DOUBLE"]),
        (["decimal(4,2)"], [None], [None]),
        (["string", "int"], ["BIGINT", None], ["DOUBLE", None]),
        (["tinyint", "string"], [None, "BIGINT"], [None, "DOUBLE"]),
        (["string", "decimal(3,1)"], ["DOUBLE", None], ["DOUBLE", None]),
        (["float", "string"], [None, "DOUBLE"], [None, "DOUBLE"]),
        (["string", "string"], [None, None], ["DOUBLE", "DOUBLE"]),
        (["string", "interval day"], [None, None], [None, None]),
        (["date", "string"], [None, None], [None, None]),
        (["int", "double"], [None, None], [None, None]),
    ],
)
def test_text_becomes_the_number_that_databricks_makes_of_it(
    kinds: list[str], numbers: list[str | None], lenient: list[str | None]
) -> None:
    assert choose_casts(kinds, is_lenient=False) == numbers
    assert choose_casts(kinds, is_lenient=True) == lenient


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("s * 2", "CAST(s AS BIGINT) * 2 AS `(s * 2)`"),
        ("s * 2 + n AS total", "CAST(s AS BIGINT) * 2 + n AS total"),
        ("(s + 1) / x", "(CAST(s AS BIGINT) + 1) / x AS `((s + 1) / x)`"),
        ("round(s * 2, 1)", "round(CAST(s AS BIGINT) * 2, 1) AS `round((s * 2), 1)`"),
        ("AVG(s)", "avg(CAST(s AS DOUBLE)) AS `avg(s)`"),
        ("sum(s) + -s", "sum(CAST(s AS DOUBLE)) + -CAST(s AS DOUBLE) AS `(sum(s) + (- s))`"),
        ("b = s", "b = CAST(s AS BOOLEAN) AS `(b = s)`"),
        ("s <> b", "CAST(s AS BOOLEAN) <> b AS `(s <> b)`"),
        ("b IN (s, b) AS c", "b IN (CAST(s AS BOOLEAN), b) AS c"),
        ("s = s", "s = s"),
        ("s * s", "s * s"),
        ("n  *  2", "n  *  2"),
        ("missing * 2", "missing * 2"),
    ],
)
def test_column_with_texts_is_cast_and_keeps_its_name(text: str, written: str) -> None:
    assert convert_in_text(text, find_kind, is_column=True, is_lenient=False) == written


def test_condition_with_texts_gets_no_name_and_lenient_casts() -> None:
    written = convert_in_text("s * 2 > x", find_kind, is_column=False, is_lenient=True)
    assert written == "TRY_CAST(s AS DOUBLE) * 2 > x"


def find_kind(text: str) -> str:
    """Return the type of an expression, from its first column or cast."""
    if text.isdecimal():
        return "int"
    return "bigint" if "BIGINT" in text else KINDS[text]
