"""Starts and durations of runs and tasks, and durations as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .outcome import NEVER_STARTED, SUCCESSES, has_ended, outcome_of

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run, RunTask
    from .outcome import AnyRun

#: The phases in order, each with the field that has its milliseconds.
PHASES = (
    ("queue", "queue_duration"),
    ("setup", "setup_duration"),
    ("run", "execution_duration"),
    ("cleanup", "cleanup_duration"),
)


def duration_of(run: AnyRun) -> float | None:
    """Return the seconds that a run or a task took; ``None`` while it is active, or if unknown.

    The time in the queue, and between the end of the run and a repair, does not count.
    """
    if not has_ended(run):
        return None
    took: int | None = None
    if run.start_time and run.end_time:
        took = max(0, run.end_time - run.start_time - (run.queue_duration or 0))
        # "it took the job run and all of its repairs" (Jobs API, Run)
        took = min(took, run.run_duration or took)
    phases = (run.setup_duration, run.execution_duration, run.cleanup_duration)
    took = took or run.run_duration or sum(phase or 0 for phase in phases) or took
    return None if took is None else took / 1000


def age_of(run: AnyRun, now: float) -> float:
    """Return the seconds since a run left the queue, or entered it if it has not left it.

    :param now: seconds since the epoch.
    """
    counts_from = counts_from_of(run)
    return 0.0 if counts_from is None else max(0.0, now - counts_from / 1000)


def counts_from_of(run: AnyRun) -> int | None:
    """Return since when the duration of a run counts: since it left the queue, or entered it.

    :return: milliseconds since the epoch; ``None``: it has not started.
    """
    return run.start_time + (run.queue_duration or 0) if run.start_time else None


def end_of(run: AnyRun) -> int | None:
    """Return when a run or a task ended, or else its start: one that never ran may have no end.

    :return: milliseconds since the epoch; ``None``: it has not ended, or has no times.
    """
    return (run.end_time or run.start_time) if has_ended(run) else None


def length_of(run: Run | BaseRun, now: float) -> float | None:
    """Return the milliseconds that a run took, or has taken so far; ``None`` before its start.

    :param now: milliseconds since the epoch.
    """
    if not run.start_time:
        return None
    return 1000 * ((duration_of(run) or 0.0) if has_ended(run) else age_of(run, now / 1000))


def counts_from_of_efforts(efforts: Sequence[Run], now: float) -> int | None:
    """Return since when the duration of a run counts while it is repaired.

    The time between an end and the next repair does not count. The Jobs API leaves it out only once
    the repair has ended.

    :param efforts: the original run and its repairs, oldest first.
    :param now: milliseconds since the epoch.
    :return: milliseconds since the epoch; ``None``: there is no repair, or it has not started.
    """
    counts_from = counts_from_of(efforts[-1]) if len(efforts) > 1 else None
    if counts_from is None:
        return None
    return counts_from - int(sum(length_of(each, now) or 0 for each in efforts[:-1]))


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
    :param length: milliseconds that it took, or has taken so far, without its time in the queue.
    :param counts_from: since when these count.
    """

    started: int | None
    ended: int | None
    length: float | None
    counts_from: int | None


def times_of(task: RunTask, now: float) -> Times:
    """Return the times of an attempt.

    :param now: milliseconds since the epoch.
    """
    began, counts_from = task.start_time or None, counts_from_of(task)
    over = end_of(task) or None
    if counts_from is None or never_started(task):
        return Times(None, over, None, None)
    length = max(0.0, (now if over is None else over) - counts_from)
    return Times(began, over, length, counts_from)


#: Durations that differ by less are the same: it is noise.
MIN_CHANGE_MILLISECONDS = 50


def format_change(milliseconds: float | None) -> str:
    """Format the difference of two durations, such as ``+1.2 s``.

    :param milliseconds: ``None``, if they cannot be compared, is formatted as an empty string.
    """
    if milliseconds is None:
        return ""
    if abs(milliseconds) < MIN_CHANGE_MILLISECONDS:
        return "the same"
    return ("+" if milliseconds > 0 else "-") + format_duration(abs(milliseconds) / 1000)


def format_duration(seconds: float | None, *, whole_seconds: bool = False) -> str:
    """Format a duration in its two largest units, such as ``12.3 s`` or ``2 h 3 min``.

    :param seconds: ``None`` is formatted as an empty string, a negative duration as zero.
    :param whole_seconds: omit fractions of a second, for a duration that is still growing.
    """
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    if not whole_seconds and seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if not whole_seconds and seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, second = divmod(int(seconds) if whole_seconds else round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour} h"
    if hours:
        return f"{hours} h {minute} min"
    return f"{minutes} min {second} s" if minutes else f"{second} s"
