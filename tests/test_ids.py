"""Ids, as people and programs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import InvalidRequest
from flask_lakeflow_jobs.runs.ids import MAX_ID, parse_id, parse_run_id

NO_IDS: list[object] = [
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
NO_IDS += [MAX_ID + 1, 10**5000, b"5", [5]]


@given(st.integers(min_value=1, max_value=MAX_ID))
def test_a_number_and_its_text_are_one_id(number: int) -> None:
    assert parse_id(number) == parse_id(str(number)) == parse_run_id(str(number)) == number


@pytest.mark.parametrize("value", NO_IDS, ids=lambda value: ascii(type(value)))
def test_anything_else_is_none(value: object) -> None:
    assert parse_id(value) is None
    with pytest.raises(InvalidRequest, match="A run id is a positive whole number, not ") as caught:
        parse_run_id(value)
    assert len(caught.value.detail) < 120
