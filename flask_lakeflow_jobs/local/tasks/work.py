"""The work that a task amounts to once its references are resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..model import Settings
from ..states import State
from .packages import Requirements


class CannotRun(Exception):
    """A task that cannot run here. The message becomes the state message of its run."""


@dataclass(frozen=True, slots=True)
class ProcessWork:
    """Work for a process of its own.

    :param payload: the input of the process; see ``task_process.main``.
    :param requirements: the packages that it needs.
    """

    payload: dict[str, Any]
    requirements: Requirements = field(default_factory=Requirements)


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """An evaluated condition.

    :param outcome: "true" or "false".
    """

    outcome: str


@dataclass(frozen=True, slots=True)
class NestedRun:
    """A run of another job.

    :param fields: its parameters, by the fields of run-now.
    """

    job_id: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ForEach:
    """The same task for each of several inputs.

    :param concurrency: the maximum number of iterations that run at once.
    """

    spec: Settings
    inputs: list[Any]
    concurrency: int


@dataclass(frozen=True, slots=True)
class SimulatedWork:
    """A duration and a result instead of code."""

    seconds: float
    state: State
    output: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


Work = ProcessWork | ConditionResult | NestedRun | ForEach | SimulatedWork
