"""Runs, jobs, outputs and errors as text."""

from __future__ import annotations

import time
from typing import Any

import click
import pytest

from flask_lakeflow_jobs.cli.formatting import (
    format_comparison,
    format_datetime,
    format_error,
    format_explanation,
    format_outcome,
    format_run,
    format_runs,
    format_time_of_day,
    local_zones,
)
from flask_lakeflow_jobs.errors import InvalidParameters, RunTimeout
from flask_lakeflow_jobs.record.requesters import RunAction, RunActions
from flask_lakeflow_jobs.runs.comparison import build_comparison
from flask_lakeflow_jobs.runs.explanation import Explanation, FailedTask
from flask_lakeflow_jobs.runs.outcome import Outcome
from tests import run_documents
from tests.run_documents import FAILED, SUCCEEDED, run_state, task

#: 2026-11-24 15:02:01 UTC
MOMENT = 1_795_532_521_000

#: 2026-07-01 and 2026-12-01.
SUMMER, WINTER = 1_782_864_000_000, 1_796_083_200_000


def explanation_lines(**fields: Any) -> list[str]:
    defaults = {
        "task_key": "clean",
        "run_id": 5,
        "attempt": 0,
        "outcome": Outcome.FAILED,
        "error": None,
        "error_trace": None,
        "termination_code": None,
        "message": "",
        "url": None,
    }
    tasks = [FailedTask(**{**defaults, **fields})]
    explanation = Explanation(1, Outcome.FAILED, tasks, None, "", None)
    return [click.unstyle(line) for line in format_explanation(explanation)]


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        (
            {"error": "ValueError: x", "error_trace": "Traceback\n  at\nValueError: x\n"},
            ["Task clean: FAILED", "  Traceback", "    at", "  ValueError: x"],
        ),
        (
            {"error": "ValueError: x", "error_trace": "at line 1"},
            ["Task clean: FAILED", "  ValueError: x", "  at line 1"],
        ),
        (
            {"attempt": 2, "message": "Cluster lost.", "termination_code": "CLUSTER_ERROR"},
            ["Task clean: FAILED, attempt 3", "  Cluster lost."],
        ),
        (
            {"outcome": Outcome.TIMED_OUT, "termination_code": "DRIVER_ERROR"},
            ["Task clean: TIMED_OUT", "  DRIVER_ERROR"],
        ),
        ({}, ["Task clean: FAILED"]),
    ],
)
def test_failed_task_has_its_error_and_traceback(fields: dict[str, Any], lines: list[str]) -> None:
    assert explanation_lines(**fields) == lines


@pytest.mark.parametrize(
    ("moments", "zones"),
    [([SUMMER], "CEST"), ([WINTER], "CET"), ([None, SUMMER, WINTER, SUMMER], "CEST/CET")],
)
def test_zones_are_those_of_the_times(
    moments: list[int | None], zones: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heading of a column names them, whatever the season is when it is read."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        assert local_zones(moments) == zones


def test_error_is_its_detail() -> None:
    error = RunTimeout(5, 1.0)
    assert format_error(error) == error.detail


def test_error_lists_nested_fields() -> None:
    messages = {
        "day": ["Not a valid date.", "Too late."],
        "legs": {0: {"from": ["Missing data."]}},
        "_schema": ["Backwards."],
    }
    error = InvalidParameters("The job does not take these.", messages)
    assert format_error(error).splitlines() == [
        "The job does not take these.",
        "  day: Not a valid date.",
        "  day: Too late.",
        "  legs.0.from: Missing data.",
        "  Backwards.",
    ]


def test_error_does_not_repeat_its_detail() -> None:
    assert format_error(InvalidParameters("a: Wrong.", {"a": ["Wrong."]})) == "a: Wrong."


def test_runs_are_rows_of_a_table() -> None:
    newest = run_documents.run(
        SUCCEEDED,
        start_time=MOMENT,
        run_duration=1500,
        creator_user_name="ann@example.com",
    )
    runs: list[Any] = [newest, run_documents.run(start_time=MOMENT)]
    details = [({"day": "2026-11-24", "kind": "full"}, "https://page"), ({}, "")]
    lines = [click.unstyle(line) for line in format_runs(runs, {}, MOMENT / 1000 + 9, details)]
    assert [line.split() for line in lines[1:]] == [
        [
            *("1001", "SUCCEEDED", "2026-11-24", "15:02:01", "1.5", "s", "ann@example.com"),
            *("day=2026-11-24", "kind=full", "https://page"),
        ],
        ["1001", "RUNNING", "2026-11-24", "15:02:01", "9", "s"],
    ]


def test_runs_name_people_that_the_app_knows() -> None:
    run: Any = run_documents.run(creator_user_name="service principal")
    known = {1001: RunActions((RunAction("trigger", MOMENT, "ann", "http"),))}
    _, row = format_runs([run], known, 0.0)
    assert click.unstyle(row).split() == ["1001", "RUNNING", "ann"]


def test_run_has_one_fact_per_line_and_its_tasks() -> None:
    tasks = [task("read", FAILED), task("read", SUCCEEDED, attempt_number=1, run_duration=20)]
    tasks[1] |= {"start_time": MOMENT + 1000}
    run = run_documents.run(SUCCEEDED, start_time=MOMENT, end_time=MOMENT + 2000, tasks=tasks)
    assert [click.unstyle(line) for line in format_run("etl", run)] == [
        "Run:      1001 of etl",
        "Outcome:  SUCCEEDED",
        "Started:  2026-11-24 15:02:01 UTC",
        "Ended:    2026-11-24 15:02:03 UTC",
        "Duration: 2.0 s",
        "",
        "TASK  OUTCOME    ATTEMPT  STARTED (UTC)        DURATION",
        "read  SUCCEEDED  2        2026-11-24 15:02:02  20 ms",
    ]


def test_error_does_not_repeat_the_message_of_a_field() -> None:
    detail = "The job 'etl' has no task 'x'. Its tasks: y."
    error = InvalidParameters(detail, {"only": ["Has no task 'x'."]})
    assert format_error(error) == detail


def test_task_that_never_started_has_no_start_and_no_duration() -> None:
    never = run_state("TERMINATED", "UPSTREAM_FAILED")
    tasks = [task("read", never, start_time=MOMENT, end_time=MOMENT)]
    *_, row = format_run("etl", run_documents.run(FAILED, tasks=tasks))
    assert click.unstyle(row).split() == ["read", "UPSTREAM_FAILED", "1"]


def test_tasks_of_a_run_fit_the_terminal() -> None:
    tasks = [task("load_the_orders_of_region_000", SUCCEEDED, start_time=MOMENT)]
    lines = format_run("etl", run_documents.run(SUCCEEDED, tasks=tasks), width=70)
    assert max(len(click.unstyle(line)) for line in lines[-2:]) <= 70


def test_run_names_people_who_changed_it() -> None:
    actions = RunActions(
        (
            RunAction("trigger", MOMENT, "ann", "http"),
            RunAction("repair", MOMENT + 1000, "root", "cli"),
            RunAction("cancel", MOMENT + 2000, "bob", "console"),
        )
    )
    lines = format_run("etl", run_documents.run(), actions, url="https://page")
    assert [click.unstyle(line) for line in lines[2:]] == [
        "By:       ann",
        "Canceled: by bob, 2026-11-24 15:02:03 UTC",
        "Repaired: by root (command line), 2026-11-24 15:02:02 UTC",
        "Run URL:  https://page",
    ]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_outcome_is_its_name_in_color(outcome: Outcome) -> None:
    assert click.unstyle(format_outcome(outcome)) == outcome.value.upper()


def test_outcomes_differ_in_color() -> None:
    outcomes = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELED)
    assert len({format_outcome(outcome).partition("m")[0] for outcome in outcomes}) == 3


def test_times_are_local() -> None:
    assert format_time_of_day(MOMENT) == "15:02:01"
    assert format_datetime(MOMENT) == "2026-11-24 15:02:01"


@pytest.mark.parametrize("milliseconds", [None, 0])
def test_missing_time_is_an_empty_text(milliseconds: int | None) -> None:
    assert format_datetime(milliseconds) == ""


COMPARED_ERROR = (
    "check: a long error that says which rows of which table were not as they should be"
)


def test_comparison_fits_the_terminal_and_keeps_its_errors_whole() -> None:
    runs = [
        run_documents.run(
            SUCCEEDED,
            run_id=1,
            start_time=1000,
            end_time=3000,
            tasks=[task("load", SUCCEEDED)],
            job_parameters=[{"name": "day", "value": "1"}],
        ),
        run_documents.run(
            FAILED, run_id=2, start_time=5000, end_time=9000, tasks=[task("check", FAILED)]
        ),
    ]
    compared = build_comparison(runs, ["", COMPARED_ERROR], 10_000)
    lines = [click.unstyle(line) for line in format_comparison(compared, 60)]
    error = f"Error of run 2: {COMPARED_ERROR}"
    assert error in lines
    assert max(len(line) for line in lines if line != error) <= 60
    rows = [line.split() for line in lines]
    assert ["Duration", "2.0", "s", "4.0", "s", "+2.0", "s"] in rows
    assert ["load", "SUCCEEDED", "-"] in rows
    assert ["day", "1", "-", "differs"] in rows
