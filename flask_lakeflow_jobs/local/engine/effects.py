"""The effects that follow from events, once their changes are committed."""

from __future__ import annotations

from dataclasses import dataclass

from ..events import Event


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
