"""The next state of a run after an event, and its effects, as tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.engine.decisions import Decision
from flask_lakeflow_jobs.local.engine.effects import (
    AdvanceQueue,
    Effect,
    ScheduleEvent,
    StartTask,
    StopTask,
)
from flask_lakeflow_jobs.local.events import (
    CancelRequested,
    Event,
    IterationsStarted,
    NestedRunEnded,
    QueueAdvanced,
    RepairRequest,
    RepairRequested,
    RetryDue,
    RunSubmitted,
    RunTimedOut,
    TaskCancelRequested,
    TaskPrepared,
    TaskQueued,
    TaskStarted,
    TaskTimedOut,
    WorkspaceRestarted,
)
from flask_lakeflow_jobs.local.states import State
from tests.local.engine.support import (
    JOB,
    NESTED,
    NOW,
    RUN,
    Course,
    ended,
    job_run,
    started,
    task,
)

# Submission, queue and end of a run


@pytest.mark.parametrize(
    ("limit", "running_runs", "may_queue", "state", "effects"),
    [
        (1, 0, False, states.RUNNING, (StartTask(100),)),
        (2, 1, False, states.RUNNING, (StartTask(100),)),
        (1, 1, True, states.queued_for_concurrency(1), ()),
        (1, 1, False, states.over_concurrency_limit(1), (AdvanceQueue(JOB),)),
        (0, 0, True, states.over_concurrency_limit(0), (AdvanceQueue(JOB),)),
    ],
)
def test_submitted_run_starts_waits_or_is_skipped(
    limit: int, running_runs: int, may_queue: bool, state: State, effects: tuple[Effect, ...]
) -> None:
    run = job_run(task("a"), settings={"max_concurrent_runs": limit})
    course = Course(run)
    assert course.apply(RunSubmitted(run, may_queue=may_queue), running_runs=running_runs) == (
        effects
    )
    assert course.run.state == state
    if state.is_terminal:
        assert course.task("a").state == state
        assert course.run.end_time == course.task("a").end_time == NOW * 1000


def test_queued_run_begins_when_the_limit_allows_it() -> None:
    run = job_run(task("a"))
    course = Course(run)
    course.apply(RunSubmitted(run, may_queue=True), running_runs=1)
    course.now += 5
    assert course.decide(QueueAdvanced(RUN), running_runs=1).run is course.run
    assert course.apply(QueueAdvanced(RUN)) == (AdvanceQueue(JOB), StartTask(100))
    assert (course.run.state, course.run.queue_duration) == (states.RUNNING, 5000)


def test_run_and_task_with_a_timeout_schedule_it() -> None:
    course = started(task("a", timeout_seconds=3), settings={"timeout_seconds": 60})
    assert course.effects == (
        ScheduleEvent(NOW + 60, RunTimedOut(RUN, 0)),
        ScheduleEvent(NOW + 3, TaskTimedOut(RUN, 100)),
        StartTask(100),
    )


def test_tasks_start_once_their_dependencies_have_ended() -> None:
    course = started(task("a"), task("b"), task("c", "a", "b"), task("d", "c"))
    assert course.effects == (StartTask(100), StartTask(101))
    assert course.apply(ended(100)) == ()
    assert course.apply(ended(101)) == (StartTask(102),)
    assert course.apply(ended(102, states.FAILED)) == (AdvanceQueue(JOB),)
    assert course.states() == {
        "a": "SUCCESS",
        "b": "SUCCESS",
        "c": "FAILED",
        "d": "UPSTREAM_FAILED",
    }
    assert course.run.state.result == "FAILED"
    assert course.run.end_time == NOW * 1000


def test_chain_of_disabled_tasks_ends_in_one_decision() -> None:
    specs = [task(f"t{n}", *([f"t{n - 1}"] if n else []), disabled=True) for n in range(600)]
    assert started(*specs).run.state == states.SUCCESS


# One task


IN_STATE = {
    "BLOCKED": states.BLOCKED,
    "PENDING": states.PENDING,
    "QUEUED": states.QUEUED_FOR_PROCESS,
    "RUNNING": states.RUNNING,
    "TERMINATING": states.TERMINATING,
    "WAITING_FOR_RETRY": states.WAITING_FOR_RETRY,
}


@pytest.mark.parametrize(
    ("before", "event", "after", "effects"),
    [
        ("PENDING", TaskQueued(RUN, 100), "QUEUED", ()),
        ("RUNNING", TaskQueued(RUN, 100), "RUNNING", ()),
        ("PENDING", TaskStarted(RUN, 100), "RUNNING", ()),
        ("QUEUED", TaskStarted(RUN, 100), "RUNNING", ()),
        ("TERMINATING", TaskStarted(RUN, 100), "TERMINATING", ()),
        ("PENDING", TaskCancelRequested(RUN, 100), "TERMINATING", (StopTask(100),)),
        ("QUEUED", TaskCancelRequested(RUN, 100), "TERMINATING", (StopTask(100),)),
        ("RUNNING", TaskCancelRequested(RUN, 100), "TERMINATING", (StopTask(100),)),
        ("RUNNING", TaskTimedOut(RUN, 100), "TERMINATING", (StopTask(100),)),
        ("TERMINATING", TaskTimedOut(RUN, 100), "TERMINATING", ()),
        ("BLOCKED", TaskCancelRequested(RUN, 100), "CANCELED", ()),
        ("WAITING_FOR_RETRY", TaskCancelRequested(RUN, 100), "CANCELED", ()),
        ("WAITING_FOR_RETRY", TaskTimedOut(RUN, 100), "TIMEDOUT", ()),
        ("WAITING_FOR_RETRY", RetryDue(RUN, 100), "PENDING", (StartTask(100),)),
        ("RUNNING", RetryDue(RUN, 100), "RUNNING", ()),
        ("PENDING", ended(100, states.INVALID_TASK), "FAILED", ()),
        ("RUNNING", ended(100), "SUCCESS", ()),
    ],
)
def test_task_event(before: str, event: Event, after: str, effects: tuple[Effect, ...]) -> None:
    run = started(task("a", max_retries=9, retry_on_timeout=True), task("other")).run
    first = replace(run.tasks[0], state=IN_STATE[before])
    course = Course(replace(run, tasks=(first, run.tasks[1])))
    # BLOCKED would start at once, were the run not about to be queued.
    if before == "BLOCKED":
        course.run = replace(course.run, state=states.queued_for_concurrency(1))
    assert course.apply(event) == effects
    assert course.states()["a"] == after


@pytest.mark.parametrize(
    ("event", "result"),
    [(TaskCancelRequested(RUN, 100), "CANCELED"), (TaskTimedOut(RUN, 100), "TIMEDOUT")],
)
@pytest.mark.parametrize("own_end", [states.SUCCESS, states.FAILED])
def test_stopped_task_ends_as_stopped(event: Event, result: str, own_end: State) -> None:
    course = started(task("a"))
    course.apply(event)
    course.apply(ended(100, own_end))
    assert course.states() == {"a": result}


@pytest.mark.parametrize(
    ("events", "durations"),
    [
        ([TaskQueued(RUN, 100), TaskStarted(RUN, 100), ended(100)], (4000, 0, 2000)),
        ([TaskStarted(RUN, 100), ended(100)], (0, 2000, 2000)),
    ],
    ids=["queued", "not queued"],
)
def test_durations_of_a_task(events: list[Event], durations: tuple[int, int, int]) -> None:
    course = started(task("a"))
    for event in events:
        course.now += 2.0001
        course.apply(event)
    end = course.task("a")
    assert (end.queue_duration, end.setup_duration, end.execution_duration) == durations
    assert all(isinstance(each, int) for each in (end.start_time, end.end_time, *durations))
    assert end.end_time - end.start_time == sum(durations)


@pytest.mark.parametrize("before", [[], [TaskQueued(RUN, 100)]], ids=["not queued", "queued"])
@pytest.mark.parametrize("is_early", [True, False])
def test_task_of_a_clock_that_is_put_back_has_no_negative_duration(
    before: list[Event], is_early: bool
) -> None:
    """The clock is put back before the task starts, or while it runs."""
    course = started(task("a"))
    for event, is_here in ((TaskStarted(RUN, 100), is_early), (ended(100), not is_early)):
        course.now -= 3600 if is_here else 0
        for each in (*before, event):
            course.apply(each)
        before = []
    end = course.task("a")
    assert (end.queue_duration, end.setup_duration, end.execution_duration) == (0, 0, 0)
    assert end.end_time == end.start_time


def test_run_that_was_queued_when_the_clock_was_put_back_has_no_negative_duration() -> None:
    run = job_run(task("a"))
    course = Course(run)
    course.apply(RunSubmitted(run, may_queue=True), running_runs=1)
    course.now -= 3600
    course.apply(QueueAdvanced(RUN))
    assert course.run.queue_duration == 0


@pytest.mark.parametrize("interval", [0, 8000])
def test_retry_waits_no_longer_after_the_clock_was_put_back(interval: int) -> None:
    course = started(task("a", max_retries=1, min_retry_interval_millis=interval))
    course.now -= 3600
    [scheduled] = course.apply(ended(100, states.FAILED))
    assert scheduled == ScheduleEvent(course.now + interval / 1000, RetryDue(RUN, 200))


def test_skipped_task_begins_and_ends_at_once() -> None:
    course = started(task("a"), task("b", "a"))
    course.now += 2
    course.apply(ended(100, states.FAILED))
    assert course.task("b").start_time == course.task("b").end_time == (NOW + 2) * 1000


def test_ended_task_keeps_its_results() -> None:
    course = started(task("a"))
    course.apply(TaskPrepared(RUN, 100, {"x": 1}))
    course.apply(
        ended(100, output={"logs": "hi"}, values={"n": 1}, rows=[{"a": 2}], outcome="true")
    )
    first = course.task("a")
    assert (first.resolved, first.values, first.rows, first.outcome) == (
        {"x": 1},
        {"n": 1},
        [{"a": 2}],
        "true",
    )
    assert course.outputs == {100: {"logs": "hi"}}


@pytest.mark.parametrize(("interval", "when"), [(0, NOW + 5), (3000, NOW + 5), (8000, NOW + 8)])
def test_retry_is_due_after_the_interval_from_the_start(interval: int, when: float) -> None:
    course = started(task("a", max_retries=1, min_retry_interval_millis=interval))
    course.now += 5
    assert course.apply(ended(100, states.FAILED)) == (ScheduleEvent(when, RetryDue(RUN, 200)),)
    assert [each.state.life_cycle for each in course.run.tasks] == [
        "TERMINATED",
        "WAITING_FOR_RETRY",
    ]
    retry = course.task("a")
    assert (retry.run_id, retry.attempt, retry.retry) == (200, 1, 1)
    assert course.apply(RetryDue(RUN, 200)) == (StartTask(200),)
    course.apply(ended(200, states.FAILED))
    assert course.run.state.result == "FAILED"


def test_task_of_a_run_that_is_stopped_is_not_retried() -> None:
    course = started(task("a", max_retries=9, retry_on_timeout=True))
    course.apply(RunTimedOut(RUN, 0))
    course.apply(ended(100))
    assert course.run.state == states.TIMED_OUT
    assert len(course.run.tasks) == 1


# Cancellation


@pytest.mark.parametrize(
    ("event", "final"),
    [(CancelRequested(RUN), states.CANCELED), (RunTimedOut(RUN, 0), states.TIMED_OUT)],
)
def test_stopped_run_ends_once_its_running_tasks_have_ended(event: Event, final: State) -> None:
    course = started(task("a"), task("b"), task("c", "a"))
    course.apply(ended(101))
    assert course.apply(event) == (StopTask(100),)
    assert course.run.state == states.TERMINATING
    assert course.states() == {"a": "TERMINATING", "b": "SUCCESS", "c": final.result}
    assert course.decide(event).run is course.run
    assert course.apply(ended(100)) == (AdvanceQueue(JOB),)
    assert course.run.state == course.task("a").state == final


def test_queued_run_that_is_canceled_ends_at_once() -> None:
    run = job_run(task("a"))
    course = Course(run)
    course.apply(RunSubmitted(run, may_queue=True), running_runs=1)
    assert course.apply(CancelRequested(RUN)) == (AdvanceQueue(JOB),)
    assert course.run.state == states.CANCELED


def test_canceled_task_of_a_queued_run_starts_no_other_task() -> None:
    run = job_run(task("a"), task("b", "a", run_if="ALL_DONE"))
    course = Course(run)
    course.apply(RunSubmitted(run, may_queue=True), running_runs=1)
    assert course.apply(TaskCancelRequested(RUN, 100)) == ()
    assert course.states() == {"a": "CANCELED", "b": "BLOCKED"}
    assert course.apply(QueueAdvanced(RUN)) == (AdvanceQueue(JOB), StartTask(101))


# Restarts and late events


def test_restart_marks_what_was_running_and_what_never_started() -> None:
    course = started(task("a"), task("b"), task("c", "a"))
    course.apply(ended(101))
    course.now += 5
    assert course.apply(WorkspaceRestarted(RUN)) == ()
    assert course.run.state == course.task("a").state == states.WORKSPACE_LOST
    assert course.states() == {"a": "FAILED", "b": "SUCCESS", "c": "UPSTREAM_FAILED"}
    times = {each.key: (each.start_time, each.end_time) for each in course.run.tasks}
    begun, lost = NOW * 1000, (NOW + 5) * 1000
    assert times == {"a": (begun, lost), "b": (begun, begun), "c": (lost, lost)}


def test_restart_marks_a_queued_run_as_lost_in_the_queue() -> None:
    run = job_run(task("a"))
    course = Course(run)
    course.apply(RunSubmitted(run, may_queue=True), running_runs=1)
    course.apply(WorkspaceRestarted(RUN))
    assert course.run.state == course.task("a").state == states.LOST_IN_QUEUE


@pytest.mark.parametrize("end", [ended(200, states.FAILED), WorkspaceRestarted(RUN)])
def test_repair_after_the_clock_was_put_back_ends_later_than_before(end: Event) -> None:
    course = started(task("a"))
    course.apply(ended(100, states.FAILED))
    before = course.run.end_time
    course.now -= 3600
    course.apply(RepairRequested(RUN, 55, RepairRequest(course.run.settings, frozenset("a"))))
    course.apply(end)
    assert not course.run.is_active
    assert before < course.run.end_time


LATE: list[Callable[[int], Event]] = [
    lambda task_id: TaskPrepared(RUN, task_id, {"x": 1}),
    lambda task_id: TaskQueued(RUN, task_id),
    lambda task_id: TaskStarted(RUN, task_id, NESTED),
    lambda task_id: IterationsStarted(RUN, task_id, {"task_key": "each"}, [1], 1),
    lambda task_id: ended(task_id, states.FAILED, output={"logs": "x"}),
    lambda task_id: RetryDue(RUN, task_id),
    lambda task_id: TaskTimedOut(RUN, task_id),
    lambda task_id: TaskCancelRequested(RUN, task_id),
]


@pytest.mark.parametrize("event", LATE)
@pytest.mark.parametrize("task_id", [100, 4711])
def test_late_event_of_a_task_changes_nothing(event: Callable[[int], Event], task_id: int) -> None:
    course = started(task("a", max_retries=1), task("b"))
    course.apply(ended(100))
    assert course.decide(event(task_id)) == Decision(course.run)


@pytest.mark.parametrize(
    "event",
    [
        QueueAdvanced(RUN),
        CancelRequested(RUN),
        RunTimedOut(RUN, 0),
        NestedRunEnded(RUN, NESTED, states.FAILED),
        WorkspaceRestarted(RUN),
    ],
)
def test_late_event_of_a_run_changes_nothing(event: Event) -> None:
    course = started(task("a"))
    course.apply(TaskStarted(RUN, 100, NESTED))
    course.apply(ended(100))
    decision = course.decide(event)
    assert decision == Decision(course.run)
    assert decision.run is course.run
