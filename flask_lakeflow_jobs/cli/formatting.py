"""Jobs, runs, comparisons and errors as text for people. Pure.

Text may be colored; click removes the colors if the output is not a terminal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from ..errors import InvalidParameters, LakeflowJobsError
from ..record.requesters import NO_ACTIONS
from ..runs.durations import (
    age_of,
    duration_of,
    format_change,
    format_duration,
    never_started,
)
from ..runs.iterations import count_iterations
from ..runs.outcome import Outcome, has_ended, outcome_of, parse_state, select_last_attempts
from ..runs.output_parts import drop_repeated
from ..runs.params import flatten_messages
from ..text import join_lines
from .tables import format_table

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..record.requesters import RunAction, RunActions
    from ..runs.comparison import Comparison
    from ..runs.explanation import Explanation, FailedTask
    from ..runs.matrix import MatrixCell
    from ..runs.outcome import AnyRun, RunStatus
    from ..runs.progress import Progress
    from ..sdk_types import BaseRun, Run, RunTask

COLORS: Mapping[Outcome, str] = {
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


def format_outcome(outcome: Outcome) -> str:
    return click.style(outcome.name, fg=COLORS.get(outcome))


def format_time_of_day(milliseconds: int) -> str:
    """Format a time since the epoch as the local time of day."""
    return f"{dt.datetime.fromtimestamp(milliseconds / 1000):%H:%M:%S}"


def format_datetime(milliseconds: int | None) -> str:
    """Format a time since the epoch as the local date and time.

    :param milliseconds: ``None``, or 0 in the Jobs API, gives an empty text.
    """
    if not milliseconds:
        return ""
    return f"{dt.datetime.fromtimestamp(milliseconds / 1000):%Y-%m-%d %H:%M:%S}"


def format_moment(milliseconds: int | None) -> str:
    """Format a time as :func:`format_datetime` does, with the name of the time zone.

    The name is that of the time's own season, such as ``CEST`` in summer.
    """
    if not milliseconds:
        return ""
    return f"{format_datetime(milliseconds)} {_zone_of(milliseconds)}"


def local_zones(moments: Iterable[int | None]) -> str:
    """Return the names of this machine's time zone at some times, such as ``CET`` or ``CEST/CET``.

    :param moments: milliseconds since the epoch; without any, the name is that of now.
    """
    names = dict.fromkeys(_zone_of(moment) for moment in moments if moment)
    return "/".join(names) or dt.datetime.now().astimezone().tzname() or "local"


def _zone_of(milliseconds: int) -> str:
    return dt.datetime.fromtimestamp(milliseconds / 1000).astimezone().tzname() or "local"


def format_final_duration(run: AnyRun) -> str:
    """Format the duration of a run or task; the text is empty until it has ended."""
    return format_duration(duration_of(run) or None)


def format_elapsed(run: AnyRun, now: float, counts_from: int | None = None) -> str:
    """Format the duration of a run or task, so far if it has not ended.

    :param now: seconds since the epoch.
    :param counts_from: since when the duration counts, in milliseconds since the epoch, if the run
        is repaired right now.
    """
    if has_ended(run):
        return format_final_duration(run)
    age = age_of(run, now) if counts_from is None else now - counts_from / 1000
    return format_duration(age, whole_seconds=True) if run.start_time else ""


def format_attempt(task: RunTask) -> str:
    """Format the number of a task's attempt; the text is empty for the first one."""
    return f"attempt {task.attempt_number + 1}" if task.attempt_number else ""


def format_iterations(task: RunTask) -> str:
    """Format the progress of a ``for_each_task``; the text is empty for other tasks."""
    counts = count_iterations(task)
    if counts is None:
        return ""
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"{counts.done} of {counts.total} iterations{failed}"


def format_wait_reason(status: RunStatus) -> str:
    """Format why a run is not running yet; the text is empty for any other run."""
    if status.outcome is Outcome.RUNNING or status.is_terminal:
        return ""
    return join_lines(parse_state(status.run).message)


def format_progress(report: Progress | None) -> str:
    """Format a report of progress; the text is empty if there is none."""
    return f"{int(report.percent)} %  {report.message}".rstrip() if report is not None else ""


def format_explanation(explanation: Explanation) -> list[str]:
    """Format the tasks that made a run fail, each with its error and traceback.

    Tasks of a canceled run mostly say the same as the run, and are left out.
    """
    return [
        line
        for task in explanation.tasks
        for line in _format_failed_task(task, explanation.message)
    ]


def _format_failed_task(task: FailedTask, run_message: str) -> Iterator[str]:
    error = (task.error or task.message or task.termination_code or "").strip()
    trace = (task.error_trace or "").rstrip()
    if error and error == run_message.strip() and not trace:
        return
    attempt = f", attempt {task.attempt + 1}" if task.attempt else ""
    yield f"Task {task.task_key}: {format_outcome(task.outcome)}{attempt}"
    if new := drop_repeated(error, trace):
        yield f"  {new}"
    yield from (f"  {line}" for line in trace.splitlines())


def format_error(error: LakeflowJobsError) -> str:
    """Format an error, with a line for each invalid field that its message does not mention."""
    lines = [error.detail]
    if isinstance(error, InvalidParameters):
        lines += [
            f"  {'.'.join(map(str, path))}: {message}" if path else f"  {message}"
            for path, message in flatten_messages(error.messages)
            if message.rstrip(".").lower() not in error.detail.lower()
        ]
    return "\n".join(lines)


def format_jobs(
    jobs: Iterable[Job],
    newest: Mapping[str, BaseRun],
    now: float,
    *,
    is_wide: bool,
    width: int | None,
) -> list[str]:
    """Format the jobs of an app as a table.

    :param newest: the newest run of each job that has one, by the job's key.
    :param now: seconds since the epoch.
    :param is_wide: with all columns.
    :param width: as for :func:`.format_table`.
    """
    more = ["JOB ID", "TASK TYPE", "RUNS AS"] if is_wide else []
    zones = local_zones(run.start_time for run in newest.values())
    return format_table(
        [
            "KEY",
            "LAST RUN",
            f"STARTED ({zones})",
            "DURATION",
            *more,
            "DESCRIPTION",
        ],
        (
            [
                job.key,
                format_outcome(outcome_of(run)) if (run := newest.get(job.key)) else "",
                format_datetime(run.start_time) if run else "",
                format_elapsed(run, now) if run else "",
                *([str(job.job_id), job.task_type or "", job.run_as] if is_wide else []),
                job.description or "",
            ]
            for job in jobs
        ),
        width,
    )


def format_runs(
    runs: Sequence[BaseRun],
    actions: Mapping[int, RunActions],
    now: float,
    details: Sequence[tuple[Mapping[str, str], str]] = (),
    *,
    width: int | None = None,
) -> list[str]:
    """Format the runs of a job as a table.

    :param actions: who started each run, if the app knows that, by run id.
    :param now: seconds since the epoch.
    :param details: the parameters of each run, without secrets, and the address of its page; empty:
        without them.
    :param width: as for :func:`.format_table`.
    """
    zones = local_zones(run.start_time for run in runs)
    header = ["RUN ID", "OUTCOME", f"STARTED ({zones})", "DURATION", "BY"]
    more = [
        (" ".join(f"{name}={value}" for name, value in parameters.items()), page)
        for parameters, page in details
    ]
    return format_table(
        [*header, "PARAMETERS", "URL"] if more else header,
        (
            [
                str(run.run_id),
                format_outcome(outcome_of(run)),
                format_datetime(run.start_time),
                format_elapsed(run, now),
                actions.get(run.run_id or 0, NO_ACTIONS).started_by or run.creator_user_name or "",
                *(more[number] if more else ()),
            ]
            for number, run in enumerate(runs)
        ),
        width,
    )


def format_run(
    key: str,
    run: Run | BaseRun,
    actions: RunActions = NO_ACTIONS,
    now: float = 0.0,
    url: str | None = None,
    *,
    counts_from: int | None = None,
    parameters: Mapping[str, str] | None = None,
    width: int | None = None,
) -> list[str]:
    """Format a run, one fact per line, and tables of its parameters and tasks.

    :param actions: who started, canceled and repaired it, if the app knows that.
    :param now: seconds since the epoch.
    :param url: the address of its page.
    :param counts_from: as for :func:`format_elapsed`.
    :param parameters: without secrets.
    :param width: as for :func:`.format_table`, of the tables.
    """
    facts = {
        "Run": f"{run.run_id} of {key}",
        "Outcome": format_outcome(outcome_of(run)),
        # a canceled run has a line of its own below, with the name
        "Message": "" if actions.cancel else join_lines(parse_state(run).message),
        "Started": format_moment(run.start_time),
        "Ended": format_moment(run.end_time),
        "Duration": format_elapsed(run, now, counts_from),
        "By": actions.started_by or run.creator_user_name or "",
        "Canceled": _format_action(actions.cancel),
        "Repaired": "; ".join(map(_format_action, actions.repairs)),
        "Run URL": url or "",
    }
    lines = [f"{name + ':':<10}{value}" for name, value in facts.items() if value]
    if parameters:
        rows = ([name, join_lines(value)] for name, value in parameters.items())
        lines += ["", *format_table(["PARAMETER", "VALUE"], rows, width)]
    if tasks := select_last_attempts(run.tasks):
        lines += ["", *_format_tasks(tasks, now, width)]
    return lines


def _format_action(action: RunAction | None) -> str:
    return f"by {action.name}, {format_moment(action.at)}" if action is not None else ""


def _format_tasks(tasks: Sequence[RunTask], now: float, width: int | None) -> list[str]:
    zones = local_zones(task.start_time for task in tasks)
    return format_table(
        ["TASK", "OUTCOME", "ATTEMPT", f"STARTED ({zones})", "DURATION"],
        (
            [
                task.task_key,
                format_outcome(outcome_of(task)),
                str((task.attempt_number or 0) + 1),
                "" if never_started(task) else format_datetime(task.start_time),
                "" if never_started(task) else format_elapsed(task, now),
            ]
            for task in tasks
        ),
        width,
    )


def format_comparison(compared: Comparison, width: int | None) -> list[str]:
    """Format two runs side by side: facts and parameters, then tasks.

    :param width: as for :func:`.format_table`.
    """
    runs, now = compared.runs, compared.now / 1000
    facts = [
        ["Run", *(str(run.run_id) for run in runs), ""],
        ["Outcome", *(format_outcome(outcome_of(run)) for run in runs), ""],
        ["Started", *(format_moment(run.start_time) for run in runs), ""],
        [
            "Duration",
            *(format_elapsed(run, now) for run in runs),
            format_change(compared.change),
        ],
    ]
    facts += [
        [
            each.name,
            *("-" if value is None else value for value in each.values),
            "differs" if each.differs else "",
        ]
        for each in compared.parameters
    ]
    tasks = [
        [task.key, *map(_format_compared_task, task.cells), format_change(task.change)]
        for task in compared.tasks
    ]
    header = ["EARLIER RUN", "LATER RUN", "CHANGE"]
    pairs = zip(runs, compared.errors, strict=True)
    return [
        *format_table(["", *header], facts, width),
        *(f"Error of run {run.run_id}: {error}" for run, error in pairs if error),
        "",
        *format_table(["TASK", *header], tasks, width),
    ]


def _format_compared_task(cell: MatrixCell | None) -> str:
    if cell is None:
        return "-"
    length = None if cell.length is None else cell.length / 1000
    text = format_duration(length, whole_seconds=cell.ended is None)
    return f"{format_outcome(cell.outcome)} {text}".rstrip()
