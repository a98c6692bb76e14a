"""Parts of logs, errors, and the rows of SQL tasks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.runs.output_parts import LogPart, drop_repeated, read_rows


@given(st.text("ab\né", max_size=40), st.integers(1, 9))
def test_parts_of_a_whole_log_are_the_log(text: str, limit: int) -> None:
    offset, texts = 0, []
    while True:
        part = LogPart.from_whole(text, offset, limit)
        assert part.offset == offset
        texts.append(part.text)
        if part.is_final:
            break
        offset = part.next_offset
    assert "".join(texts) == text


@pytest.mark.parametrize(
    ("offset", "text", "line"), [(-3, "cc\n", 3), (-4, "cc\n", 3), (2, "b\ncc\n", 2), (-99, ..., 1)]
)
def test_part_of_a_whole_log_begins_with_a_line(offset: int, text: object, line: int) -> None:
    part = LogPart.from_whole("a\nb\ncc\n", offset, 100)
    assert (part.text, part.line) == ("a\nb\ncc\n" if text is ... else text, line)
    assert (part.is_live, part.is_final) == (False, True)


def test_log_has_no_progress_token() -> None:
    part = {"text": "a lfjp_x.y\n", "rest": "lfjp_", "offset": 0, "next_offset": 4}
    assert LogPart.from_whole("a lfjp_x.y\n", 0, 100).text == "a ***\n"
    local = LogPart.from_local({**part, "is_final": False, "line": 1})
    assert (local.text, local.rest, local.is_live) == ("a ***\n", "lfjp_", True)


def test_read_rows_pads_short_rows_and_guards_formulas() -> None:
    rows = [{"values": [{"string_value": "=1+1"}]}, {"values": [{}, {"string_value": 'a"b'}]}]
    columns = [{"name": "@x"}, {"name": "y"}]
    output = {"sql_output": {"file_output": {"query_result": {"columns": columns, "rows": rows}}}}
    found = read_rows(output)
    assert found is not None
    assert found.rows == [["=1+1", None], [None, 'a"b']]
    assert list(found.to_csv()) == ["'@x,y\r\n", "'=1+1,\r\n", ',"a""b"\r\n']


@pytest.mark.parametrize("output", [{}, {"sql_output": None}, {"sql_output": {"file_output": {}}}])
def test_read_rows_of_an_output_without_any_is_none(output: dict[str, object]) -> None:
    assert read_rows(output) is None


@pytest.mark.parametrize(
    ("part", "text", "left"),
    [
        (" E: x\n", "Trace\nE: x\n", ""),
        (" E: x\n", "Trace", " E: x"),
        ("E: x", "", "E: x"),
        ("", "Trace", ""),
        (None, "", ""),
    ],
)
def test_part_that_a_text_has_already_is_dropped(part: str | None, text: str, left: str) -> None:
    assert drop_repeated(part, text) == left
