"""The updates of a run that is followed, as lines of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runs.outcome import Outcome, outcome_of, select_last_attempts
from ..runs.progress_reports import reports_of
from .formatting import (
    format_attempt,
    format_final_duration,
    format_outcome,
    format_progress,
    format_time_of_day,
    format_wait_reason,
)
from .printing import print_progress

if TYPE_CHECKING:
    from ..runs.outcome import RunStatus
    from ..sdk_types import RunTask


class LineDisplay:
    """One line per update, for logs and pipes."""

    def __init__(self) -> None:
        self._previous: RunStatus | None = None

    def __enter__(self) -> LineDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        """Printed lines stay."""

    def show(self, status: RunStatus) -> None:
        print_progress(format_update(self._previous, status))
        self._previous = status


def format_update(previous: RunStatus | None, current: RunStatus) -> list[str]:
    """Format what changed in a run, one line for the run, for each task, and for each report.

    Tasks that were blocked from the start are left out. The line of a run that has ended is last.
    """
    time = format_time_of_day(current.timestamp)
    tasks = _select_new_attempts(previous, current)
    width = max((len(task.task_key) for task in current.run.tasks or ()), default=0)
    lines = [
        f"{time}    {task.task_key:<{width}}  {_format_task_state(task)}"
        for task in sorted(tasks, key=lambda task: task.end_time or task.start_time or 0)
    ]
    lines += _format_new_progress(previous, current)
    run_state = _format_run_state(current)
    if previous is None or _format_run_state(previous) != run_state:
        run_line = f"{time}  {run_state}"
        return [*lines, run_line] if current.is_terminal else [run_line, *lines]
    return lines


def _format_new_progress(previous: RunStatus | None, current: RunStatus) -> list[str]:
    before = reports_of(previous.progress if previous else None)
    new = [
        report
        for key, report in reports_of(current.progress).items()
        if format_progress(before.get(key)) != format_progress(report)
    ]
    return [
        "  ".join([format_time_of_day(report.timestamp), *filter(None, [report.task]), line])
        for report in sorted(new, key=lambda each: (each.timestamp, each.task or ""))
        if (line := format_progress(report))
    ]


def _select_new_attempts(previous: RunStatus | None, current: RunStatus) -> list[RunTask]:
    """Select the attempts that have changed; an attempt may begin and fail between two polls.

    Of the first state, only the last attempts count: others are older than this display.
    """
    if previous is None:
        return [
            task
            for task in select_last_attempts(current.run.tasks)
            if outcome_of(task) is not Outcome.BLOCKED
        ]
    before = {_attempt_of(task): outcome_of(task) for task in previous.run.tasks or ()}
    return [
        task
        for task in current.run.tasks or ()
        if before.get(_attempt_of(task), Outcome.BLOCKED) is not outcome_of(task)
    ]


def _attempt_of(task: RunTask) -> tuple[str, int]:
    return task.task_key, task.attempt_number or 0


def _format_run_state(status: RunStatus) -> str:
    duration = format_final_duration(status.run)
    return _format_state(status.outcome, duration, format_wait_reason(status))


def _format_task_state(task: RunTask) -> str:
    return _format_state(outcome_of(task), format_final_duration(task), format_attempt(task))


def _format_state(outcome: Outcome, *details: str) -> str:
    padding = " " * max(0, len(Outcome.SUCCEEDED.name) - len(outcome.name))
    return "  ".join([format_outcome(outcome) + padding, *filter(None, details)]).rstrip()
