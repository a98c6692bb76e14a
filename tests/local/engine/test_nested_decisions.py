"""Decisions about runs in runs: iterations, runs that a task starts, and repairs."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.engine.decisions import Decision
from flask_lakeflow_jobs.local.engine.effects import (
    AdvanceQueue,
    ScheduleEvent,
    SendEvent,
    StartTask,
    StopTask,
)
from flask_lakeflow_jobs.local.events import (
    CancelRequested,
    Event,
    IterationsStarted,
    NestedRunEnded,
    RepairRequest,
    RepairRequested,
    RetryDue,
    RunTimedOut,
    TaskCancelRequested,
    TaskStarted,
    TaskTimedOut,
)
from flask_lakeflow_jobs.local.states import State
from tests.local.engine.support import (
    JOB,
    NESTED,
    NOW,
    PARENT,
    RUN,
    Course,
    ended,
    started,
    task,
)


def loop(inputs: list[Any], concurrency: int = 1, **inner: Any) -> Course:
    """Return a run whose only task has started its iterations, with the ids 200, 201 …"""
    course = started(task("loop"))
    spec = {"task_key": "each", **inner}
    course.apply(IterationsStarted(RUN, 100, spec, inputs, concurrency))
    return course


def test_for_each_runs_as_many_iterations_as_its_concurrency() -> None:
    course = loop(["x", "y", "z"], concurrency=2)
    assert course.effects == (StartTask(200), StartTask(201))
    assert [(each.index, each.item, each.parent) for each in course.run.iterations] == [
        (0, "x", 100),
        (1, "y", 100),
        (2, "z", 100),
    ]
    assert course.apply(ended(201)) == (StartTask(202),)
    assert course.apply(ended(200)) == ()
    assert course.states() == {"loop": "RUNNING"}
    assert course.apply(ended(202)) == (AdvanceQueue(JOB),)
    assert course.run.state == states.SUCCESS


def test_for_each_without_inputs_succeeds() -> None:
    assert loop([]).run.state == states.SUCCESS


def test_for_each_fails_with_its_iterations() -> None:
    course = loop([1, 2, 3], concurrency=3)
    for task_id, state in ((200, states.FAILED), (201, states.SUCCESS), (202, states.FAILED)):
        course.apply(ended(task_id, state))
    assert course.task("loop").state.message == (
        "2 of 3 iterations failed, see their output for details"
    )


def test_for_each_waits_for_the_retry_of_an_iteration() -> None:
    course = loop([1, 2], max_retries=1)
    course.apply(ended(200, states.FAILED))
    assert course.iteration_states() == ["FAILED", "BLOCKED", "WAITING_FOR_RETRY"]
    course.apply(RetryDue(RUN, 202))
    assert course.apply(ended(202)) == (StartTask(201),)
    course.apply(ended(201))
    assert course.run.state == states.SUCCESS


def test_retry_of_an_iteration_has_its_input() -> None:
    course = loop(["x", "y"], concurrency=2, max_retries=1)
    course.apply(ended(201, states.FAILED))
    retry = course.run.iterations[-1]
    assert (retry.run_id, retry.index, retry.item, retry.parent) == (202, 1, "y", 100)


def test_for_each_that_is_stopped_stops_its_iterations() -> None:
    course = loop([1, 2, 3], concurrency=2)
    course.apply(ended(200))
    assert course.apply(TaskTimedOut(RUN, 100)) == (StopTask(201), StopTask(202))
    course.apply(ended(201))
    assert course.states() == {"loop": "TERMINATING"}
    course.apply(ended(202))
    assert course.states() == {"loop": "TIMEDOUT"}
    assert course.iteration_states() == ["SUCCESS", "TIMEDOUT", "TIMEDOUT"]


def test_nested_run_ends_its_task() -> None:
    course = started(task("call"))
    course.apply(TaskStarted(RUN, 100, NESTED))
    assert course.task("call").nested_run_id == NESTED
    course.apply(NestedRunEnded(RUN, NESTED + 1, states.FAILED))
    assert course.states() == {"call": "RUNNING"}
    course.apply(NestedRunEnded(RUN, NESTED, states.FAILED.because("why")))
    assert course.task("call").state == states.FAILED.because("why")


def test_task_whose_nested_run_failed_is_retried() -> None:
    course = started(task("call", max_retries=1), task("other"))
    course.apply(TaskStarted(RUN, 100, NESTED))
    course.apply(NestedRunEnded(RUN, NESTED, states.FAILED))
    assert [each.run_id for each in course.run.tasks] == [100, 101, 200]
    assert course.task("call").nested_run_id == 0


def test_cancel_reaches_the_nested_run() -> None:
    course = started(task("call"))
    course.apply(TaskStarted(RUN, 100, NESTED))
    assert course.apply(CancelRequested(RUN)) == (SendEvent(CancelRequested(NESTED)),)


def test_nested_run_that_starts_too_late_is_canceled() -> None:
    course = started(task("call"))
    course.apply(CancelRequested(RUN))
    assert course.apply(TaskStarted(RUN, 100, NESTED)) == (SendEvent(CancelRequested(NESTED)),)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ended(100), states.SUCCESS),
        (TaskCancelRequested(RUN, 100), states.CANCELED),
        (
            ended(100, states.FAILED.because("No rows")),
            states.FAILED.because("Run 1 of job 7 failed: Task a failed with message: No rows."),
        ),
    ],
)
def test_run_that_another_run_has_started_reports_its_end(event: Event, expected: State) -> None:
    course = started(task("a"), started_by=PARENT)
    course.apply(event)
    if course.run.is_active:
        course.apply(ended(100))
    assert course.effects[0] == SendEvent(NestedRunEnded(PARENT, RUN, expected))


def repaired() -> Course:
    course = started(task("a"), task("b", "a"), settings={"timeout_seconds": 60})
    course.apply(ended(100, states.FAILED))
    course.now += 10
    request = RepairRequest(
        course.run.settings,
        frozenset("ab"),
        [{"name": "p", "value": "1"}],
        {"python_params": ["x"]},
        "STANDARD",
    )
    course.apply(RepairRequested(RUN, 55, request))
    return course


def test_repair_runs_the_tasks_again_with_the_whole_time() -> None:
    course = repaired()
    assert course.effects == (ScheduleEvent(NOW + 70, RunTimedOut(RUN, 2)), StartTask(200))
    assert (course.run.state, course.run.end_time) == (states.RUNNING, 0)
    assert course.run.overriding == {"python_params": ["x"]}
    assert course.run.parameters == [{"name": "p", "value": "1"}]
    assert (course.run.performance_target, course.run.queue_duration) == ("STANDARD", 0)
    assert [(each.key, each.attempt, each.retry) for each in course.run.tasks] == [
        ("a", 0, 0),
        ("b", 0, 0),
        ("a", 1, 0),
        ("b", 1, 0),
    ]
    assert course.decide(RunTimedOut(RUN, 0)).run is course.run


def test_repair_keeps_the_history_of_the_run() -> None:
    course = repaired()
    course.apply(ended(200))
    course.apply(ended(201))
    original, repair = course.run.repairs
    assert (original.repair_id, original.state.result, original.end_time) == (
        0,
        "FAILED",
        NOW * 1000,
    )
    assert (repair.repair_id, repair.state, repair.start_time) == (55, states.SUCCESS, 1010_000)
    assert (original.task_run_ids, repair.task_run_ids) == ((100, 101), (200, 201))


def test_repair_of_a_canceled_run_ends_as_its_own_tasks() -> None:
    course = started(task("a"))
    course.apply(CancelRequested(RUN))
    course.apply(ended(100))
    for repair_id, task_id in ((55, 200), (56, 201)):
        request = RepairRequest(course.run.settings, frozenset("a"))
        course.apply(RepairRequested(RUN, repair_id, request))
        course.apply(ended(task_id))
    assert [each.state.result for each in course.run.repairs] == ["CANCELED", "SUCCESS", "SUCCESS"]
    assert [each.task_run_ids for each in course.run.repairs] == [(100,), (200,), (201,)]


def test_repair_of_an_active_run_changes_nothing() -> None:
    course = started(task("a"))
    request = RepairRequest(course.run.settings, frozenset("a"))
    assert course.decide(RepairRequested(RUN, 55, request)) == Decision(course.run)
