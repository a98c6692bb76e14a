"""Time axes, and the idle times that they fold."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.console.axis import (
    FOLD_SHARE,
    MAX_MARKS,
    MIN_DISTANCE,
    MIN_FOLD_MS,
    MIN_IDLE_MS,
    Axis,
    find_step,
    fold_idle_times,
)
from flask_lakeflow_jobs.console.timeline import build_timeline
from tests.run_documents import SUCCEEDED, run, run_state, task

START = 1_764_000_000_000
HOUR = 3_600_000

times = st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**6)), max_size=6)


def axis_of(some: list[tuple[int, int]]) -> Axis:
    busy = [(START + begin, START + begin + length) for begin, length in some]
    end = max([START + 1, *(over for _, over in busy)])
    return Axis(START, end, fold_idle_times(START, end, busy))


@given(times)
def test_axis_keeps_order_and_the_length_of_attempts(some: list[tuple[int, int]]) -> None:
    axis = axis_of(some)
    moments = sorted({START, axis.end, *(START + begin for begin, _ in some)})
    places = [axis.at(moment) for moment in moments]
    assert places == sorted(places)
    assert places[0] == 0
    for begin, length in some:
        at = START + begin
        assert axis.at(at + length) - axis.at(at) == pytest.approx(length, abs=0.2)
    for fold in axis.folds:
        middle = axis.at(fold.start) + fold.width / 2
        assert axis.at((fold.start + fold.end) / 2) == pytest.approx(middle, abs=0.2)


@given(times)
def test_marks_are_on_the_axis_and_do_not_overlap(some: list[tuple[int, int]]) -> None:
    lefts = [mark.left for mark in axis_of(some).marks]
    assert all(0 <= left <= 100 for left in lefts)
    distances = [right - left for left, right in pairwise(lefts)]
    assert all(distance >= 100 * MIN_DISTANCE - 0.01 for distance in distances)


@given(st.floats(0.6, 1e9))
def test_axis_of_any_length_has_a_few_marks(seconds: float) -> None:
    assert 2 <= seconds / find_step(seconds) <= MAX_MARKS


def test_night_before_a_repair_is_folded() -> None:
    axis = axis_of([(0, 27_000), (12 * HOUR, 12_000)])
    assert [(fold.start - START, fold.width) for fold in axis.folds] == [(27_000, MIN_FOLD_MS)]
    assert axis.span == 27_000 + MIN_FOLD_MS + 12_000
    labels = [mark.label for mark in axis.marks]
    assert labels == ["0:00:00", "0:00:10", "0:00:20", "12:00:00", "12:00:10"]
    assert axis.origin == axis.end - axis.span


def test_short_and_relatively_short_idle_times_stay() -> None:
    assert not axis_of([(0, 10_000), (10_000 + MIN_IDLE_MS, 1)]).folds
    assert not axis_of([(0, HOUR), (HOUR + HOUR // 3, 1)]).folds
    (fold,) = axis_of([(0, HOUR), (3 * HOUR, 1)]).folds
    assert fold.width == FOLD_SHARE * HOUR


def test_idle_times_are_compared_with_work_in_which_parallel_attempts_count_once() -> None:
    parallel = [(0, HOUR), (0, HOUR), (3 * HOUR, 1), (3 * HOUR + 2 * HOUR // 3, 1)]
    assert len(axis_of(parallel).folds) == 2


def test_later_attempts_move_nothing_on_the_axis() -> None:
    earlier, later = [(0, 27_000), (HOUR, 12_000)], [(HOUR + 13_000, 9 * HOUR)]
    before, after = axis_of(earlier), axis_of(earlier + later)
    assert after.folds == before.folds


def test_timeline_shows_the_queue_of_the_run() -> None:
    queued = {"start_time": START, "queue_duration": 27_000, "end_time": START + 30_000}
    tasks = [task("a", SUCCEEDED, start_time=START + 27_000, end_time=START + 30_000)]
    (band,) = build_timeline(run(SUCCEEDED, **queued, tasks=tasks), START + 99_000).bands
    assert (band.kind, band.left, band.width, band.length) == ("queue", 0, 90, "27.0 s")
    waiting = run(run_state("QUEUED"), start_time=START)
    assert [each.kind for each in build_timeline(waiting, START + 5_000).bands] == ["queue"]


def test_legend_of_timeline_names_only_what_is_drawn() -> None:
    phases = {"setup_duration": 1_000, "execution_duration": 2_000}
    ran = task("a", SUCCEEDED, start_time=START, end_time=START + 3_000, **phases)
    never = task("b", run_state("TERMINATED", "UPSTREAM_FAILED"))
    of_run = {"start_time": START, "end_time": START + 3_000}
    assert build_timeline(run(SUCCEEDED, **of_run, tasks=[ran, never]), START).phases == {
        "setup",
        "run",
    }
    assert build_timeline(run(SUCCEEDED, **of_run, tasks=[never]), START).phases == set()
