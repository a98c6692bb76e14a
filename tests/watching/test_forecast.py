"""Forecasts of when phases end, and the best moment to poll by them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.runs.phases import MIN_DURATIONS, PhaseDurations
from flask_lakeflow_jobs.watching.forecast import (
    ForecastPoint,
    choose_delay,
    expected_end,
    forecast_end,
    remaining_seconds,
)
from tests.run_documents import SUCCEEDED, Document, run, run_state, task

NOW = 1_764_000_000.0

#: Durations of past runs, in seconds.
PAST = [28.0, 29.0, 30.0, 31.0, 32.0]

ages = st.floats(0.0, 200_000.0)
some_durations = st.lists(st.floats(0.0, 100_000.0), min_size=MIN_DURATIONS, max_size=30).map(
    sorted
)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (0.0, [(27.0, 0.0), (28.0, 1 / 6), (30.0, 1 / 2), (32.0, 5 / 6), (34.0, 1.0)]),
        (20.0, [(7.0, 0.0), (8.0, 1 / 6), (10.0, 1 / 2), (12.0, 5 / 6), (14.0, 1.0)]),
        # It has not ended by now, so what is left is likelier.
        (30.0, [(0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (2.0, 2 / 3), (4.0, 1.0)]),
        (31.0, [(0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (1.0, 1 / 2), (3.0, 1.0)]),
        # Overdue: within about as long as it is overdue.
        (32.0, [(0.0, 0.0), (2.0, 1.0)]),
        (132.0, [(0.0, 0.0), (102.0, 1.0)]),
    ],
)
def test_forecast_goes_through_shortest_median_and_longest_duration(
    age: float, expected: list[tuple[float, float]]
) -> None:
    points = forecast_end(age, PAST)
    assert [value for point in points for value in point] == pytest.approx(
        [value for point in expected for value in point]
    )


@given(age=ages, past=some_durations)
def test_forecast_rises_from_zero_to_one(age: float, past: list[float]) -> None:
    points = forecast_end(age, past)
    assert points[0].probability == 0.0
    assert points[-1].probability == pytest.approx(1.0)
    assert points[0].delay >= 0.0
    for earlier, later in pairwise(points):
        assert earlier.delay <= later.delay
        assert earlier.probability <= later.probability


def certain(delay: float) -> list[ForecastPoint]:
    return [ForecastPoint(delay, 0.0), ForecastPoint(delay, 1.0)]


def between(start: float, end: float) -> list[ForecastPoint]:
    return [ForecastPoint(start, 0.0), ForecastPoint(end, 1.0)]


@pytest.mark.parametrize(
    ("forecasts", "poll_cost", "expected"),
    [
        ([], 1.0, 30.0),  # nothing to find
        ([certain(10.0)], 1.0, 10.0),
        ([certain(0.0)], 1.0, 0.5),  # not before the minimum
        ([certain(40.0)], 1.0, 30.0),  # not after the maximum
        ([certain(10.0), certain(20.0)], 1.0, 10.0),
        ([certain(10.0), certain(11.0)], 3.0, 11.0),  # one poll for both
        # A span of s seconds: after the square root of 2 s times the cost.
        ([between(0.0, 18.0)], 1.0, 6.0),
        ([between(0.0, 18.0)], 4.0, 12.0),
        ([between(10.0, 28.0)], 1.0, 16.0),
        ([between(0.0, 2.0)], 4.0, 2.0),  # too expensive to poll during the span
    ],
)
def test_poll_has_the_least_cost_per_change(
    forecasts: list[list[ForecastPoint]], poll_cost: float, expected: float
) -> None:
    assert choose_delay(forecasts, poll_cost, 0.5, 30.0) == pytest.approx(expected, abs=0.01)


@given(
    phases=st.lists(st.tuples(ages, some_durations), max_size=5),
    poll_cost=st.floats(0.1, 10.0),
    max_delay=st.floats(0.5, 60.0),
)
def test_delay_is_within_its_bounds(
    phases: list[tuple[float, list[float]]], poll_cost: float, max_delay: float
) -> None:
    forecasts = [forecast_end(age, past) for age, past in phases]
    assert 0.5 <= choose_delay(forecasts, poll_cost, 0.5, max_delay) <= max_delay


@given(age=ages, past=some_durations, cost=st.floats(0.1, 5.0), more=st.floats(0.0, 5.0))
def test_more_expensive_poll_comes_no_sooner(
    age: float, past: list[float], cost: float, more: float
) -> None:
    forecast = [forecast_end(age, past)]
    sooner, later = (choose_delay(forecast, each, 0.5, 60.0) for each in (cost, cost + more))
    assert sooner <= later + 0.01


# Predictions


@pytest.mark.parametrize(
    ("age", "left"),
    [(0.0, 30.0), (27.0, 3.0), (29.5, 1.5), (31.5, 0.5), (32.0, None), (99.0, None)],
)
def test_remaining_seconds_are_the_median_of_longer_runs(age: float, left: float | None) -> None:
    assert remaining_seconds(age, PAST) == left


def test_remaining_seconds_need_some_past_runs() -> None:
    assert remaining_seconds(1.0, [30.0] * (MIN_DURATIONS - 1)) is None


@given(age=ages, past=some_durations)
def test_remaining_seconds_are_never_negative(age: float, past: list[float]) -> None:
    left = remaining_seconds(age, past)
    assert left is None or left >= 0.0


def active(key: str, doing: str, age: float, *depends_on: str) -> Document:
    started = {} if doing == "BLOCKED" else {"start_time": int((NOW - age) * 1000)}
    return task(
        key, run_state(doing), depends_on=[{"task_key": each} for each in depends_on], **started
    )


LOADED = task("load", SUCCEEDED)

PAST_TASKS: PhaseDurations = {
    "run": [190.0, 200.0, 210.0],
    "setup load": [20.0, 20.0, 20.0],
    "execution load": [40.0, 40.0, 50.0],
    "execution store": [30.0, 30.0, 30.0],
    "execution check": [100.0, 100.0, 100.0],
}


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        # The longest way through the tasks that have not ended.
        ([active("load", "PENDING", 5.0), active("store", "BLOCKED", 0.0, "load")], 85.0),
        ([active("load", "RUNNING", 30.0), active("store", "BLOCKED", 0.0, "load")], 60.0),
        ([LOADED, active("store", "RUNNING", 10.0, "load")], 20.0),
        (
            [
                active("check", "BLOCKED", 0.0, "load"),
                active("store", "BLOCKED", 0.0, "load"),
                active("load", "RUNNING", 30.0),
            ],
            130.0,
        ),
        # Too little is known of one: the whole runs decide.
        ([active("load", "RUNNING", 30.0), active("new", "BLOCKED", 0.0, "load")], 140.0),
        ([LOADED, active("store", "RUNNING", 31.0, "load")], 140.0),
        ([active("load", "WAITING_FOR_RETRY", 1.0)], 140.0),
        ([active("store", "BLOCKED", 0.0, "load"), active("load", "BLOCKED", 0.0, "store")], 140.0),
        ([], 140.0),
    ],
)
def test_expected_end_follows_the_tasks(tasks: list[Document], expected: float) -> None:
    going = run(run_state("RUNNING"), start_time=int((NOW - 60.0) * 1000), tasks=tasks)
    eta = expected_end(going, PAST_TASKS, NOW)
    assert eta is not None
    assert eta / 1000 - NOW == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("doing", [run_state("QUEUED"), run_state("TERMINATING"), SUCCEEDED])
def test_run_that_waits_or_ends_has_no_expected_end(doing: Document) -> None:
    assert expected_end(run(doing, start_time=int(NOW * 1000)), PAST_TASKS, NOW) is None
