"""The phases of a run: the queue, and the set-up and the execution of each task. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from .durations import age_of, duration_of
from .outcome import SUCCESSES, has_ended, life_cycle_of, outcome_of, select_last_attempts

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run, RunTask

#: The names of the time in the queue, and of that from there to the end of the run.
QUEUE = "queue"
RUN = "run"

#: The name of a phase that ends at a moment which nothing predicts.
UNKNOWN = ""

#: Fewer past durations than this predict nothing.
MIN_DURATIONS = 3

#: The most tasks of a run whose phases are kept: a page of the Jobs API.
MAX_TASKS = 100

#: Seconds that the phases of past runs took, by the name of the phase, in no particular order.
PhaseDurations = Mapping[str, Sequence[float]]


class Phase(NamedTuple):
    """A phase of a run.

    :param seconds: how long it took, or has taken so far.
    """

    name: str
    seconds: float


def setup_of(task_key: str) -> str:
    """Return the name of the phase in which the compute of a task starts."""
    return f"setup {task_key}"


def execution_of(task_key: str) -> str:
    """Return the name of the phase from the set-up of a task to its end."""
    return f"execution {task_key}"


def ended_phases(run: Run | BaseRun) -> Iterator[Phase]:
    """Return the phases of an ended run, except those of failures: they predict nothing."""
    duration = duration_of(run)
    if duration is not None and outcome_of(run) in SUCCESSES:
        yield Phase(RUN, duration)
    if run.queue_duration:
        yield Phase(QUEUE, run.queue_duration / 1000)
    for task in (run.tasks or [])[:MAX_TASKS]:
        duration = duration_of(task)
        if duration is not None and outcome_of(task) in SUCCESSES:
            setup = min(duration, (task.setup_duration or 0) / 1000)
            if setup:
                yield Phase(setup_of(task.task_key), setup)
            yield Phase(execution_of(task.task_key), round(duration - setup, 3))


def active_phases(run: Run | BaseRun, durations: PhaseDurations, now: float) -> list[Phase]:
    """Return the current phases. When one of them ends, the run has a new state.

    :param durations: of past runs of the job.
    :param now: seconds since the epoch.
    """
    age, life_cycle = age_of(run, now), life_cycle_of(run)
    if life_cycle == "QUEUED":
        return [Phase(QUEUE, age)]
    unended = [task for task in select_last_attempts(run.tasks) if not has_ended(task)]
    phases = [
        active_phase_of(task, age, durations, now)
        for task in unended
        if life_cycle_of(task) != "BLOCKED"  # it waits for the end of another task
    ]
    if any(is_predictable(phase.name, durations) for phase in phases):
        return phases
    whole = Phase(RUN, age)
    if life_cycle == "RUNNING" and len(unended) <= 1:
        return [whole]  # only its end can be a new state
    return [*(phases or [Phase(UNKNOWN, age)]), whole]


def active_phase_of(task: RunTask, run_age: float, durations: PhaseDurations, now: float) -> Phase:
    """Return the current phase of an active task.

    :param run_age: seconds; that of a task without a start.
    """
    age = age_of(task, now) if task.start_time else run_age
    setup, life_cycle = setup_of(task.task_key), life_cycle_of(task)
    if life_cycle == "PENDING":
        return Phase(setup, age)
    if life_cycle != "RUNNING":
        return Phase(UNKNOWN, age)
    seconds = (task.setup_duration or 0) / 1000 or median(durations.get(setup) or [0.0])
    return Phase(execution_of(task.task_key), max(0.0, age - seconds))


def is_predictable(phase_name: str, durations: PhaseDurations) -> bool:
    """Return whether past runs say how long a phase may take."""
    return len(durations.get(phase_name, ())) >= MIN_DURATIONS
