"""Runs as the pages show them."""

from __future__ import annotations

import dataclasses

import pytest
from databricks.sdk.service.jobs import BaseRun, RunTask

from flask_lakeflow_jobs.console import filters as w
from flask_lakeflow_jobs.console.graph import build_graph
from flask_lakeflow_jobs.console.summaries import expected_end, parameters_of, strip, summary
from flask_lakeflow_jobs.console.timeline import timeline
from flask_lakeflow_jobs.runs.outcome import Outcome
from tests.run_documents import FAILED, SUCCEEDED, run, task, words

START = 1_000_000


def test_every_outcome_has_a_kind_and_every_kind_a_name() -> None:
    assert set(w.KINDS) == set(Outcome)
    assert set(w.KIND_NAMES) == set(w.KINDS.values())


def test_duration_filter_takes_milliseconds() -> None:
    assert w.duration(None) == ""
    assert w.duration(61_900) == "1 min 2 s"
    assert w.duration(1_900, is_growing=True) == "1 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "just now"), (12, "12 s ago"), (125, "2 min ago"), (90_000, "1 d ago")],
)
def test_how_long_ago(seconds: int, text: str) -> None:
    assert w.ago(seconds * 1000) == text


def test_every_kind_of_task_of_the_sdk_has_a_name() -> None:
    kinds = {each.name for each in dataclasses.fields(RunTask) if each.name.endswith("_task")}
    assert kinds - set(w.TASK_KINDS) == set()


def test_a_run_that_goes_on_grows() -> None:
    going = run(start_time=START)
    assert summary(going, START + 1000).length == 1000
    assert summary(going, START + 2000).is_going
    ended = run(SUCCEEDED, start_time=START, end_time=START + 500)
    assert summary(ended, START + 2000).length == 500


def test_the_time_in_the_queue_does_not_count() -> None:
    ended = run(SUCCEEDED, start_time=START, end_time=START + 900, queue_duration=400)
    assert summary(ended, START).length == 500


def test_who_asked_is_whom_the_app_noted_else_whom_the_workspace_knows() -> None:
    noted = run(
        creator_user_name="robot", job_parameters=[{"name": "who", "default": "", "value": "ada"}]
    )
    assert summary(noted, START, "who").who == "ada"
    assert summary(noted, START).who == "robot"
    assert summary(run(creator_user_name="robot"), START, "who").who == "robot"


def test_parameters_are_those_of_the_job_and_those_given() -> None:
    given = run(
        job_parameters=[
            {"name": "day", "default": "1"},
            {"name": "to", "default": "1", "value": "2"},
        ],
        overriding_parameters={"python_params": ["a", "b"], "notebook_params": {"x": "y"}},
    )
    assert parameters_of(given) == {"day": "1", "to": "2", "python_params": "a b", "x": "y"}


def test_the_axis_of_an_ended_run_is_its_time() -> None:
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
    line = timeline(ended, START + 99_000)
    assert (line.start, line.end) == (START, START + 10_000)
    shown = [(part.phase, part.left, part.width) for part in line.rows[0].segments]
    assert shown == [
        ("queue", 10, 10),
        ("setup", 20, 10),
        ("run", 30, 20),
        ("cleanup", 50, 10),
    ]


def test_the_axis_of_a_run_that_goes_on_has_room_and_seldom_changes() -> None:
    going = run(start_time=START, tasks=[task("a", words("RUNNING"), start_time=START)])
    ends = {timeline(going, START + 100 * at).end for at in range(600)}
    assert all(timeline(going, START + each).end > START + each for each in (0, 9_000, 60_000))
    assert len(ends) < 25
    assert timeline(going, START + 30_000).rows[0].segments[0].is_growing


def test_the_axis_reaches_to_the_expected_end() -> None:
    going = run(start_time=START)
    assert timeline(going, START + 1000, START + 100_000).end >= START + 100_000


def test_each_attempt_is_a_row_and_the_graph_has_the_last() -> None:
    retried = run(
        start_time=START,
        tasks=[
            task("a", FAILED, run_id=1, start_time=START, end_time=START + 1),
            task("a", words("RUNNING"), run_id=2, attempt_number=1, start_time=START + 2),
            task("b", words("BLOCKED"), run_id=3, depends_on=[{"task_key": "a"}]),
        ],
    )
    line = timeline(retried, START + 10)
    assert [(row.key, row.number, row.state.word) for row in line.rows] == [
        ("a", 1, "failed"),
        ("a", 2, "running"),
        ("b", 1, "blocked"),
    ]
    shown = build_graph(retried, line.rows)
    assert [(node.attempt.key, node.attempt.number) for node in shown.nodes] == [("a", 2), ("b", 1)]
    assert [edge.kind for edge in shown.edges] == ["going"]


def test_what_was_passed_over_took_no_time() -> None:
    skipped = words("TERMINATED", "UPSTREAM_FAILED")
    ended = run(FAILED, tasks=[task("a", skipped, start_time=START, end_time=START)])
    (row,) = timeline(ended, START).rows
    assert (row.length, row.segments) == (None, [])


def test_an_axis_of_less_than_a_second_has_marks_too() -> None:
    ended = run(SUCCEEDED, start_time=START, end_time=START + 500)
    assert [mark.label for mark in timeline(ended, START).marks] == [
        "0.0 s",
        "0.1 s",
        "0.2 s",
        "0.3 s",
        "0.4 s",
        "0.5 s",
    ]


def test_all_marks_of_an_axis_of_hours_have_their_hours() -> None:
    ended = run(SUCCEEDED, start_time=START, end_time=START + 2 * 3_600_000)
    assert [mark.label for mark in timeline(ended, START).marks][:2] == ["0:00:00", "0:30:00"]


def test_a_loop_tells_how_far_it_is() -> None:
    stats = {"total_iterations": 9, "completed_iterations": 4}
    loop = {"inputs": "[]", "task": {"task_key": "x"}, "stats": {"task_run_stats": stats}}
    going = run(tasks=[task("each", words("RUNNING"), for_each_task=loop)])
    (row,) = timeline(going, START).rows
    assert (row.kind, row.progress) == ("For each", "4/9")


def test_words_that_nobody_knows_are_shown_as_such() -> None:
    odd = run({"state": {"life_cycle_state": "DREAMING"}})
    assert summary(odd, START).state.kind == "unknown"
    assert timeline(odd, START).rows == []


def test_the_strip_has_the_newest_to_the_right_and_the_longest_highest() -> None:
    runs = [
        summary(run(SUCCEEDED, run_id=at, start_time=START, end_time=START + at * 1000), START)
        for at in (3, 1, 2)
    ]
    bars = strip(runs, 4)
    assert [bar.run and bar.run.run_id for bar in bars] == [None, 2, 1, 3]
    assert [bar.height for bar in bars] == [0, 71, 42, 100]
    assert bars[-1].left + bars[-1].width == pytest.approx(100, abs=0.1)
    assert [bar.run for bar in strip(runs, 2)] == [runs[1], runs[0]]


def test_a_job_without_runs_has_a_strip_of_empty_places() -> None:
    assert [(bar.run, bar.height) for bar in strip([], 2)] == [(None, 0), (None, 0)]


def test_the_end_is_expected_by_what_earlier_runs_took() -> None:
    past = [
        BaseRun.from_dict({**SUCCEEDED, "start_time": START, "end_time": START + each * 1000})
        for each in (10, 10, 10, 10)
    ]
    going = run(start_time=START)
    assert expected_end(going, past, START + 4000) == START + 10_000
    assert expected_end(going, past[:2], START + 4000) is None
    assert expected_end(run(words("QUEUED"), start_time=START), past, START + 4000) is None
    assert expected_end(run(SUCCEEDED, start_time=START), past, START + 4000) is None
