"""When a run is polled next: when past runs say that it may change, otherwise by its age."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from statistics import mean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.runs.phases import MIN_DURATIONS, Phase, PhaseDurations
from flask_lakeflow_jobs.watching.past_durations import phase_durations
from flask_lakeflow_jobs.watching.schedule import (
    DELAY_SHARE_OF_AGE,
    MIN_DELAY_SECONDS,
    TERMINAL_DELAY_SECONDS,
    TERMINATING_DELAY_SECONDS,
    NextPoll,
    delay_after_failures,
    delay_by_age,
    delay_by_phases,
    is_list_cheaper,
    plan_next_poll,
)
from tests.run_documents import FAILED, SUCCEEDED, Document, run, run_state, task
from tests.watching.simulated_jobs import (
    PAST_RUNS,
    REQUESTED_AT,
    Polls,
    SimulatedJob,
    SimulatedRun,
    poll_to_the_end,
)

#: Durations of past runs, in seconds.
PAST = [28.0, 29.0, 30.0, 31.0, 32.0]

NOW = 1_764_000_000.0

ages = st.floats(0.0, 200_000.0)
intervals = st.floats(MIN_DELAY_SECONDS, 60.0)
some_durations = st.lists(st.floats(0.0, 100_000.0), min_size=MIN_DURATIONS, max_size=30)
phases = st.sampled_from(["queue", "run", "setup load", "execution load", "execution store"])
histories = st.dictionaries(phases, st.lists(st.floats(0.0, 100_000.0), max_size=30))

# The next poll of a run

RUNNING_TASK = task("load", run_state("RUNNING"))
STORING_TASK = task("store", run_state("RUNNING"))
ENDED_TASK = task("store", SUCCEEDED)


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
        (run_state("RUNNING"), [RUNNING_TASK, ENDED_TASK], 26.0, (2.897367, 4.0)),
        (run_state("RUNNING"), [], 31.5, (0.640175, 0.5)),
        # Any other state, or several active tasks, may change before the end.
        (run_state("PENDING"), [], 0.0, (MIN_DELAY_SECONDS, 30.0)),
        (run_state("PENDING"), [], 8.0, (2.0, 22.0)),
        (run_state("A_NEW_STATE"), [], 8.0, (2.0, 22.0)),
        (run_state("RUNNING"), [RUNNING_TASK, STORING_TASK], 8.0, (2.0, 22.0)),
        # Longer than any past run: no prediction.
        (run_state("RUNNING"), [], 40.0, (2.449490, None)),
        (run_state("RUNNING"), [], 1000.0, (5.0, None)),
    ],
)
def test_next_poll_follows_from_state_tasks_and_age(
    doing: Document, tasks: list[Document], age: float, expected: tuple[float, float | None]
) -> None:
    started_at = int((NOW - age) * 1000)
    active = run(doing, start_time=started_at, tasks=tasks)
    delay, eta = plan_next_poll(active, {"run": PAST}, 5.0, NOW)
    remaining = None if eta is None else eta / 1000 - NOW
    assert [delay, remaining] == pytest.approx(expected, abs=0.001)


#: Past runs of a job whose ``load`` starts a cluster, and then ``store`` and ``check`` run.
PAST_TASKS: PhaseDurations = {
    "run": [90.0, 100.0, 110.0],
    "queue": [10.0, 10.0, 10.0],
    "setup load": [20.0, 20.0, 20.0],
    "execution load": [40.0, 40.0, 40.0],
    "execution store": [35.0, 35.0, 35.0],
    "execution check": [3.0, 3.0],
}


def active_task(key: str, doing: str, age: float, **fields: Any) -> Document:
    return task(key, run_state(doing), start_time=int((NOW - age) * 1000), **fields)


LOADED = task("load", SUCCEEDED)
BLOCKED = [task("store", run_state("BLOCKED"), depends_on=[{"task_key": "load"}])]


@pytest.mark.parametrize(
    ("doing", "tasks", "expected"),
    [
        # Queued, and in its set-up: for as long as past runs were.
        ("QUEUED", [], 9.0),
        ("PENDING", [active_task("load", "PENDING", 5.0), *BLOCKED], 15.0),
        # Its only active task ends when that task does; blocked ones change no sooner.
        ("RUNNING", [active_task("load", "RUNNING", 35.0, setup_duration=20_000), *BLOCKED], 25.0),
        # While a task runs, the workspace may not say how long its set-up took.
        ("RUNNING", [active_task("load", "RUNNING", 35.0), *BLOCKED], 25.0),
        ("RUNNING", [LOADED, active_task("store", "RUNNING", 30.0)], 5.0),
        # The first of two tasks.
        (
            "RUNNING",
            [active_task("load", "RUNNING", 50.0), active_task("store", "RUNNING", 30.0)],
            5.0,
        ),
        # Nothing is known of one task: the run's age limits the delay.
        (
            "RUNNING",
            [active_task("load", "RUNNING", 40.0), active_task("check", "RUNNING", 1.0)],
            0.25,
        ),
        ("RUNNING", [active_task("new", "RUNNING", 1.0), *BLOCKED], 0.25),
        ("RUNNING", [active_task("load", "WAITING_FOR_RETRY", 1.0), *BLOCKED], 0.25),
    ],
)
def test_next_poll_comes_when_a_phase_ends(
    doing: str, tasks: list[Document], expected: float
) -> None:
    """Values below 1 are shares of the run's age."""
    age = 1.0 if doing == "QUEUED" else 60.0
    active = run(run_state(doing), start_time=int((NOW - age) * 1000), tasks=tasks)
    delay, _ = plan_next_poll(active, PAST_TASKS, 30.0, NOW)
    assert delay == pytest.approx(age * expected if expected < 1 else expected, abs=0.01)


states: st.SearchStrategy[Any] = st.sampled_from(
    [run_state(state) for state in ("QUEUED", "PENDING", "RUNNING", "TERMINATING", "A_NEW_STATE")]
    + [SUCCEEDED, FAILED, {}]
)

tasks_of_runs = st.builds(
    lambda key, doing, age, setup: {
        **task(key, doing),
        "start_time": int((NOW - age) * 1000),
        "setup_duration": int(setup * 1000),
    },
    st.sampled_from(["load", "store", "check"]),
    states,
    ages,
    st.floats(0.0, 1000.0),
)


@given(
    doing=states,
    age=ages,
    queued=st.floats(0.0, 1000.0),
    tasks=st.lists(tasks_of_runs, max_size=4),
    past=histories,
    poll_interval=st.floats(0.01, 60.0),
)
def test_no_delay_is_longer_than_the_poll_interval(
    doing: Document,
    age: float,
    queued: float,
    tasks: list[Document],
    past: PhaseDurations,
    poll_interval: float,
) -> None:
    started_at, queue_duration = int((NOW - age) * 1000), int(queued * 1000)
    active = run(doing, start_time=started_at, queue_duration=queue_duration, tasks=tasks)
    delay, eta = plan_next_poll(active, past, poll_interval, NOW)
    assert min(MIN_DELAY_SECONDS, poll_interval) <= delay <= poll_interval
    assert eta is None or eta >= int(NOW * 1000)


def test_run_without_a_start_is_polled_soon() -> None:
    assert plan_next_poll(run(run_state("PENDING")), {}, 5.0, NOW) == NextPoll(MIN_DELAY_SECONDS)


@pytest.mark.parametrize(("watched", "delay"), [(0.0, 0.5), (8.0, 2.0), (300.0, 5.0)])
def test_run_that_starts_later_by_a_wrong_clock_is_polled_less_and_less(
    watched: float, delay: float
) -> None:
    active = run(run_state("PENDING"), start_time=int((NOW + 3600) * 1000))
    assert plan_next_poll(active, {}, 5.0, NOW, watched).delay == delay


@given(doing=states, tasks=st.lists(tasks_of_runs, max_size=4), past=histories)
def test_few_durations_predict_nothing(
    doing: Document, tasks: list[Document], past: PhaseDurations
) -> None:
    active = run(doing, start_time=int((NOW - 60) * 1000), tasks=tasks)
    few = {name: seconds[: MIN_DURATIONS - 1] for name, seconds in past.items()}
    assert plan_next_poll(active, few, 30.0, NOW) == plan_next_poll(active, {}, 30.0, NOW)


# Delays


def delay_by_history(age: float, past: list[float], interval: float) -> float:
    """Return the delay of a running run of which nothing is known but the past runs."""
    active = run(start_time=0)
    active.start_time = 1
    past = [*past[1:], *past[:1]]  # the newest is first, not the longest
    return plan_next_poll(active, {"run": past}, interval, age + 0.001).delay


@given(age=ages, past=some_durations, interval=intervals)
def test_delays_are_within_their_bounds(age: float, past: list[float], interval: float) -> None:
    assert (
        MIN_DELAY_SECONDS <= delay_by_phases([Phase("a", age)], {"a": past}, interval) <= interval
    )
    assert MIN_DELAY_SECONDS <= delay_by_age(age, interval) <= interval


@pytest.mark.parametrize("interval", [0.1, 0.25])
def test_interval_below_the_minimum_delay_is_respected(interval: float) -> None:
    assert delay_by_history(100.0, PAST, interval) == delay_by_age(100.0, interval) == interval


@pytest.mark.parametrize(
    ("age", "delay"),
    [(0.0, MIN_DELAY_SECONDS), (1.0, MIN_DELAY_SECONDS), (8.0, 2.0), (20.0, 5.0), (1e6, 5.0)],
)
def test_delay_without_history_grows_with_age(age: float, delay: float) -> None:
    for past in ([], [30.0] * (MIN_DURATIONS - 1)):
        assert delay_by_history(age, past, 5.0) == pytest.approx(delay)
    assert delay_by_age(age, 5.0) == delay


@given(age=ages, interval=intervals)
def test_delay_without_history_is_at_most_a_share_of_age(age: float, interval: float) -> None:
    assert delay_by_age(age, interval) <= max(MIN_DELAY_SECONDS, DELAY_SHARE_OF_AGE * age)


@pytest.mark.parametrize(
    ("age", "least", "most"),
    [
        (0.0, PAST[0], 60.0),  # it cannot have ended yet
        (20.0, PAST[0] - 20.0, 60.0),
        (29.0, MIN_DELAY_SECONDS, 2.0),  # it is likely to end
        (31.9, MIN_DELAY_SECONDS, 1.1),
        (32.0, MIN_DELAY_SECONDS, 2.0),  # it is overdue
    ],
)
def test_delay_with_history_is_short_only_when_runs_end(
    age: float, least: float, most: float
) -> None:
    assert least <= delay_by_history(age, PAST, 60.0) <= most


def test_delay_of_an_overdue_run_grows() -> None:
    delays = [
        delay_by_history(PAST[-1] + late, PAST, 60.0) for late in (0.0, 10.0, 100.0, 10_000.0)
    ]
    assert delays == sorted(delays)
    assert delays[-1] == 60.0


@given(age=ages, past=some_durations, interval=intervals, sooner=st.floats(0.0, 100.0))
def test_another_phase_that_ends_at_once_brings_the_poll_forward(
    age: float, past: list[float], interval: float, sooner: float
) -> None:
    alone = delay_by_phases([Phase("a", age)], {"a": past}, interval)
    history = {"a": past, "b": [sooner] * MIN_DURATIONS}
    both = delay_by_phases([Phase("a", age), Phase("b", sooner)], history, interval)
    assert both <= alone + 0.01


@given(past=some_durations, interval=intervals)
def test_delays_pass_the_longest_run_within_bounded_polls(
    past: list[float], interval: float
) -> None:
    age, polls = max(0.0, max(past) - 10 * interval), 0
    while age <= max(past):
        age += delay_by_phases([Phase("a", age)], {"a": past}, interval)
        polls += 1
        assert polls <= 10 * interval / MIN_DELAY_SECONDS + 1


def test_varying_phase_is_polled_less_in_a_run_of_several_tasks() -> None:
    past: PhaseDurations = {"run": [100.0 + 5 * step for step in range(9)]}

    def delay_at(age: float, tasks: list[Document]) -> float:
        active = run(run_state("RUNNING"), start_time=int((NOW - age) * 1000), tasks=tasks)
        return plan_next_poll(active, past, 30.0, NOW).delay

    for age in range(100, 135, 5):
        assert delay_at(age, [RUNNING_TASK]) < delay_at(age, [RUNNING_TASK, ENDED_TASK])


def follow(duration: float, past: list[float], interval: float) -> tuple[int, float]:
    """Return the polls of a run, and the seconds by which its end is seen late."""
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
    polls, late = follow(30.0, [30.0] * 5, 60.0)
    assert polls == 1
    assert late == pytest.approx(0.0, abs=0.001)


@pytest.mark.parametrize(
    ("failures", "retry_after", "expected"),
    [
        *((1, None, 1.0), (2, None, 2.0), (3, None, 4.0), (4, None, 5.0), (9999, None, 5.0)),
        *((1, 0.5, 1.0), (1, 30.0, 30.0), (1, 600.0, 30.0), (1000, 4.0, 5.0)),
    ],
)
def test_delay_after_failures_doubles_and_respects_retry_after(
    failures: int, retry_after: float | None, expected: float
) -> None:
    assert delay_after_failures(failures, retry_after, 5.0) == expected


# Simulations


def simulate(
    delay_of: Callable[[SimulatedRun, PhaseDurations, float], float],
) -> tuple[float, float, float]:
    """Poll runs of several jobs.

    :param delay_of: returns the delay until the next poll of a run at an age, by past runs.
    :return: the mean and the longest delay of a change in seconds, and the mean reads of a run.
    """
    draw = random.Random(11)
    polls: list[Polls] = []
    for _ in range(40):
        job = SimulatedJob(draw)
        past_runs = [job.next_run() for _ in range(PAST_RUNS)]
        past = phase_durations(each.run(each.end) for each in past_runs)
        active = job.next_run()
        polls.append(poll_to_the_end(active, partial(delay_of, active, past)))
    delays = [delay for each in polls for delay in each.delays]
    return mean(delays), max(delays), mean(each.reads for each in polls)


def test_changes_of_simulated_jobs_are_found_sooner_at_hardly_more_reads() -> None:
    interval = 30.0

    def planned(active: SimulatedRun, past: PhaseDurations, age: float) -> float:
        return plan_next_poll(active.run(age), past, interval, REQUESTED_AT + age).delay

    delay, longest, reads = simulate(planned)
    plain_delay, _, plain_reads = simulate(lambda active, past, age: interval)
    assert delay <= 9.5
    assert reads <= 48
    assert longest <= interval
    assert delay <= 0.65 * plain_delay
    assert reads <= 1.15 * plain_reads


# Lists


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
