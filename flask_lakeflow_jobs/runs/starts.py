"""Starts and durations of tasks, and their phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .outcome import SUCCESSES, Outcome, has_ended, outcome_of

if TYPE_CHECKING:
    from ..sdk_types import RunTask

#: The phases in order, each with the field that has its milliseconds.
PHASES = (
    ("queue", "queue_duration"),
    ("setup", "setup_duration"),
    ("run", "execution_duration"),
    ("cleanup", "cleanup_duration"),
)

#: Outcomes of a task that never started.
NEVER_STARTED = frozenset(
    {
        Outcome.SKIPPED,
        Outcome.UPSTREAM_FAILED,
        Outcome.UPSTREAM_CANCELED,
        Outcome.EXCLUDED,
        Outcome.DISABLED,
    }
)


def never_started(task: RunTask) -> bool:
    """Return whether a task ended without a start, also if the Jobs API gives it a start time.

    A task that was ended while it waited has failed in no time, without any phase.
    """
    outcome = outcome_of(task)
    if outcome in NEVER_STARTED:
        return True
    if not has_ended(task) or outcome in SUCCESSES or not task.start_time:
        return False
    has_phase = any(getattr(task, field, None) for _, field in PHASES)
    return (task.end_time or 0) <= task.start_time and not has_phase


class Times(NamedTuple):
    """The times of an attempt of a task, in milliseconds since the epoch.

    :param started: ``None``: it has not started, or never will.
    :param ended: ``None``: it has not ended.
    :param length: milliseconds that it took, or has taken so far.
    """

    started: int | None
    ended: int | None
    length: float | None


def times_of(task: RunTask, now: float) -> Times:
    """Return the times of an attempt.

    :param now: milliseconds since the epoch.
    """
    began = task.start_time or None
    over = (task.end_time or began) if has_ended(task) else None
    if began is None or never_started(task):
        return Times(None, over, None)
    return Times(began, over, max(0.0, (now if over is None else over) - began))
