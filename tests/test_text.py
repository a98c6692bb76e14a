"""Text from outside: JSON, and lines made of it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_lakeflow_jobs.text import (
    FORMULA_STARTS,
    MAX_LINE_CHARS,
    TOKENS,
    clean_line,
    format_csv_line,
    join_lines,
    parse_json,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüße, 数据: 5 % of {x}", "Grüße, 数据: 5 % of {x}"),
        ("one\nCRITICAL:root:forged", "one CRITICAL:root:forged"),
        ("a\r\n\tb\x85c\u2028d", "a b c d"),
        ("\x1b]0;title\x07 \x9b31mred", " ]0;title   31mred"),
        ("left\u202etfel\u2066", "left tfel "),
        ("half \ud800", "half  "),
        ("token dapi0123456789abcdef-3.", "token …."),
        ("token eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl, no", "token …, no"),
        ("cut eyJhbGciOiJIUzI1", "cut …"),
    ],
)
def test_clean_line_table(text: str, expected: str) -> None:
    assert clean_line(text) == expected


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=50))
def test_clean_line_is_one_printable_encodable_line(text: str) -> None:
    line = clean_line(text)
    assert len(line.splitlines()) <= 1
    line.encode()
    assert "\x1b" not in line


def test_clean_line_is_cut_before_patterns_match_it() -> None:
    line = clean_line("dapi" * 1_000_000)
    assert len(line) <= MAX_LINE_CHARS + 1
    assert not TOKENS.search(line)


@given(st.lists(st.text("ab\"'=,;\r\n\t"), min_size=1, max_size=4))
def test_format_csv_line_is_read_back_as_one_row_without_formulas(cells: list[str]) -> None:
    text = io.StringIO(f"{format_csv_line(cells)}\r\n", newline="")
    (row,) = csv.reader(text)
    assert [cell.replace("'", "") for cell in row] == [cell.replace("'", "") for cell in cells]
    assert not any(cell.startswith(FORMULA_STARTS) for cell in row)


@given(st.lists(st.text("ab\"'=,;\r\n\t"), min_size=1, max_size=4))
@example(["a", "b;=1"])
@example(["a", 'b;"=1'])
@example(["a", "b\n=1\nc"])
def test_format_csv_line_has_no_formulas_where_semicolons_or_tabs_separate_cells(
    cells: list[str],
) -> None:
    for delimiter in ";\t":
        text = io.StringIO(f"{format_csv_line(cells)}\r\n", newline="")
        rows = csv.reader(text, delimiter=delimiter)
        assert not any(cell.startswith("=") for row in rows for cell in row)


def test_format_csv_line_keeps_separators_that_begin_no_formula() -> None:
    assert format_csv_line(["a;b\r\n\tc", "1-2;x=1"]) == '"a;b\r\n\tc",1-2;x=1'


@pytest.mark.parametrize("start", ["=", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_format_csv_line_quotes_starts_of_formulas(start: str) -> None:
    assert format_csv_line([f"{start}1", f"\0{start}a\0"]) == f"'{start}1,'{start}a"


def test_join_lines_removes_line_breaks() -> None:
    assert join_lines(" a\n\tb \r\n") == "a b"
    assert join_lines(None) == ""


def test_parse_json_accepts_what_json_is() -> None:
    assert parse_json('{"a": [1, -2.5e3, null], "b": {"a": "x"}}') == {
        "a": [1, -2500.0, None],
        "b": {"a": "x"},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[NaN]", "NaN is not a finite number"),
        ('{"a": -Infinity}', "-Infinity is not a finite number"),
        ("[[1e999]]", "1e999 is not a finite number"),
        (f"1{'0' * 9000}.0", f"1{'0' * 39} is not a finite number"),
        ('{"a": {"b": 1, "b": 2}}', "'b' is repeated"),
        (f'{{"{"x" * 999}": 1, "{"x" * 999}": 1}}', f"'{'x' * 40}' is repeated"),
        (f"[{'9' * 4301}]", f"{'9' * 40}… is too large a number"),
        ("[" * 100_000 + "]" * 100_000, "it is nested too deeply"),
        ("{", "Expecting"),
    ],
)
def test_parse_json_refuses_what_other_parsers_read_differently(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)
