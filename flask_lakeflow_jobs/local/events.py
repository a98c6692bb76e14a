"""The events that the engine handles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .model import JobRun, Settings
from .states import State


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request to start a run.

    :param parameters: the job's parameters, each ``name``, ``default`` and, if set, ``value``.
    :param overriding: task parameters by the field of run-now.
    :param only: the keys of the tasks to run; all, if empty.
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

    :param settings: the current settings of the job, which the run has from then on.
    :param keys: the keys of the tasks to run again.
    """

    settings: Settings
    keys: frozenset[str]
    parameters: list[dict[str, str]] = field(default_factory=list)
    overriding: dict[str, Any] = field(default_factory=dict)
    performance_target: str = ""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """An event of one run."""

    run_id: int


@dataclass(frozen=True, slots=True)
class TaskEvent(RunEvent):
    """An event of one attempt of a task."""

    task_id: int


# Events of a run


@dataclass(frozen=True, slots=True)
class RunSubmitted:
    """A new run is to be started, queued or skipped."""

    run: JobRun
    token: str | None = None
    may_queue: bool = False


class QueueAdvanced(RunEvent):
    """A queued run is the first of its job's queue, and another run of the job has ended."""


class CancelRequested(RunEvent):
    """A run is to be canceled."""


@dataclass(frozen=True, slots=True)
class RunTimedOut(RunEvent):
    """The ``timeout_seconds`` of a run have passed.

    :param repairs: the number of repairs when the time began; a repair starts over.
    """

    repairs: int


@dataclass(frozen=True, slots=True)
class RepairRequested(RunEvent):
    """A run that has ended is to be repaired."""

    repair_id: int
    request: RepairRequest


@dataclass(frozen=True, slots=True)
class NestedRunEnded(RunEvent):
    """A run that a ``run_job_task`` of this run has started has ended."""

    nested_run_id: int
    state: State


class WorkspaceRestarted(RunEvent):
    """The workspace stopped while the run was active; its processes are gone."""


# Events of a task


@dataclass(frozen=True, slots=True)
class TaskPrepared(TaskEvent):
    """The references in a task's settings are resolved."""

    resolved: Settings


class TaskQueued(TaskEvent):
    """A task waits because the maximum number of processes is running."""


@dataclass(frozen=True, slots=True)
class TaskStarted(TaskEvent):
    """A task's process runs, or the run that it starts has been submitted."""

    nested_run_id: int = 0


@dataclass(frozen=True, slots=True)
class IterationsStarted(TaskEvent):
    """The inputs of a for-each task are resolved.

    :param spec: the settings of the task to repeat.
    :param concurrency: the maximum number of iterations that run at once.
    """

    spec: Settings
    inputs: list[Any]
    concurrency: int


@dataclass(frozen=True, slots=True)
class TaskEnded(TaskEvent):
    """A task has ended, or could not start.

    :param output: the output of the task, as ``runs/get-output`` returns it.
    """

    state: State
    output: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    outcome: str = ""


class RetryDue(TaskEvent):
    """The time until the next attempt has passed."""


class TaskTimedOut(TaskEvent):
    """The ``timeout_seconds`` of a task have passed."""


class TaskCancelRequested(TaskEvent):
    """One attempt of a task is to be canceled."""


Event = RunSubmitted | RunEvent
