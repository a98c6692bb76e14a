"""Reports of progress about one run: the newest of each task, and what a state shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from ..clock import CLOCK_SKEW_SECONDS
from .outcome import has_ended
from .progress import Progress, RunProgress

#: Reports that are kept of one run; the newest ones, each of another task.
MAX_REPORTS = 100

#: In place of a task key: the report is about the run as a whole.
WHOLE_RUN = ""

#: The newest report of each task, by task key, and that of the run under :data:`WHOLE_RUN`.
Reports: TypeAlias = Mapping[str, Progress]


def order_report(report: Progress, earlier: Reports) -> Progress:
    """Return a report with a timestamp after those of the earlier ones.

    The clocks of processes differ, and may be put back. A report that seemed old would be dropped.
    """
    newest = max((each.timestamp for each in earlier.values()), default=0)
    return replace(report, timestamp=max(report.timestamp, newest + 1))


def merge_reports(*sources: Reports) -> dict[str, Progress]:
    """Return the newest report of each task, and of as many tasks as are kept."""
    newest: dict[str, Progress] = {}
    for reports in sources:
        for key, report in reports.items():
            if key not in newest or report.timestamp >= newest[key].timestamp:
                newest[key] = report
    kept = sorted(newest.items(), key=lambda item: item[1].timestamp)[-MAX_REPORTS:]
    return dict(kept)


def parse_reports(stored: Any) -> dict[str, Progress]:
    """Read stored reports, and ignore those of another shape."""
    parsed = [Progress.parse(each) for each in stored] if isinstance(stored, list) else []
    return {report.task or WHOLE_RUN: report for report in parsed if report is not None}


def reports_of(progress: RunProgress | None) -> dict[str, Progress]:
    """Return the reports that a run's progress was selected from, as far as it shows them."""
    if progress is None:
        return {}
    first = Progress(progress.percent, progress.message, progress.task, progress.timestamp)
    return {**progress.tasks, progress.task or WHOLE_RUN: first}


def select_progress(run: Mapping[str, Any], reports: Reports) -> RunProgress | None:
    """Return what a run's state shows of the reports about it.

    A run that has ended shows none. A task shows its report only while it is active, and a new
    attempt nothing of the attempt before.

    :param run: the document of the Jobs API.
    :return: ``None`` if there is nothing to show.
    """
    if not reports or has_ended(run):
        return None
    tasks = {
        key: report
        for key, task in sorted(_active_attempts(run).items())
        if (report := reports.get(key)) and report.timestamp >= _earliest_report(task)
    }
    newest = max(tasks.values(), key=lambda each: each.timestamp, default=None)
    first = reports.get(WHOLE_RUN) or newest
    if first is None:
        return None
    return RunProgress(**vars(first), tasks=tasks)


def _earliest_report(task: Mapping[str, Any]) -> int:
    """Return the moment from which a report can be about an attempt."""
    if not task.get("attempt_number"):  # whatever the clock says: there was none before
        return 0
    return (task.get("start_time") or 0) - round(CLOCK_SKEW_SECONDS * 1000)


def _active_attempts(run: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the last attempt of each task that has one, by task key, unless it has ended."""
    attempts = sorted(run.get("tasks") or (), key=lambda task: task.get("attempt_number") or 0)
    last = {task.get("task_key") or "": task for task in attempts}
    return {key: task for key, task in last.items() if not has_ended(task)}
