"""The events that the engine handles, and the effects that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..model import JobRun, Settings
from ..states import State


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request to start a run.

    :param parameters: the job's parameters, each ``name``, ``default`` and, if set, ``value``.
    :param overriding: task parameters by the field of run-now.
    :param only: the keys of the tasks to run; all, if empty.
    :param token: the idempotency token.
    :param may_queue: whether the run waits if its job has reached its limit of runs.
    :param performance_target: overrides the target of the settings, if not empty.
    """

    job_id: int
    name: str
    creator: str
    settings: Settings
    parameters: list[dict[str, str]] = field(default_factory=list)
    overriding: dict[str, Any] = field(default_factory=dict)
    only: frozenset[str] = frozenset()
    token: str | None = None
    run_type: str = "JOB_RUN"
    trigger: str = "ONE_TIME"
    may_queue: bool = False
    performance_target: str = ""


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """A request to run tasks of a run that has ended again.

    :param settings: the current settings of the job.
    :param keys: the keys of the tasks to run again.
    """

    settings: Settings
    keys: frozenset[str]
    parameters: list[dict[str, str]] = field(default_factory=list)
    overriding: dict[str, Any] = field(default_factory=dict)
    performance_target: str = ""


# Events of a run


@dataclass(frozen=True, slots=True)
class RunSubmitted:
    """A new run is to be started, queued or skipped."""

    run: JobRun
    token: str | None = None
    may_queue: bool = False

    @property
    def run_id(self) -> int:
        """The id of the new run."""
        return self.run.run_id


@dataclass(frozen=True, slots=True)
class QueueAdvanced:
    """A queued run is the first of its job's queue, and another run of the job has ended."""

    run_id: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A run is to be canceled."""

    run_id: int


@dataclass(frozen=True, slots=True)
class RunTimedOut:
    """The ``timeout_seconds`` of a run have passed.

    :param repairs: the number of repairs when the time began; a repair starts over.
    """

    run_id: int
    repairs: int


@dataclass(frozen=True, slots=True)
class RepairRequested:
    """A run that has ended is to be repaired."""

    run_id: int
    repair_id: int
    request: RepairRequest


@dataclass(frozen=True, slots=True)
class NestedRunEnded:
    """A run that a ``run_job_task`` of this run has started has ended."""

    run_id: int
    nested_run_id: int
    state: State


@dataclass(frozen=True, slots=True)
class WorkspaceRestarted:
    """The workspace stopped while the run was active; its processes are gone."""

    run_id: int


# Events of a task


@dataclass(frozen=True, slots=True)
class TaskPrepared:
    """The references in a task's settings are resolved."""

    run_id: int
    task_id: int
    resolved: Settings


@dataclass(frozen=True, slots=True)
class TaskQueued:
    """A task waits because the maximum number of processes is running."""

    run_id: int
    task_id: int


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A task's process runs, or the run that it starts has been submitted."""

    run_id: int
    task_id: int
    nested_run_id: int = 0


@dataclass(frozen=True, slots=True)
class IterationsStarted:
    """The inputs of a for-each task are resolved.

    :param spec: the settings of the task to repeat.
    :param concurrency: the maximum number of iterations that run at once.
    """

    run_id: int
    task_id: int
    spec: Settings
    inputs: list[Any]
    concurrency: int


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task has ended, or could not start.

    :param output: the output of the task, as ``runs/get-output`` returns it.
    """

    run_id: int
    task_id: int
    state: State
    output: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class RetryDue:
    """The time until the next attempt has passed."""

    run_id: int
    task_id: int


@dataclass(frozen=True, slots=True)
class TaskTimedOut:
    """The ``timeout_seconds`` of a task have passed."""

    run_id: int
    task_id: int


@dataclass(frozen=True, slots=True)
class TaskCancelRequested:
    """One attempt of a task is to be canceled."""

    run_id: int
    task_id: int


TaskEvent = (
    TaskPrepared
    | TaskQueued
    | TaskStarted
    | IterationsStarted
    | TaskEnded
    | RetryDue
    | TaskTimedOut
    | TaskCancelRequested
)
Event = (
    RunSubmitted
    | QueueAdvanced
    | CancelRequested
    | RunTimedOut
    | RepairRequested
    | NestedRunEnded
    | WorkspaceRestarted
    | TaskEvent
)


# Effects


@dataclass(frozen=True, slots=True)
class StartTask:
    """Start the work of a task."""

    task_id: int


@dataclass(frozen=True, slots=True)
class StopTask:
    """Stop the work of a task."""

    task_id: int


@dataclass(frozen=True, slots=True)
class ScheduleEvent:
    """Submit an event at a time.

    :param when: seconds since the epoch.
    """

    when: float
    event: Event


@dataclass(frozen=True, slots=True)
class SendEvent:
    """Submit an event of another run."""

    event: Event


@dataclass(frozen=True, slots=True)
class AdvanceQueue:
    """Let the next queued run of a job begin if the limit allows it."""

    job_id: int


Effect = StartTask | StopTask | ScheduleEvent | SendEvent | AdvanceQueue
