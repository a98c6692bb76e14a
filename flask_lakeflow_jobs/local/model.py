"""What the workspace remembers of a run: plain records that go to the store and back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from flask_lakeflow_jobs.local.states import BLOCKED, PENDING, State

Settings = dict[str, Any]
"""A job's or a task's settings, as the Jobs API spells them."""


@dataclass(slots=True)
class TaskRun:
    """One attempt of one task. Times are milliseconds since the epoch, durations milliseconds."""

    run_id: int
    spec: Settings
    attempt: int = 0
    state: State = BLOCKED
    start_time: int = 0
    end_time: int = 0
    queue_duration: int = 0
    setup_duration: int = 0
    execution_duration: int = 0
    cleanup_duration: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    resolved: Settings = field(default_factory=dict)
    outcome: str = ""

    @property
    def key(self) -> str:
        """The task's key in its job."""
        return str(self.spec["task_key"])

    def to_record(self) -> dict[str, Any]:
        """This attempt as JSON can hold it."""
        return _to_record(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> TaskRun:
        """The attempt that :meth:`to_record` described."""
        return cls(**{**record, "state": State(*record["state"])})


@dataclass(slots=True)
class JobRun:
    """One run of a job (or of a one-time submission, with ``job_id`` 0)."""

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
    repairs: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[TaskRun] = field(default_factory=list)
    revision: int = 0

    @property
    def is_active(self) -> bool:
        """Whether anything of this run may still change by itself."""
        return not self.state.is_terminal

    def latest_attempts(self) -> dict[str, TaskRun]:
        """The newest attempt of each task, by key, in the order of the job."""
        return {task.key: task for task in self.tasks}

    def to_record(self) -> dict[str, Any]:
        """This run without its tasks, which the store keeps one by one."""
        record = _to_record(self)
        del record["tasks"], record["revision"]
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any], tasks: list[TaskRun]) -> JobRun:
        """The run that :meth:`to_record` described, with its tasks."""
        return cls(**{**record, "state": State(*record["state"])}, tasks=tasks)


def _to_record(item: JobRun | TaskRun) -> dict[str, Any]:
    record = {each.name: getattr(item, each.name) for each in fields(item)}
    state = item.state
    record["state"] = [state.life_cycle, state.result, state.code, state.message]
    return record
