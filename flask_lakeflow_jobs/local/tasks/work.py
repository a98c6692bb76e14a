"""What a kind of task asks of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_lakeflow_jobs.local.files import WorkspaceFiles
from flask_lakeflow_jobs.local.model import Settings
from flask_lakeflow_jobs.local.states import State


class CannotRun(Exception):
    """A task that cannot run here. The message becomes the state message of its run."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What surrounds a task when it starts.

    :param files: the files of the workspace.
    :param job_parameters: the job's parameters with the values of this run.
    :param overriding: the task parameters that run-now gave (``notebook_params`` …).
    :param task_values: what earlier tasks have set, by task key.
    """

    files: WorkspaceFiles
    job_parameters: Mapping[str, str]
    overriding: Mapping[str, Any]
    task_values: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ProcessWork:
    """Work for a process of its own.

    :param order: what the process is told; see ``lakeflow_child.main``.
    """

    order: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """A condition, already decided.

    :param outcome: "true" or "false".
    """

    outcome: str


@dataclass(frozen=True, slots=True)
class NestedRun:
    """A run of another job.

    :param fields: the parameters for it, by run-now's fields.
    """

    job_id: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Repetition:
    """The same task for each of several inputs.

    :param concurrency: how many may run at once.
    """

    spec: Settings
    inputs: list[Any]
    concurrency: int


@dataclass(frozen=True, slots=True)
class ScriptedWork:
    """A part to play: no code runs, but time passes and an end comes.

    :param seconds: how long it takes.
    """

    seconds: float
    ending: State
    output: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


Work = ProcessWork | Decision | NestedRun | Repetition | ScriptedWork
