"""Runs as the pages show them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from databricks.sdk.service.jobs import RunTask

from flask_lakeflow_jobs.console import labels
from flask_lakeflow_jobs.console.graph import build_graph
from flask_lakeflow_jobs.console.summaries import (
    build_strip,
    count_work,
    summarize,
)
from flask_lakeflow_jobs.console.timeline import build_timeline
from flask_lakeflow_jobs.runs.outcome import Outcome
from tests.run_documents import FAILED, SUCCEEDED, run, run_state, task

START = 1_000_000


def test_every_outcome_has_a_kind_with_a_name() -> None:
    assert set(labels.KINDS) == set(Outcome)
    assert set(labels.KIND_NAMES) == set(labels.KINDS.values())


def test_every_kind_has_an_icon_for_the_tab() -> None:
    static = Path(labels.__file__).parent / "static"
    assert {path.stem for path in static.glob("icon-*.svg")} == {
        f"icon-{kind}" for kind in labels.KIND_NAMES
    }


def test_duration_filter_takes_milliseconds() -> None:
    assert labels.duration(None) == ""
    assert labels.duration(61_900) == "1 min 2 s"
    assert labels.duration(1_900, is_growing=True) == "1 s"


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, ""),
        ({"day": "2026-11-23", "note": " ", "to": "a\nb"}, "day=2026-11-23, to=a b"),
        ({"x": "v" * 99}, f"x={'v' * 39}…"),
        ({f"p{number}": "v" * 39 for number in range(9)}, None),
    ],
)
def test_format_parameters_is_one_short_line(parameters: dict[str, str], text: str | None) -> None:
    formatted = labels.format_parameters(parameters)
    assert len(formatted) <= labels.MAX_PARAMETERS_CHARS
    assert text is None or formatted == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "just now"), (12, "12 s ago"), (125, "2 min ago"), (90_000, "1 d ago")],
)
def test_format_ago_uses_one_unit(seconds: int, text: str) -> None:
    assert labels.format_ago(seconds * 1000) == text


def test_every_task_kind_of_the_sdk_has_a_label() -> None:
    kinds = {each.name for each in dataclasses.fields(RunTask) if each.name.endswith("_task")}
    assert kinds - set(labels.TASK_KIND_LABELS) == set()


def test_summary_of_active_run_has_growing_duration() -> None:
    going = run(start_time=START)
    assert summarize(going, START + 1000).length == 1000
    assert summarize(going, START + 2000).is_going
    ended = run(SUCCEEDED, start_time=START, end_time=START + 500)
    assert summarize(ended, START + 2000).length == 500


@pytest.mark.parametrize(
    ("name", "word"),
    [("ONE_TIME", "manual"), ("PERIODIC", "schedule"), ("RUN_JOB_TASK", "run job task")],
)
def test_summary_says_how_the_run_was_started(name: str, word: str) -> None:
    assert summarize(run(SUCCEEDED, trigger=name), START).trigger == word


def test_summary_duration_excludes_the_queue() -> None:
    ended = run(SUCCEEDED, start_time=START, end_time=START + 900, queue_duration=400)
    assert summarize(ended, START).length == 500


def test_durations_that_grow_count_from_the_end_of_the_queue() -> None:
    fields = {"start_time": START, "queue_duration": 400}
    shown = run(run_state("RUNNING"), **fields, tasks=[task("a", run_state("RUNNING"), **fields)])
    (attempt,) = build_timeline(shown, START + 900).rows
    for each in (summarize(shown, START + 900), attempt):
        assert (each.length, each.counts_from) == (500, START + 400)


def test_duration_during_a_repair_leaves_out_the_time_before_it() -> None:
    night = START + 10 * 3_600_000
    active = summarize(run(run_state("RUNNING"), start_time=START), night + 900)
    original = run(FAILED, start_time=START, end_time=START + 500)
    efforts = [original, run(run_state("RUNNING"), start_time=night)]
    counted = count_work(active, efforts, night + 900)
    assert (counted.length, counted.counts_from) == (1_400, night - 500)
    assert count_work(active, [], night + 900) is active
    ended = summarize(original, night + 900)
    assert count_work(ended, efforts, night + 900) is ended


def test_attempt_that_has_ended_took_no_time_in_the_queue() -> None:
    fields = {"start_time": START, "queue_duration": 400, "end_time": START + 900}
    shown = run(SUCCEEDED, **fields, tasks=[task("a", SUCCEEDED, **fields)])
    assert [each.length for each in build_timeline(shown, START + 900).rows] == [500]


def test_summary_requester_is_recorded_one_first() -> None:
    noted = run(
        creator_user_name="robot", job_parameters=[{"name": "who", "default": "", "value": "ada"}]
    )
    assert summarize(noted, START, "who").who == "ada"
    assert summarize(noted, START).who == "robot"
    assert summarize(run(creator_user_name="robot"), START, "who").who == "robot"


def test_axis_of_ended_run_is_its_duration() -> None:
    ended = run(
        SUCCEEDED,
        start_time=START,
        end_time=START + 10_000,
        tasks=[
            task(
                "a",
                SUCCEEDED,
                start_time=START + 1000,
                end_time=START + 6000,
                queue_duration=1000,
                setup_duration=1000,
                execution_duration=2000,
                cleanup_duration=1000,
            )
        ],
    )
    line = build_timeline(ended, START + 99_000)
    assert (line.axis.start, line.axis.end) == (START, START + 10_000)
    shown = [(part.phase, part.left, part.width) for part in line.rows[0].segments]
    assert shown == [
        ("queue", 1000, 1000),
        ("setup", 2000, 1000),
        ("run", 3000, 2000),
        ("cleanup", 5000, 1000),
    ]


def test_axis_of_active_run_has_room_and_grows_in_steps() -> None:
    going = run(start_time=START, tasks=[task("a", run_state("RUNNING"), start_time=START)])
    ends = {build_timeline(going, START + 100 * at).axis.end for at in range(600)}
    assert all(
        build_timeline(going, START + each).axis.end > START + each for each in (0, 9_000, 60_000)
    )
    assert len(ends) < 25
    assert build_timeline(going, START + 30_000).rows[0].segments[0].is_growing


def test_axis_reaches_the_expected_end() -> None:
    going = run(start_time=START)
    assert build_timeline(going, START + 1000, START + 100_000).axis.end >= START + 100_000


def test_timeline_has_all_attempts_graph_the_last() -> None:
    retried = run(
        start_time=START,
        tasks=[
            task("a", FAILED, run_id=1, start_time=START, end_time=START + 1),
            task("a", run_state("RUNNING"), run_id=2, attempt_number=1, start_time=START + 2),
            task("b", run_state("BLOCKED"), run_id=3, depends_on=[{"task_key": "a"}]),
        ],
    )
    line = build_timeline(retried, START + 10)
    assert [(row.key, row.number, row.state.word) for row in line.rows] == [
        ("a", 1, "failed"),
        ("a", 2, "running"),
        ("b", 1, "waiting"),
    ]
    shown = build_graph((("a", ()), ("b", ("a",))), line.rows)
    assert [(node.attempt.key, node.attempt.number) for node in shown.nodes] == [("a", 2), ("b", 1)]
    assert [edge.kind for edge in shown.edges] == ["going"]


def test_timeline_task_that_never_ran_has_no_duration() -> None:
    skipped = run_state("TERMINATED", "UPSTREAM_FAILED")
    ended = run(FAILED, tasks=[task("a", skipped, start_time=START, end_time=START)])
    (row,) = build_timeline(ended, START).rows
    assert (row.length, row.segments) == (None, [])


def test_axis_below_a_second_has_marks() -> None:
    ended = run(SUCCEEDED, start_time=START, end_time=START + 500)
    assert [mark.label for mark in build_timeline(ended, START).axis.marks] == [
        "0.0 s",
        "0.1 s",
        "0.2 s",
        "0.3 s",
        "0.4 s",
        "0.5 s",
    ]


def test_axis_of_hours_labels_hours_on_all_marks() -> None:
    ended = run(SUCCEEDED, start_time=START, end_time=START + 2 * 3_600_000)
    assert [mark.label for mark in build_timeline(ended, START).axis.marks][:2] == [
        "0:00:00",
        "0:30:00",
    ]


def test_timeline_for_each_task_shows_progress() -> None:
    stats = {"total_iterations": 9, "completed_iterations": 4}
    loop = {"inputs": "[]", "task": {"task_key": "x"}, "stats": {"task_run_stats": stats}}
    going = run(tasks=[task("each", run_state("RUNNING"), for_each_task=loop)])
    (row,) = build_timeline(going, START).rows
    assert (row.kind, row.progress) == ("For each", "4/9")


def test_unknown_state_is_shown_as_unknown() -> None:
    odd = run({"state": {"life_cycle_state": "DREAMING"}})
    assert summarize(odd, START).state.kind == "unknown"
    assert build_timeline(odd, START).rows == []


def test_strip_has_newest_right_and_longest_highest() -> None:
    runs = [
        summarize(run(SUCCEEDED, run_id=at, start_time=START, end_time=START + at * 1000), START)
        for at in (3, 1, 2)
    ]
    bars = build_strip(runs)
    assert [(bar.run.run_id, bar.height) for bar in bars] == [(2, 7), (1, 3), (3, 10)]
    assert build_strip([]) == []


def test_strip_of_runs_without_duration_has_lowest_bars() -> None:
    (bar,) = build_strip([summarize(run(SUCCEEDED, start_time=0), START)])
    assert bar.height == 1


CANCELED = run_state("TERMINATED", "CANCELED", message="Run cancelled.")


def test_task_that_was_canceled_while_it_waited_has_no_start_and_no_duration() -> None:
    canceled = run(
        CANCELED,
        start_time=START,
        end_time=START + 9,
        tasks=[
            task("ran", CANCELED, run_id=1, start_time=START, end_time=START + 9),
            task("waited", CANCELED, run_id=2, start_time=START + 9, end_time=START + 9),
            task("quick", SUCCEEDED, run_id=3, start_time=START + 9, end_time=START + 9),
        ],
    )
    ran, waited, quick = build_timeline(canceled, START + 10).rows
    assert (quick.started, quick.length) == (START + 9, 0)
    assert (ran.started, ran.length, ran.message) == (START, 9, "")
    assert (waited.started, waited.length, waited.segments) == (None, None, [])


@pytest.mark.parametrize(
    ("state", "progress"), [(run_state("RUNNING"), "4/9"), (CANCELED, "3/9"), (FAILED, "3/9")]
)
def test_iterations_of_ended_task_are_those_that_succeeded(
    state: dict[str, object], progress: str
) -> None:
    stats = {"total_iterations": 9, "completed_iterations": 4, "succeeded_iterations": 3}
    loop = {"inputs": "[]", "task": {"task_key": "x"}, "stats": {"task_run_stats": stats}}
    looping = run(start_time=START, tasks=[task("each", state, for_each_task=loop)])
    assert build_timeline(looping, START + 10).rows[0].progress == progress
