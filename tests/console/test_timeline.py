"""The timeline of a run: its axis, and its attempts."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.console.graph import build_graph
from flask_lakeflow_jobs.console.tasks import without_growth
from flask_lakeflow_jobs.console.timeline import build_timeline
from tests.run_documents import FAILED, SUCCEEDED, run, run_state, task

START = 1_000_000


def test_attempt_that_has_ended_took_no_time_in_the_queue() -> None:
    fields = {"start_time": START, "queue_duration": 400, "end_time": START + 900}
    shown = run(SUCCEEDED, **fields, tasks=[task("a", SUCCEEDED, **fields)])
    assert [each.length for each in build_timeline(shown, START + 900).rows] == [500]


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


def test_timeline_is_in_the_order_of_starts_and_says_why_a_task_failed() -> None:
    why = run_state("TERMINATED", "FAILED", message="Out of memory.")
    phases = {"setup_duration": 2_000, "execution_duration": 3_000}
    documents = [
        task("waits", run_state("BLOCKED"), run_id=1),
        task("second", why, run_id=2, start_time=START + 5_000, end_time=START + 10_000, **phases),
        task("first", SUCCEEDED, run_id=3, start_time=START, end_time=START + 5_000),
    ]
    rows = build_timeline(run(start_time=START, tasks=documents), START + 12_000).rows
    assert [(row.key, row.message) for row in rows] == [
        ("first", ""),
        ("second", "Out of memory."),
        ("waits", ""),
    ]
    parts = [(part.phase, part.width, part.is_growing) for part in rows[1].segments]
    assert parts == [("setup", 2_000, False), ("run", 3_000, False)]


def test_parts_of_an_active_attempt_that_do_not_grow_stay() -> None:
    active = task("a", run_state("RUNNING"), start_time=START, setup_duration=2_000)
    (row,) = build_timeline(run(start_time=START, tasks=[active]), START + 9_000).rows
    parts = [(part.phase, part.width, part.length) for part in without_growth(row).segments]
    assert parts == [("setup", 2_000, "2.0 s"), ("run", 0, "")]


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
