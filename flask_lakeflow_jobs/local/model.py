"""Runs as the workspace keeps them: immutable records that go to the store and back."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .states import BLOCKED, PENDING, State
from .task_kinds import TASK_KINDS

#: The settings of a job or a task, as the Jobs API spells them.
Settings = dict[str, Any]

#: The lists of a job's settings, and the key that tells their items apart.
LIST_KEYS = {
    "environments": "environment_key",
    "job_clusters": "job_cluster_key",
    "parameters": "name",
    "tasks": "task_key",
}
#: The settings that start runs of a job by themselves, and can be paused.
TRIGGER_FIELDS = ("schedule", "trigger", "continuous", "triggers")

#: The ``format`` of a job: with a list of tasks, or created without one.
MULTI_TASK = "MULTI_TASK"
SINGLE_TASK = "SINGLE_TASK"


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One attempt of one task. Times are milliseconds since the epoch, durations milliseconds.

    :param attempt: counts all attempts of the task in its run, from 0.
    :param retry: counts the attempts since the run was started or repaired, from 0.
    :param ending: "CANCELED" or "TIMEDOUT" once the attempt is asked to stop.
    :param rows: the result rows of a SQL task, as far as other tasks may refer to them.
    :param outcome: the result of a condition: "true" or "false".
    :param nested_run_id: the run that a ``run_job_task`` has started.
    :param concurrency: the maximum number of iterations of a for-each task that run at once.
    :param parent: the for-each attempt to which an iteration belongs.
    :param index: the position of an iteration's input.
    :param item: the input of an iteration.
    """

    run_id: int
    spec: Settings
    attempt: int = 0
    retry: int = 0
    state: State = BLOCKED
    ending: str = ""
    start_time: int = 0
    end_time: int = 0
    queue_duration: int = 0
    setup_duration: int = 0
    execution_duration: int = 0
    cleanup_duration: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    resolved: Settings = field(default_factory=dict)
    outcome: str = ""
    nested_run_id: int = 0
    concurrency: int = 0
    parent: int = 0
    index: int = 0
    item: Any = None

    @property
    def key(self) -> str:
        """The task's key in its job."""
        return str(self.spec["task_key"])

    def to_record(self) -> dict[str, Any]:
        """Return this attempt as JSON, without its settings, which never change."""
        return _to_record(self, _TASK_FIELDS)

    @classmethod
    def from_record(cls, record: dict[str, Any], spec: Settings) -> TaskRun:
        """Restore an attempt from the result of :meth:`to_record`."""
        return cls(**{**record, "state": State(*record["state"])}, spec=spec)


@dataclass(frozen=True, slots=True)
class Repair:
    """The original part of a run, or one repair of it.

    :param repair_id: 0 for the original part.
    """

    repair_id: int
    start_time: int
    task_run_ids: tuple[int, ...] = ()
    state: State = PENDING
    end_time: int = 0


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job, or of a one-time submission.

    :param tasks: all attempts of its tasks, a later attempt after an earlier one.
    :param iterations: all attempts of the iterations of its for-each tasks.
    :param parameters: the job's parameters: ``name``, ``default`` and, if set, ``value``.
    :param overriding: the task parameters of run-now, by field.
    :param ending: "CANCELED" or "TIMEDOUT" once the run is asked to stop.
    :param repairs: the original part and the repairs, the oldest first; empty without repairs.
    :param started_by: the run whose ``run_job_task`` has started this one.
    :param performance_target: overrides the target of the job's settings; empty if not set.
    """

    run_id: int
    job_id: int
    name: str
    creator: str
    settings: Settings
    start_time: int
    run_type: str = "JOB_RUN"
    trigger: str = "ONE_TIME"
    state: State = PENDING
    end_time: int = 0
    queue_duration: int = 0
    parameters: list[dict[str, str]] = field(default_factory=list)
    overriding: dict[str, Any] = field(default_factory=dict)
    ending: str = ""
    repairs: tuple[Repair, ...] = ()
    started_by: int = 0
    performance_target: str = ""
    tasks: tuple[TaskRun, ...] = ()
    iterations: tuple[TaskRun, ...] = ()

    @property
    def is_active(self) -> bool:
        return not self.state.is_terminal

    @property
    def max_concurrent_runs(self) -> int:
        """The maximum number of runs of the job that run at once."""
        return int(self.settings.get("max_concurrent_runs", 1))

    def latest_attempts(self) -> dict[str, TaskRun]:
        """Return the latest attempt of each task by key, in the order of the job."""
        return {task.key: task for task in self.tasks}

    def iterations_of(self, task: TaskRun) -> list[TaskRun]:
        """Return all attempts of the iterations of a for-each task."""
        return [each for each in self.iterations if each.parent == task.run_id]

    def first_try_of(self, task: TaskRun) -> TaskRun:
        """Return the attempt of which this one is a retry, or itself. A repair starts over."""
        place = (task.key, task.parent, task.index, task.attempt - task.retry)
        attempts = self.iterations if task.parent else self.tasks
        return next(
            each for each in attempts if (each.key, each.parent, each.index, each.attempt) == place
        )

    def attempt(self, run_id: int) -> TaskRun:
        """Return the attempt with this id."""
        return next(task for task in (*self.tasks, *self.iterations) if task.run_id == run_id)

    def to_record(self) -> dict[str, Any]:
        """Return this run as JSON, without its settings and tasks, which the store keeps apart."""
        return {
            **_to_record(self, _RUN_FIELDS),
            "repairs": [_to_record(each, _REPAIR_FIELDS) for each in self.repairs],
        }

    @classmethod
    def from_record(
        cls, record: dict[str, Any], settings: Settings, attempts: list[TaskRun]
    ) -> JobRun:
        """Restore a run from the result of :meth:`to_record` and its attempts."""
        repairs = tuple(
            Repair(
                **{
                    **each,
                    "task_run_ids": tuple(each["task_run_ids"]),
                    "state": State(*each["state"]),
                }
            )
            for each in record["repairs"]
        )
        return cls(
            **{**record, "state": State(*record["state"]), "repairs": repairs},
            settings=settings,
            tasks=tuple(task for task in attempts if not task.parent),
            iterations=tuple(task for task in attempts if task.parent),
        )


_TASK_FIELDS = tuple(each.name for each in fields(TaskRun) if each.name != "spec")
_REPAIR_FIELDS = tuple(each.name for each in fields(Repair))
_RUN_FIELDS = tuple(
    each.name
    for each in fields(JobRun)
    if each.name not in {"settings", "tasks", "iterations", "repairs"}
)


def _to_record(item: JobRun | TaskRun | Repair, names: tuple[str, ...]) -> dict[str, Any]:
    record = {name: getattr(item, name) for name in names}
    state = item.state
    record["state"] = [state.life_cycle, state.result, state.code, state.message]
    return record


#: The operators of a ``condition_task``.
TEXT_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "EQUAL_TO": operator.eq,
    "NOT_EQUAL": operator.ne,
}
NUMBER_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}
OPERATORS = (*TEXT_OPERATORS, *NUMBER_OPERATORS)

RUN_IF_RULES = (
    "ALL_SUCCESS",
    "ALL_DONE",
    "NONE_FAILED",
    "AT_LEAST_ONE_SUCCESS",
    "ALL_FAILED",
    "AT_LEAST_ONE_FAILED",
)


def mappings(value: Any) -> list[Any]:
    """Return the mappings in a list of settings, without its other items."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with all strings in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_texts(each, change) for each in value]
    if isinstance(value, dict):
        return {key: map_texts(each, change) for key, each in value.items()}
    return value


def kind_of(task: Settings) -> str:
    """Return the kind of a task whose settings are valid."""
    return next(key for key in task if key in TASK_KINDS)
