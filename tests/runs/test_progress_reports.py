"""The reports that a run's state shows."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.clock import CLOCK_SKEW_SECONDS
from flask_lakeflow_jobs.runs.progress import Progress
from flask_lakeflow_jobs.runs.progress_reports import (
    MAX_REPORTS,
    WHOLE_RUN,
    merge_reports,
    order_report,
    parse_reports,
    reports_of,
    select_progress,
)
from tests.run_documents import SUCCEEDED, Document, run_state, task

RUNNING = run_state("RUNNING")
NOW = 1_764_000_000_000
SKEW_MS = round(CLOCK_SKEW_SECONDS * 1000)


def report(percent: float, key: str | None = None, at: int = NOW) -> Progress:
    return Progress(percent, "", key, at)


def by_task(*reports: Progress) -> dict[str, Progress]:
    return {each.task or WHOLE_RUN: each for each in reports}


def run_with(*tasks: Document, state: Document = RUNNING) -> Document:
    return {**state, "tasks": [*tasks]}


REPORTS = st.dictionaries(
    st.sampled_from(["a", "b", WHOLE_RUN]),
    st.builds(Progress, st.integers(0, 100), st.just(""), st.none(), st.integers(0, 9)),
)


@given(REPORTS, REPORTS)
def test_merge_keeps_the_newest_report_of_each_task(
    one: dict[str, Progress], other: dict[str, Progress]
) -> None:
    merged = merge_reports(one, other)
    assert merged.keys() == one.keys() | other.keys()
    for key, kept in merged.items():
        assert kept.timestamp == max(each[key].timestamp for each in (one, other) if key in each)


def test_merge_keeps_a_limited_number_of_the_newest_reports() -> None:
    reports = [report(1, f"t{at}", at) for at in range(MAX_REPORTS + 5)]
    random.Random(1).shuffle(reports)
    merged = merge_reports(by_task(*reports))
    assert sorted(each.timestamp for each in merged.values()) == [*range(5, MAX_REPORTS + 5)]


def test_report_comes_after_the_earlier_ones_when_the_clock_was_put_back() -> None:
    earlier = by_task(report(10, "a"), report(20, "b", NOW + 5))
    assert order_report(report(30, "a", NOW - 3_600_000), earlier) == report(30, "a", NOW + 6)
    assert order_report(report(30, "a", NOW + 9), earlier) == report(30, "a", NOW + 9)
    assert order_report(report(1), {}) == report(1)


def test_stored_reports_are_parsed_and_others_ignored() -> None:
    reports = by_task(report(1, "a"), report(2))
    stored = [each.to_dict() for each in reports.values()]
    assert parse_reports([*stored, None, "x", {}]) == reports
    others: list[Any] = [None, "x", {}, 5]
    assert [parse_reports(other) for other in others] == [{}, {}, {}, {}]


def test_run_shows_its_own_progress_before_that_of_a_task() -> None:
    run = run_with(task("a", RUNNING), task("b", RUNNING))
    reports = by_task(report(10, at=NOW - 9), report(20, "a"), report(30, "b", NOW + 1))
    shown = select_progress(run, reports)
    assert shown is not None
    assert (shown.percent, shown.task, [*shown.tasks]) == (10, None, ["a", "b"])
    del reports[WHOLE_RUN]
    shown = select_progress(run, reports)
    assert shown is not None
    assert (shown.percent, shown.task) == (30, "b")


def test_progress_gives_its_reports_back() -> None:
    run = run_with(task("a", RUNNING), task("b", RUNNING))
    for reports in (by_task(report(1), report(2, "a")), by_task(report(2, "a"), report(3, "b"))):
        assert reports_of(select_progress(run, reports)) == reports
    assert reports_of(None) == {}


def test_run_that_has_ended_shows_no_progress() -> None:
    assert select_progress(run_with(state=SUCCEEDED), by_task(report(10))) is None
    assert select_progress(run_with(), by_task(report(10))) is not None
    assert select_progress(run_with(), {}) is None


def test_task_that_has_ended_or_is_unknown_shows_no_progress() -> None:
    run = run_with(task("a", SUCCEEDED), task("b", RUNNING))
    shown = select_progress(run, by_task(report(1, "a"), report(2, "b"), report(3, "c")))
    assert shown is not None
    assert [*shown.tasks] == ["b"]
    assert select_progress(run, by_task(report(1, "a"))) is None


def test_new_attempt_shows_nothing_of_the_attempt_before() -> None:
    first = task("a", SUCCEEDED, start_time=NOW - 60_000)
    second = task("a", RUNNING, attempt_number=1, start_time=NOW)
    del first["attempt_number"]
    for run in (run_with(second, first), run_with(first, second)):
        assert select_progress(run, by_task(report(90, "a", NOW - SKEW_MS - 1))) is None
        shown = select_progress(run, by_task(report(5, "a", NOW - SKEW_MS)))
        assert shown is not None
        assert shown.tasks["a"].percent == 5


def test_first_attempt_shows_a_report_by_a_clock_that_is_behind() -> None:
    run = run_with(task("a", RUNNING, start_time=NOW))
    assert select_progress(run, by_task(report(5, "a", NOW - 3_600_000))) is not None
