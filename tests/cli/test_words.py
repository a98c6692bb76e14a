"""Small pieces of text: words, times, lengths of time, addresses."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.cli.formatting import (
    clock_time,
    date_and_time,
    duration,
    length_of,
    one_line,
    word,
)
from flask_lakeflow_jobs.runs.outcome import Outcome
from tests import run_documents

#: 2026-11-24 15:02:01.500 UTC
MOMENT = 1_795_532_521_500


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_outcome_is_its_word_whatever_the_colour(outcome: Outcome) -> None:
    assert click.unstyle(word(outcome)) == outcome.value.upper()


def test_good_and_bad_differ_in_colour() -> None:
    assert len({word(o)[:5] for o in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELED)}) == 3


def test_times_are_local() -> None:
    assert clock_time(MOMENT) == "15:02:01"
    assert date_and_time(MOMENT) == "2026-11-24 15:02:01"


@pytest.mark.parametrize("moment", [None, 0])
def test_a_moment_that_has_not_come_is_blank(moment: int | None) -> None:
    assert date_and_time(moment) == ""


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, ""),
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1.0 s"),
        (59_940, "59.9 s"),
        (59_950, "1 min 00 s"),
        (61_000, "1 min 01 s"),
        (3_599_400, "59 min 59 s"),
        (3_599_500, "1 h 00 min"),
        (90_061_000, "25 h 01 min"),
    ],
)
def test_a_duration_has_its_two_greatest_units(milliseconds: int | None, text: str) -> None:
    assert duration(milliseconds) == text


@given(st.integers(0, 10**12))
def test_no_duration_has_sixty_of_what_has_a_greater_unit(milliseconds: int) -> None:
    assert not re.search(r"\b60(\.0)? (s|min)", duration(milliseconds))


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ({"setup_duration": 1, "execution_duration": 2, "cleanup_duration": 3}, 6),
        ({"run_duration": 9, "execution_duration": 2}, 9),
        ({"start_time": 100, "end_time": 150}, 50),
        ({"start_time": 100, "end_time": 150, "queue_duration": 20, "run_duration": 50}, 30),
        ({"start_time": 100, "end_time": 90_000, "run_duration": 60}, 60),
        ({"start_time": 100, "end_time": 0}, None),
        ({}, None),
    ],
)
def test_an_ended_run_has_a_length(fields: dict[str, Any], length: int | None) -> None:
    assert length_of(run_documents.run(run_documents.SUCCEEDED, **fields)) == length


def test_a_run_that_goes_on_has_none() -> None:
    assert length_of(run_documents.run(start_time=100, run_duration=5)) is None


def test_a_message_is_one_line() -> None:
    assert one_line(" a\n\tb \r\n") == "a b"
    assert one_line(None) == ""
