"""The small pieces of text: words, times, lengths of time. Pure.

Colours fall away where there is no terminal: click takes them out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from ..outcome import Outcome, duration_of, has_ended

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import RunTask

    from ..outcome import AnyRun

COLOURS: Mapping[Outcome, str] = {
    Outcome.SUCCEEDED: "green",
    Outcome.SUCCEEDED_WITH_FAILURES: "yellow",
    Outcome.FAILED: "red",
    Outcome.INTERNAL_ERROR: "red",
    Outcome.TIMED_OUT: "red",
    Outcome.CANCELED: "yellow",
    Outcome.TERMINATING: "yellow",
    Outcome.WAITING_FOR_RETRY: "yellow",
    Outcome.RUNNING: "cyan",
    Outcome.UNKNOWN: "magenta",
}


def word(outcome: Outcome) -> str:
    """An outcome as one word, in its colour.

    :param outcome: of a run or a task.
    """
    return click.style(outcome.name, fg=COLOURS.get(outcome))


def clock_time(milliseconds: int) -> str:
    """The local time of day.

    :param milliseconds: since the epoch.
    """
    return f"{dt.datetime.fromtimestamp(milliseconds / 1000):%H:%M:%S}"


def date_and_time(milliseconds: int | None) -> str:
    """The local date and time; nothing where there is none.

    :param milliseconds: since the epoch; the Jobs API has 0 for a moment that has not come.
    """
    return (
        f"{dt.datetime.fromtimestamp(milliseconds / 1000):%Y-%m-%d %H:%M:%S}"
        if milliseconds
        else ""
    )


def duration(milliseconds: int | None) -> str:
    """A length of time in its two greatest units; nothing where there is none.

    :param milliseconds: how long.
    """
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, second = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {second:02} s"
    hours, minute = divmod(minutes, 60)
    return f"{hours} h {minute:02} min"


def whole_seconds(milliseconds: float) -> str:
    """A length of time that grows while somebody looks on: nothing finer than a second.

    :param milliseconds: how long.
    """
    seconds = int(max(0.0, milliseconds) / 1000)
    return f"{seconds} s" if seconds < 60 else duration(seconds * 1000)


def iterations(task: RunTask) -> str:
    """How far a task has come that runs once for each of several inputs; nothing of others.

    :param task: it.
    """
    loop = task.for_each_task
    stats = loop.stats.task_run_stats if loop and loop.stats else None
    if stats is None or not stats.total_iterations:
        return ""
    failed = f", {stats.failed_iterations} failed" if stats.failed_iterations else ""
    return f"{stats.completed_iterations or 0} of {stats.total_iterations} iterations{failed}"


def length_of(run: AnyRun) -> int | None:
    """How long an ended run or task took, in milliseconds, waiting in a queue not counted.

    :param run: a run or a task, as the SDK has it.
    """
    if not has_ended(run):
        return None
    if seconds := duration_of(run):
        return round(seconds * 1000)
    phases = (run.setup_duration, run.execution_duration, run.cleanup_duration)
    return run.run_duration or sum(phase or 0 for phase in phases) or None


def one_line(text: str | None) -> str:
    """A message without line breaks.

    :param text: as the workspace says it.
    """
    return " ".join((text or "").split())
