"""Tables that fit the terminal."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.cli.tables import (
    MIN_FIRST_WIDTH,
    MIN_WIDTH,
    fit_widths,
    format_json,
    format_table,
)


def test_table_columns_fit_their_text_without_colors() -> None:
    rows = [["1", click.style("x", fg="red"), ""], ["10", "longer\n", "z"]]
    lines = [click.unstyle(line) for line in format_table(["N", "WORD", "C"], rows)]
    assert lines == ["N   WORD    C", "1   x", "10  longer  z"]


def test_table_without_rows_is_its_header() -> None:
    assert format_table(["A", "B"], []) == ["A  B"]


def test_table_wider_than_the_terminal_cuts_the_widest_column() -> None:
    rows = [["a-long-key", click.style("FAILED", fg="red"), "The nightly load of all flights."]]
    header, row = (click.unstyle(line) for line in format_table(["KEY", "RUN", "ABOUT"], rows, 40))
    assert header == "KEY         RUN     ABOUT"
    assert row == "a-long-key  FAILED  The nightly load of…"


def test_table_cut_cell_keeps_its_color() -> None:
    (_, row) = format_table(["K", "WORD"], [["a", click.style("UPSTREAM_FAILED", fg="red")]], 12)
    assert row == "a  " + click.style("UPSTREAM…", fg="red")


@pytest.mark.parametrize("width", [1, 20, 40, 60])
def test_table_never_cuts_an_id(width: int) -> None:
    rows = [["2026-12-01 19:04:48", "1733065303992824", "The boat is leaking."]]
    (_, row) = format_table(["TIME", "RUN ID", "DETAIL"], rows, width)
    assert row.split("  ")[1] == "1733065303992824"


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 19)), min_size=1), st.integers(0, 300))
def test_widths_fit_or_are_as_small_as_allowed(
    columns: list[tuple[int, int]], available: int
) -> None:
    widths = [width for width, _ in columns]
    ids = [min(column) for column in columns]
    fitted = fit_widths(widths, available, ids)
    assert fitted[0] == widths[0] or fitted[0] >= max(MIN_FIRST_WIDTH, available // 3)
    assert all(kept <= new <= old for kept, new, old in zip(ids, fitted, widths, strict=True))
    least = [max(MIN_WIDTH, kept) for kept in ids]
    assert sum(fitted) <= available or all(
        new <= narrow for new, narrow in zip(fitted[1:], least[1:], strict=True)
    )
    assert sum(fitted) >= min(available, sum(widths))


def test_long_key_leaves_room_for_the_other_columns() -> None:
    """A third of the line, in a table that does not fit, and at least a run id."""
    assert fit_widths([97, 9, 19, 8, 11], 72) == [25, 9, 19, 8, 11]
    assert fit_widths([97, 9], 120) == [97, 9]
    assert fit_widths([97], 40) == [97]
    assert fit_widths([19, 9, 19], 40)[0] == 19


def test_widths_of_a_huge_cell_take_no_longer_than_others() -> None:
    """An output may have megabytes in one line, and no width is tried one by one."""
    assert fit_widths([5, 10**15, 30], 40) == [5, 27, 8]


def test_widths_of_the_last_column_shrink_first() -> None:
    assert fit_widths([5, 19, 30], 40) == [5, 19, 16]
    assert fit_widths([5, 19, 30], 28) == [5, 15, 8]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)

SUMMARY = {
    "day": "2013-01-01",
    "flights": 842,
    "dropped": {"cancelled": 4},
    "carriers": [{"key": "UA", "delay": 1.5}, {"key": "ÄÖ", "late": None}],
}


def test_format_json_has_lines_for_values_and_tables_for_arrays_of_objects() -> None:
    assert (format_json(json.dumps(SUMMARY)) or "").splitlines() == [
        "day      2013-01-01",
        "flights  842",
        'dropped  {"cancelled": 4}',
        "",
        "carriers:",
        "key  delay  late",
        "UA   1.5",
        "ÄÖ          null",
    ]


def test_format_json_of_an_array_of_objects_is_a_table() -> None:
    assert format_json('[{"a": 1}, {"a": 22}]') == "a\n1\n22"


@pytest.mark.parametrize(
    "text", ["", "Done.", "7", '"x"', "{}", "[]", "[1, 2]", "[{}, {}]", "{", "[" * 99999]
)
def test_format_json_leaves_other_texts_alone(text: str) -> None:
    assert format_json(text, 40) is None


@given(st.dictionaries(st.text(), values, min_size=1))
def test_format_json_shows_every_name(value: dict[str, Any]) -> None:
    shown = format_json(json.dumps(value))
    assert shown is not None
    assert format_json(json.dumps(value), 40) is not None
    assert all(" ".join(name.split()) in " ".join(shown.split()) for name in value)
