"""When to look again: by the past where there is one, else by the run's age. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.watching.schedule import (
    ENOUGH_HISTORY,
    FLOOR,
    SHARE_OF_AGE,
    next_look,
    remaining,
    waiting_look,
)

durations = st.lists(st.floats(0.0, 100_000.0), max_size=30).map(sorted)
ages = st.floats(0.0, 200_000.0)
ceilings = st.floats(FLOOR, 60.0)


@given(age=ages, past=durations, ceiling=ceilings)
def test_a_pause_is_never_shorter_than_the_floor_or_longer_than_the_ceiling(
    age: float, past: list[float], ceiling: float
) -> None:
    assert FLOOR <= next_look(age, past, ceiling) <= ceiling
    assert FLOOR <= waiting_look(age, ceiling) <= ceiling


@pytest.mark.parametrize("ceiling", [0.1, 0.25])
def test_a_ceiling_below_the_floor_holds(ceiling: float) -> None:
    assert next_look(100.0, [], ceiling) == waiting_look(100.0, ceiling) == ceiling


@pytest.mark.parametrize(
    ("age", "delay"), [(0.0, FLOOR), (1.0, FLOOR), (8.0, 2.0), (20.0, 5.0), (1e6, 5.0)]
)
def test_without_history_the_pause_grows_with_age(age: float, delay: float) -> None:
    for past in ([], [30.0] * (ENOUGH_HISTORY - 1)):
        assert next_look(age, past, 5.0) == delay
    assert waiting_look(age, 5.0) == delay


@given(age=ages, ceiling=ceilings)
def test_without_history_news_is_late_by_a_share_of_the_age_at_most(
    age: float, ceiling: float
) -> None:
    assert next_look(age, [], ceiling) <= max(FLOOR, SHARE_OF_AGE * age)


PAST = [28.0, 29.0, 30.0, 31.0, 32.0]


def test_while_a_run_cannot_be_over_nobody_looks() -> None:
    assert next_look(0.0, PAST, 60.0) >= PAST[0]
    assert next_look(20.0, PAST, 60.0) >= PAST[0] - 20.0


def test_when_runs_usually_end_the_looks_are_close() -> None:
    assert next_look(29.0, PAST, 60.0) < 2.0
    assert next_look(31.9, PAST, 60.0) == FLOOR


def test_a_run_that_is_late_is_looked_at_less_and_less() -> None:
    delays = [next_look(PAST[-1] + late, PAST, 60.0) for late in (0.0, 10.0, 100.0, 1000.0)]
    assert delays == sorted(delays)
    assert delays[0] < 2.0
    assert delays[-1] == 60.0


@given(past=durations.filter(lambda past: len(past) >= ENOUGH_HISTORY), ceiling=ceilings)
def test_looks_go_past_any_end_within_a_bounded_number(past: list[float], ceiling: float) -> None:
    """Following the schedule, age grows past the longest run: the schedule never stands still."""
    age, looks = past[-1] - 10 * ceiling if past[-1] > 10 * ceiling else 0.0, 0
    while age <= past[-1]:
        age += next_look(age, past, ceiling)
        looks += 1
        assert looks <= 10 * ceiling / FLOOR + 1


def looks_at(duration: float, past: list[float], ceiling: float) -> tuple[int, float]:
    """How many looks a run gets, and how late its end is seen."""
    age, looks = 0.0, 0
    while age < duration:
        age += next_look(age, past, ceiling)
        looks += 1
    return looks, age - duration


def test_history_sees_the_end_sooner_with_fewer_looks() -> None:
    with_past = [looks_at(duration, PAST, 30.0) for duration in PAST]
    without = [looks_at(duration, [], 30.0) for duration in PAST]
    assert sum(looks for looks, _ in with_past) < sum(looks for looks, _ in without)
    assert sum(late for _, late in with_past) < sum(late for _, late in without)


def test_runs_that_all_took_the_same_are_looked_at_when_they_end() -> None:
    looks, late = looks_at(30.0, [30.0] * 5, 60.0)
    assert (looks, late) == (1, 0.0)


@pytest.mark.parametrize(
    ("age", "left"),
    [(0.0, 30.0), (27.0, 3.0), (29.5, 1.5), (31.5, 0.5), (32.0, None), (99.0, None)],
)
def test_what_is_left_is_the_median_of_the_runs_that_took_longer(
    age: float, left: float | None
) -> None:
    assert remaining(age, PAST) == left


def test_too_short_a_past_foretells_nothing() -> None:
    assert remaining(1.0, [30.0] * (ENOUGH_HISTORY - 1)) is None


@given(age=ages, past=durations)
def test_what_is_left_is_never_negative(age: float, past: list[float]) -> None:
    left = remaining(age, past)
    assert left is None or left >= 0.0
