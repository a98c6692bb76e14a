"""Small pieces of text: words, times, lengths of time, addresses."""

from __future__ import annotations

from typing import Any

import click
import pytest

from flask_lakeflow_jobs.cli.formatting import (
    clock_time,
    date_and_time,
    final_duration,
    format_outcome,
    one_line,
)
from flask_lakeflow_jobs.runs.outcome import Outcome
from tests import run_documents

#: 2026-11-24 15:02:01.500 UTC
MOMENT = 1_795_532_521_500


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_outcome_is_its_word_whatever_the_colour(outcome: Outcome) -> None:
    assert click.unstyle(format_outcome(outcome)) == outcome.value.upper()


def test_good_and_bad_differ_in_colour() -> None:
    assert (
        len({format_outcome(o)[:5] for o in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELED)})
        == 3
    )


def test_times_are_local() -> None:
    assert clock_time(MOMENT) == "15:02:01"
    assert date_and_time(MOMENT) == "2026-11-24 15:02:01"


@pytest.mark.parametrize("moment", [None, 0])
def test_a_moment_that_has_not_come_is_blank(moment: int | None) -> None:
    assert date_and_time(moment) == ""


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ({"setup_duration": 1, "execution_duration": 2, "cleanup_duration": 3}, 0.006),
        ({"run_duration": 9, "execution_duration": 2}, 0.009),
        ({"start_time": 100, "end_time": 150}, 0.05),
        ({"start_time": 100, "end_time": 150, "queue_duration": 20, "run_duration": 50}, 0.03),
        ({"start_time": 100, "end_time": 90_000, "run_duration": 60}, 0.06),
        ({"start_time": 100, "end_time": 0}, None),
        ({}, None),
    ],
)
def test_an_ended_run_has_a_length(fields: dict[str, Any], length: float | None) -> None:
    assert final_duration(run_documents.run(run_documents.SUCCEEDED, **fields)) == length


def test_a_run_that_goes_on_has_none() -> None:
    assert final_duration(run_documents.run(start_time=100, run_duration=5)) is None


def test_a_message_is_one_line() -> None:
    assert one_line(" a\n\tb \r\n") == "a b"
    assert one_line(None) == ""
