"""Invariants of a run over any course of events."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import states
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
    QueueAdvanced,
    RunSubmitted,
    RunTimedOut,
    TaskCancelRequested,
    TaskEnded,
    TaskQueued,
    TaskStarted,
    TaskTimedOut,
)
from flask_lakeflow_jobs.local.model import JobRun
from tests.local.engine.support import (
    JOB,
    RUN,
    Course,
    job_run,
    task,
)


@st.composite
def specs(draw: st.DrawFn) -> list[dict[str, Any]]:
    keys = "abcd"[: draw(st.integers(1, 4))]
    return [
        task(
            key,
            *draw(st.sets(st.sampled_from(keys[:position]))) if position else (),
            max_retries=draw(st.integers(0, 1)),
            retry_on_timeout=draw(st.booleans()),
            run_if=draw(st.sampled_from(["ALL_SUCCESS", "ALL_DONE", "AT_LEAST_ONE_FAILED"])),
        )
        for position, key in enumerate(keys)
    ]


ENDS = st.sampled_from([states.SUCCESS, states.FAILED, states.INVALID_TASK])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("end"), st.integers(0, 9), ENDS),
        st.tuples(st.just("loop"), st.integers(0, 9), st.integers(0, 3)),
        st.tuples(
            st.sampled_from(["start", "queue", "cancel task", "time out task"]), st.integers(0, 9)
        ),
        st.tuples(st.sampled_from(["cancel", "time out", "due", "advance"])),
    ),
    max_size=30,
)


def event_of(step: tuple[Any, ...], course: Course, scheduled: list[Event]) -> Event | None:
    if step[0] == "cancel":
        return CancelRequested(RUN)
    if step[0] == "time out":
        return RunTimedOut(RUN, 0)
    if step[0] == "advance":
        return QueueAdvanced(RUN)
    if step[0] == "due":
        return scheduled.pop() if scheduled else None
    attempts = (*course.run.tasks, *course.run.iterations)
    target = attempts[step[1] % len(attempts)]
    has_work = target.state.life_cycle in {"PENDING", "QUEUED", "RUNNING", "TERMINATING"}
    match step:
        case ("end", _, state) if has_work and not course.run.iterations_of(target):
            return TaskEnded(RUN, target.run_id, state)
        case ("loop", _, count) if target.state.life_cycle == "PENDING" and not target.parent:
            return IterationsStarted(RUN, target.run_id, {"task_key": "each"}, [0] * count, 2)
        case ("start", _) if has_work:
            return TaskStarted(RUN, target.run_id)
        case ("queue", _) if has_work:
            return TaskQueued(RUN, target.run_id)
        case ("cancel task", _):
            return TaskCancelRequested(RUN, target.run_id)
        case ("time out task", _):
            return TaskTimedOut(RUN, target.run_id)
    return None


@settings(max_examples=200, deadline=None)
@given(specs(), STEPS, st.integers(0, 1))
def test_any_course_of_events_keeps_the_invariants(
    tasks: list[dict[str, Any]], steps: list[tuple[Any, ...]], running_runs: int
) -> None:
    run = job_run(*tasks)
    course = Course(run)
    course.apply(RunSubmitted(run, may_queue=True), running_runs=running_runs)
    begun: list[int] = [each.task_id for each in course.effects if isinstance(each, StartTask)]
    scheduled: list[Event] = []
    for step in steps:
        if (event := event_of(step, course, scheduled)) is None:
            continue
        before, untouched = course.run, copy.deepcopy(course.run)
        effects = course.apply(event)
        assert before == untouched
        begun += [each.task_id for each in effects if isinstance(each, StartTask)]
        scheduled += [each.event for each in effects if isinstance(each, ScheduleEvent)]
        check(before, course.run, effects)
    assert len(begun) == len(set(begun))


def check(before: JobRun, after: JobRun, effects: tuple[Effect, ...]) -> None:
    was = {each.run_id: each for each in (*before.tasks, *before.iterations)}
    now = {each.run_id: each for each in (*after.tasks, *after.iterations)}
    assert was.keys() <= now.keys()
    for run_id, attempt in was.items():
        if attempt.state.is_terminal:
            assert now[run_id] is attempt
    latest = after.latest_attempts().values()
    assert after.is_active is not all(each.state.is_terminal for each in latest)
    has_ended = before.is_active and not after.is_active
    assert (AdvanceQueue(JOB) in effects) is has_ended or before.state.life_cycle == "QUEUED"
    for effect in effects:
        if isinstance(effect, StartTask):
            assert now[effect.task_id].state.life_cycle == "PENDING"
        if isinstance(effect, StopTask):
            assert now[effect.task_id].state.life_cycle == "TERMINATING"
