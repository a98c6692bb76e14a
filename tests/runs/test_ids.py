"""Ids of jobs and runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import InvalidRequest
from flask_lakeflow_jobs.runs.ids import (
    MAX_ID,
    parse_id,
    parse_run_id,
)

INVALID_IDS: list[object] = [
    "abc",
    "",
    " 5",
    "-1",
    "1.5",
    "٣",
    "9" * 19,
    "9" * 5000,
    None,
    2.5,
    -1,
    0,
    True,
]
INVALID_IDS += ["1001abc", "+1", "1.0", "1e3", "1\n", "1_0", "²", "0x1", str(MAX_ID + 1)]
INVALID_IDS += [MAX_ID + 1, 10**5000, b"5", [5]]


@given(st.integers(min_value=1, max_value=MAX_ID))
def test_parse_id_accepts_a_number_and_its_text(number: int) -> None:
    assert parse_id(number) == parse_id(str(number)) == parse_run_id(str(number)) == number


def test_parse_run_id_accepts_leading_zeros() -> None:
    assert parse_run_id("0042") == 42


@given(st.text())
def test_parse_run_id_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        run_id = parse_run_id(text)
    except InvalidRequest:
        return
    assert 0 < run_id <= MAX_ID


@pytest.mark.parametrize("value", INVALID_IDS, ids=lambda value: ascii(type(value)))
def test_parse_id_of_anything_else_is_none(value: object) -> None:
    assert parse_id(value) is None
    with pytest.raises(InvalidRequest, match="A run id is a positive whole number, not ") as caught:
        parse_run_id(value)
    assert len(caught.value.detail) < 120
