"""Runs as the pages show them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.console.summaries import (
    MIN_TREND_RUNS,
    TREND_TOP_MARGIN,
    StateLabel,
    Summary,
    build_strip,
    build_trend,
    count_work,
    summarize_listed,
    summarize_run,
)
from flask_lakeflow_jobs.console.timeline import build_timeline
from flask_lakeflow_jobs.record.values import PageToken
from flask_lakeflow_jobs.runs.outcome import SUCCESSES, Outcome
from flask_lakeflow_jobs.web.run_list import ListedRun
from tests.run_documents import FAILED, SUCCEEDED, run, run_state, task

START = 1_000_000


def test_summary_of_active_run_has_growing_duration() -> None:
    going = run(start_time=START)
    assert summarize_run(going, START + 1000).length == 1000
    assert summarize_run(going, START + 2000).is_going
    ended = run(SUCCEEDED, start_time=START, end_time=START + 500)
    assert summarize_run(ended, START + 2000).length == 500


@pytest.mark.parametrize(
    ("outcome", "started", "ended", "duration", "length", "counts_from"),
    [
        (Outcome.SUCCEEDED, START, START + 500, 450, 450, None),
        (Outcome.SUCCEEDED, START, START + 60_000, None, None, None),  # it was repaired
        (Outcome.RUNNING, START, START + 500, None, None, None),  # it is repaired
        (Outcome.RUNNING, START, None, None, 900, START),
        (Outcome.PENDING, None, None, None, None, None),
        (Outcome.SKIPPED, START, START + 500, 500, None, None),
    ],
)
def test_listed_run_has_a_duration_if_it_ran(
    outcome: Outcome,
    started: int | None,
    ended: int | None,
    duration: int | None,
    length: float | None,
    counts_from: int | None,
) -> None:
    position = PageToken(START, 1)
    listed = ListedRun("etl", 1, outcome, None, started, ended, None, position, duration=duration)
    summary = summarize_listed(listed, START + 900, None)
    assert (summary.length, summary.counts_from) == (length, counts_from)


@pytest.mark.parametrize(
    ("name", "word"),
    [("ONE_TIME", "manual"), ("PERIODIC", "schedule"), ("RUN_JOB_TASK", "run job task")],
)
def test_summary_says_how_the_run_was_started(name: str, word: str) -> None:
    assert summarize_run(run(SUCCEEDED, trigger=name), START).trigger == word


def test_summary_duration_excludes_the_queue() -> None:
    ended = run(SUCCEEDED, start_time=START, end_time=START + 900, queue_duration=400)
    assert summarize_run(ended, START).length == 500


def test_durations_that_grow_count_from_the_end_of_the_queue() -> None:
    fields = {"start_time": START, "queue_duration": 400}
    shown = run(run_state("RUNNING"), **fields, tasks=[task("a", run_state("RUNNING"), **fields)])
    (attempt,) = build_timeline(shown, START + 900).rows
    for each in (summarize_run(shown, START + 900), attempt):
        assert (each.length, each.counts_from) == (500, START + 400)


def test_duration_during_a_repair_leaves_out_the_time_before_it() -> None:
    night = START + 10 * 3_600_000
    active = summarize_run(run(run_state("RUNNING"), start_time=START), night + 900)
    original = run(FAILED, start_time=START, end_time=START + 500)
    efforts = [original, run(run_state("RUNNING"), start_time=night)]
    counted = count_work(active, efforts, night + 900)
    assert (counted.length, counted.counts_from) == (1_400, night - 500)
    assert count_work(active, [], night + 900) is active
    ended = summarize_run(original, night + 900)
    assert count_work(ended, efforts, night + 900) is ended


def test_summary_requester_is_recorded_one_first() -> None:
    noted = run(
        creator_user_name="robot", job_parameters=[{"name": "who", "default": "", "value": "ada"}]
    )
    assert summarize_run(noted, START, "who").who == "ada"
    assert summarize_run(noted, START).who == "robot"
    assert summarize_run(run(creator_user_name="robot"), START, "who").who == "robot"


def test_unknown_state_is_shown_as_unknown() -> None:
    odd = run({"state": {"life_cycle_state": "DREAMING"}})
    assert summarize_run(odd, START).state.kind == "unknown"
    assert build_timeline(odd, START).rows == []


def test_strip_has_newest_right_and_longest_highest() -> None:
    runs = [
        summarize_run(
            run(SUCCEEDED, run_id=at, start_time=START, end_time=START + at * 1000), START
        )
        for at in (3, 1, 2)
    ]
    bars = build_strip(runs)
    assert [(bar.run.run_id, bar.height) for bar in bars] == [(2, 7), (1, 3), (3, 10)]
    assert build_strip([]) == []


def test_strip_of_runs_without_duration_has_lowest_bars() -> None:
    (bar,) = build_strip([summarize_run(run(SUCCEEDED, start_time=0), START)])
    assert bar.height == 1


def summary(length: float | None, outcome: Outcome = Outcome.SUCCEEDED) -> Summary:
    ended = None if outcome is Outcome.RUNNING else 1
    return Summary(1, StateLabel(outcome), 0, ended, length, None, None, "")


summaries = st.builds(
    summary,
    st.none() | st.floats(0, 1e9),
    st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RUNNING]),
)


@given(st.lists(summaries, max_size=40))
def test_trend_has_the_ended_runs_inside_its_area(runs: list[Summary]) -> None:
    trend = build_trend(runs)
    ended = [run for run in runs if run.ended is not None and run.length]
    if sum(run.state.outcome in SUCCESSES for run in ended) < MIN_TREND_RUNS:
        assert trend is None
        return
    assert trend is not None
    assert [point.run for point in trend.points] == ended[::-1]
    assert all(0 <= point.left <= 100 and 0 <= point.top <= 100 for point in trend.points)
    assert trend.slow_top <= trend.median_top
    assert trend.median <= trend.slow


def test_trend_range_is_that_of_successful_runs() -> None:
    runs = [summary(float(length)) for length in range(1, 21)]
    trend = build_trend([*runs, summary(1000.0, Outcome.FAILED)])
    assert trend is not None
    assert (trend.median, trend.slow) == (10.5, 19.05)
    assert trend.points[0].run.state.outcome is Outcome.FAILED
    assert [trend.points[at].top for at in (0, 20)] == [TREND_TOP_MARGIN, 99.91]
