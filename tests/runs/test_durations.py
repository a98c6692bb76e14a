"""Durations of runs, in seconds and as text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.runs.durations import (
    age_of,
    counts_from_of_efforts,
    duration_of,
    end_of,
    format_duration,
)
from tests.run_documents import FAILED, SUCCEEDED, run


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"start_time": 1000, "end_time": 0}, None),
        ({}, None),
        ({"setup_duration": 1, "execution_duration": 2, "cleanup_duration": 3}, 0.006),
        ({"run_duration": 9, "execution_duration": 2}, 0.009),
        ({"start_time": 1000, "end_time": 1000}, 0.0),
        ({"start_time": 1000, "end_time": 1000, "execution_duration": 2}, 0.002),
        ({"start_time": 1000, "end_time": 11_000}, 10.0),
        ({"start_time": 1000, "end_time": 11_000, "run_duration": 10_000}, 10.0),
        ({"start_time": 1000, "end_time": 11_000, "queue_duration": 4000}, 6.0),
        (
            {
                "start_time": 1000,
                "end_time": 11_000,
                "queue_duration": 4000,
                "run_duration": 10_000,
            },
            6.0,
        ),
        ({"start_time": 1000, "end_time": 86_400_000, "run_duration": 12_000}, 12.0),
        ({"start_time": 1000, "end_time": 900}, 0.0),
    ],
)
def test_duration_excludes_the_queue_and_the_time_until_a_repair(
    fields: dict[str, Any], seconds: float | None
) -> None:
    assert duration_of(run(SUCCEEDED, **fields)) == seconds


def test_duration_of_an_active_run_is_not_known() -> None:
    assert duration_of(run(start_time=100, run_duration=5)) is None


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 0.0),
        ({"start_time": 1000}, 9.0),
        ({"start_time": 1000, "queue_duration": 4000}, 5.0),
        ({"start_time": 11_000}, 0.0),
    ],
)
def test_age_counts_from_the_end_of_the_queue(fields: dict[str, Any], seconds: float) -> None:
    assert age_of(run(**fields), 10.0) == seconds


@pytest.mark.parametrize(
    ("state", "fields", "end"),
    [
        ({}, {"start_time": 1000, "end_time": 0}, None),
        (SUCCEEDED, {"start_time": 1000, "end_time": 2000}, 2000),
        (FAILED, {"start_time": 1000, "end_time": 0}, 1000),
        (FAILED, {"start_time": 1000}, 1000),
        (FAILED, {}, None),
    ],
)
def test_end_of_a_run_that_has_none_is_its_start(
    state: dict[str, Any], fields: dict[str, Any], end: int | None
) -> None:
    assert end_of(run(state, **fields)) == end


def test_duration_during_a_repair_leaves_out_the_time_before_it() -> None:
    original = run(FAILED, start_time=1000, end_time=1500)
    repaired = run(FAILED, start_time=40_000, end_time=40_200)
    active, waiting = run(start_time=90_000), run(start_time=0)
    assert counts_from_of_efforts([original, active], 95_000) == 89_500
    assert counts_from_of_efforts([original, repaired, active], 95_000) == 89_300
    for efforts in ([], [active], [original, waiting]):
        assert counts_from_of_efforts(efforts, 95_000) is None


@pytest.mark.parametrize(
    ("seconds", "text", "whole"),
    [
        (None, "", ""),
        (-5.0, "0 ms", "0 s"),
        (0.0, "0 ms", "0 s"),
        (0.95, "950 ms", "0 s"),
        (0.9995, "1.0 s", "0 s"),
        (12.34, "12.3 s", "12 s"),
        (59.94, "59.9 s", "59 s"),
        (59.95, "1 min 0 s", "59 s"),
        (61.0, "1 min 1 s", "1 min 1 s"),
        (725.6, "12 min 6 s", "12 min 5 s"),
        (3599.4, "59 min 59 s", "59 min 59 s"),
        (3599.5, "1 h 0 min", "59 min 59 s"),
        (7_425.0, "2 h 3 min", "2 h 3 min"),
        (86_400.0, "1 d 0 h", "1 d 0 h"),
        (93_784.0, "1 d 2 h", "1 d 2 h"),
        (864_000.0, "10 d 0 h", "10 d 0 h"),
    ],
)
def test_format_duration_shows_the_two_largest_units(
    seconds: float | None, text: str, whole: str
) -> None:
    assert format_duration(seconds) == text
    assert format_duration(seconds, whole_seconds=True) == whole


@given(st.floats(0, 1e9), st.booleans())
def test_format_duration_never_fills_a_unit(seconds: float, whole_seconds: bool) -> None:
    text = format_duration(seconds, whole_seconds=whole_seconds)
    assert not re.search(r"\b(1000 ms|60(\.0)? s|60 min|24 h)", text)
