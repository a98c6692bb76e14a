"""When a run is polled next: by its state, its history if there is any, and otherwise its age."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.upstream import jobs_api
from flask_lakeflow_jobs.watching.schedule import (
    DELAY_SHARE_OF_AGE,
    MIN_DELAY_SECONDS,
    MIN_DURATIONS,
    RUNS_PER_PAGE,
    TERMINAL_DELAY_SECONDS,
    TERMINATING_DELAY_SECONDS,
    NextPoll,
    delay_after_failures,
    delay_by_age,
    delay_by_history,
    is_list_cheaper,
    plan_next_poll,
    remaining_seconds,
)
from tests.run_documents import FAILED, SUCCEEDED, Document, run, run_state, task

#: Durations of past runs, in seconds.
PAST = [28.0, 29.0, 30.0, 31.0, 32.0]

NOW = 1_764_000_000.0

durations = st.lists(st.floats(0.0, 100_000.0), max_size=30).map(sorted)
ages = st.floats(0.0, 200_000.0)
intervals = st.floats(MIN_DELAY_SECONDS, 60.0)

# The next poll of a run

RUNNING_TASK = task("load", run_state("RUNNING"))
ENDED_TASK = task("load", SUCCEEDED)


@pytest.mark.parametrize(
    ("doing", "tasks", "age", "expected"),
    [
        # Ended: polled again soon, since a repair may continue it. It has no expected end.
        (SUCCEEDED, [], 10.0, (TERMINAL_DELAY_SECONDS, None)),
        (FAILED, [RUNNING_TASK], 10.0, (TERMINAL_DELAY_SECONDS, None)),
        # Queued: its age in the queue predicts no end.
        (run_state("QUEUED"), [], 0.0, (MIN_DELAY_SECONDS, None)),
        (run_state("QUEUED"), [], 8.0, (2.0, None)),
        (run_state(status="QUEUED"), [], 1000.0, (5.0, None)),
        (run_state("TERMINATING"), [], 1000.0, (TERMINATING_DELAY_SECONDS, None)),
        # Running: history decides, because only the end is an update.
        (run_state("RUNNING"), [], 0.0, (5.0, 30.0)),
        (run_state("RUNNING"), [RUNNING_TASK], 0.0, (5.0, 30.0)),
        (run_state("RUNNING"), [RUNNING_TASK, ENDED_TASK], 26.0, (3.549193, 4.0)),
        (run_state("RUNNING"), [], 31.5, (MIN_DELAY_SECONDS, 0.5)),
        # Any other state, or several active tasks, may change before the end.
        (run_state("PENDING"), [], 0.0, (MIN_DELAY_SECONDS, 30.0)),
        (run_state("PENDING"), [], 8.0, (2.0, 22.0)),
        (run_state("A_NEW_STATE"), [], 8.0, (2.0, 22.0)),
        (run_state("RUNNING"), [RUNNING_TASK, RUNNING_TASK], 8.0, (2.0, 22.0)),
        # Longer than any past run: no prediction.
        (run_state("RUNNING"), [], 40.0, (2.0, None)),
        (run_state("RUNNING"), [], 1000.0, (5.0, None)),
    ],
)
def test_next_poll_follows_from_state_tasks_and_age(
    doing: Document, tasks: list[Document], age: float, expected: tuple[float, float | None]
) -> None:
    started_at = int((NOW - age) * 1000)
    delay, eta = plan_next_poll(run(doing, start_time=started_at, tasks=tasks), PAST, 5.0, NOW)
    remaining = None if eta is None else eta / 1000 - NOW
    assert [delay, remaining] == pytest.approx(expected, abs=0.001)


states: st.SearchStrategy[Any] = st.sampled_from(
    [run_state(state) for state in ("QUEUED", "PENDING", "RUNNING", "TERMINATING", "A_NEW_STATE")]
    + [SUCCEEDED, FAILED, {}]
)


@given(
    doing=states,
    age=ages,
    queued=st.floats(0.0, 1000.0),
    tasks=st.lists(st.sampled_from([RUNNING_TASK, ENDED_TASK]), max_size=4),
    past=durations,
    poll_interval=st.floats(0.01, 60.0),
)
def test_no_delay_is_longer_than_the_poll_interval(
    doing: Document,
    age: float,
    queued: float,
    tasks: list[Document],
    past: list[float],
    poll_interval: float,
) -> None:
    started_at, queue_duration = int((NOW - age) * 1000), int(queued * 1000)
    active = run(doing, start_time=started_at, queue_duration=queue_duration, tasks=tasks)
    delay, eta = plan_next_poll(active, past, poll_interval, NOW)
    assert min(MIN_DELAY_SECONDS, poll_interval) <= delay <= poll_interval
    assert eta is None or eta >= int(NOW * 1000)


def test_run_without_a_start_is_polled_soon() -> None:
    assert plan_next_poll(run(run_state("PENDING")), [], 5.0, NOW) == NextPoll(MIN_DELAY_SECONDS)


# Delays


@given(age=ages, past=durations, interval=intervals)
def test_delays_are_within_their_bounds(age: float, past: list[float], interval: float) -> None:
    assert MIN_DELAY_SECONDS <= delay_by_history(age, past, interval) <= interval
    assert MIN_DELAY_SECONDS <= delay_by_age(age, interval) <= interval


@pytest.mark.parametrize("interval", [0.1, 0.25])
def test_interval_below_the_minimum_delay_is_respected(interval: float) -> None:
    assert delay_by_history(100.0, [], interval) == delay_by_age(100.0, interval) == interval


@pytest.mark.parametrize(
    ("age", "delay"),
    [(0.0, MIN_DELAY_SECONDS), (1.0, MIN_DELAY_SECONDS), (8.0, 2.0), (20.0, 5.0), (1e6, 5.0)],
)
def test_delay_without_history_grows_with_age(age: float, delay: float) -> None:
    for past in ([], [30.0] * (MIN_DURATIONS - 1)):
        assert delay_by_history(age, past, 5.0) == delay
    assert delay_by_age(age, 5.0) == delay


@given(age=ages, interval=intervals)
def test_delay_without_history_is_at_most_a_share_of_age(age: float, interval: float) -> None:
    assert delay_by_history(age, [], interval) <= max(MIN_DELAY_SECONDS, DELAY_SHARE_OF_AGE * age)


@pytest.mark.parametrize(
    ("age", "least", "most"),
    [
        (0.0, PAST[0], 60.0),  # it cannot have ended yet
        (20.0, PAST[0] - 20.0, 60.0),
        (29.0, MIN_DELAY_SECONDS, 2.0),  # it is likely to end
        (31.9, MIN_DELAY_SECONDS, MIN_DELAY_SECONDS),
        (32.0, MIN_DELAY_SECONDS, 2.0),  # it is overdue
    ],
)
def test_delay_with_history_is_short_only_when_runs_end(
    age: float, least: float, most: float
) -> None:
    assert least <= delay_by_history(age, PAST, 60.0) <= most


def test_delay_of_an_overdue_run_grows() -> None:
    delays = [delay_by_history(PAST[-1] + late, PAST, 60.0) for late in (0.0, 10.0, 100.0, 1000.0)]
    assert delays == sorted(delays)
    assert delays[-1] == 60.0


@given(past=durations.filter(lambda past: len(past) >= MIN_DURATIONS), interval=intervals)
def test_delays_pass_the_longest_run_within_bounded_polls(
    past: list[float], interval: float
) -> None:
    age, polls = max(0.0, past[-1] - 10 * interval), 0
    while age <= past[-1]:
        age += delay_by_history(age, past, interval)
        polls += 1
        assert polls <= 10 * interval / MIN_DELAY_SECONDS + 1


def follow(duration: float, past: list[float], interval: float) -> tuple[int, float]:
    """How many polls a run gets, and how many seconds late its end is seen."""
    age, polls = 0.0, 0
    while age < duration:
        age += delay_by_history(age, past, interval)
        polls += 1
    return polls, age - duration


def test_history_finds_ends_sooner_with_fewer_polls() -> None:
    with_past = [follow(duration, PAST, 30.0) for duration in PAST]
    without = [follow(duration, [], 30.0) for duration in PAST]
    assert sum(polls for polls, _ in with_past) < sum(polls for polls, _ in without)
    assert sum(late for _, late in with_past) < sum(late for _, late in without)


def test_run_whose_past_runs_took_the_same_is_polled_at_its_end() -> None:
    assert follow(30.0, [30.0] * 5, 60.0) == (1, 0.0)


@pytest.mark.parametrize(
    ("failures", "retry_after", "expected"),
    [
        *((1, None, 1.0), (2, None, 2.0), (3, None, 4.0), (4, None, 5.0), (1000, None, 5.0)),
        *((1, 0.5, 1.0), (1, 30.0, 30.0), (1000, 4.0, 5.0)),
    ],
)
def test_delay_after_failures_doubles_and_respects_retry_after(
    failures: int, retry_after: float | None, expected: float
) -> None:
    assert delay_after_failures(failures, retry_after, 5.0) == expected


# Predictions


@pytest.mark.parametrize(
    ("age", "left"),
    [(0.0, 30.0), (27.0, 3.0), (29.5, 1.5), (31.5, 0.5), (32.0, None), (99.0, None)],
)
def test_remaining_seconds_are_the_median_of_longer_runs(age: float, left: float | None) -> None:
    assert remaining_seconds(age, PAST) == left


def test_remaining_seconds_need_some_past_runs() -> None:
    assert remaining_seconds(1.0, [30.0] * (MIN_DURATIONS - 1)) is None


@given(age=ages, past=durations)
def test_remaining_seconds_are_never_negative(age: float, past: list[float]) -> None:
    left = remaining_seconds(age, past)
    assert left is None or left >= 0.0


# Lists


def test_page_size_is_that_of_the_reads() -> None:
    """The schedule cannot import it: that would import the SDK."""
    assert RUNS_PER_PAGE == jobs_api.RUNS_PER_PAGE


@pytest.mark.parametrize(
    ("runs", "due", "expected"),
    [
        *((1, 1, False), (3, 3, False)),  # too few runs
        *((4, 1, True), (25, 1, True), (25, 25, True)),  # one page
        *((26, 1, False), (26, 2, True), (100, 3, False), (100, 4, True)),
        (4, 0, False),
    ],
)
def test_list_is_cheaper_if_it_has_no_more_pages_than_runs_are_due(
    runs: int, due: int, expected: bool
) -> None:
    assert is_list_cheaper(runs, due) is expected
