"""Logs of tasks, in parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.runs.log_parts import LogPart


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
