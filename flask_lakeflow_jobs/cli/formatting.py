"""Runs, jobs and errors as text for people. Pure.

Text may be colored; click removes the colors if the output is not a terminal.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidParameters, LakeflowJobsError
from ..runs.durations import duration_of, format_duration
from ..runs.ids import normalize_page_url
from ..runs.outcome import Outcome, has_ended, outcome_of, parse_state, select_last_attempts
from ..runs.redaction import remove_dbt_headers
from ..runs.reports import reports_of
from .tables import format_table

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..runs.explanation import Explanation, FailedTask
    from ..runs.outcome import AnyRun, RunStatus
    from ..runs.progress import Progress
    from ..sdk_types import BaseRun, Run, RunOutput, RunTask

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
    """Format an outcome in its color."""
    return click.style(outcome.name, fg=COLORS.get(outcome))


def format_time(milliseconds: int) -> str:
    """Format a time since the epoch as the local time of day."""
    return f"{dt.datetime.fromtimestamp(milliseconds / 1000):%H:%M:%S}"


def format_datetime(milliseconds: int | None) -> str:
    """Format a time since the epoch as the local date and time.

    :param milliseconds: ``None``, or 0 in the Jobs API, gives an empty text.
    """
    if not milliseconds:
        return ""
    return f"{dt.datetime.fromtimestamp(milliseconds / 1000):%Y-%m-%d %H:%M:%S}"


def local_zone() -> str:
    """Return the name of this machine's time zone, such as ``CET``."""
    return dt.datetime.now().astimezone().tzname() or "local"


def final_duration(run: AnyRun) -> float | None:
    """Return the seconds that an ended run or task took, without its time in the queue."""
    if not has_ended(run):
        return None
    if seconds := duration_of(run):
        return seconds
    phases = (run.setup_duration, run.execution_duration, run.cleanup_duration)
    milliseconds = run.run_duration or sum(phase or 0 for phase in phases)
    return milliseconds / 1000 if milliseconds else None


def format_final_duration(run: AnyRun) -> str:
    """Format the duration of a run or task; the text is empty until it has ended."""
    return format_duration(final_duration(run))


def format_attempt(task: RunTask) -> str:
    """Format the number of a task's attempt; the text is empty for the first one."""
    return f"attempt {task.attempt_number + 1}" if task.attempt_number else ""


def format_iterations(task: RunTask) -> str:
    """Format the progress of a ``for_each_task``; the text is empty for other tasks."""
    loop = task.for_each_task
    stats = loop.stats.task_run_stats if loop and loop.stats else None
    if stats is None or not stats.total_iterations:
        return ""
    failed = f", {stats.failed_iterations} failed" if stats.failed_iterations else ""
    # The Jobs API counts canceled iterations as completed, and as failed.
    done = stats.succeeded_iterations if has_ended(task) else stats.completed_iterations
    return f"{done or 0} of {stats.total_iterations} iterations{failed}"


def join_lines(text: str | None) -> str:
    """Put a message of the workspace on one line."""
    return " ".join((text or "").split())


def format_wait_reason(status: RunStatus) -> str:
    """Format why a run is not running yet; the text is empty for any other run."""
    if status.outcome is Outcome.RUNNING or status.is_terminal:
        return ""
    return join_lines(parse_state(status.run).message)


def format_progress(report: Progress | None) -> str:
    """Format a report of progress; the text is empty if there is none."""
    return f"{int(report.percent)} %  {report.message}".rstrip() if report is not None else ""


def _format_new_progress(previous: RunStatus | None, current: RunStatus) -> list[str]:
    """Format the reports that have changed, one line each."""
    before = reports_of(previous.progress if previous else None)
    new = [
        report
        for key, report in reports_of(current.progress).items()
        if format_progress(before.get(key)) != format_progress(report)
    ]
    return [
        "  ".join([format_time(report.timestamp), *filter(None, [report.task]), line])
        for report in sorted(new, key=lambda each: (each.timestamp, each.task or ""))
        if (line := format_progress(report))
    ]


def format_update(previous: RunStatus | None, current: RunStatus) -> list[str]:
    """Format what changed in a run, one line for the run, for each task, and for each report.

    Tasks that were blocked from the start are left out. The line of a run that has ended is last.
    """
    time = format_time(current.timestamp)
    tasks = select_last_attempts(current.run.tasks)
    width = max((len(task.task_key) for task in tasks), default=0)
    before = {
        task.task_key: _stage_of(task)
        for task in select_last_attempts(previous.run.tasks if previous else None)
    }
    lines = [
        f"{time}    {task.task_key:<{width}}  {_format_task_state(task)}"
        for task in sorted(tasks, key=lambda task: task.end_time or task.start_time or 0)
        if before.get(task.task_key) != _stage_of(task)
        and not (task.task_key not in before and outcome_of(task) is Outcome.BLOCKED)
    ]
    lines += _format_new_progress(previous, current)
    run_state = _format_run_state(current)
    if previous is None or _format_run_state(previous) != run_state:
        run_line = f"{time}  {run_state}"
        return [*lines, run_line] if current.is_terminal else [run_line, *lines]
    return lines


def _stage_of(task: RunTask) -> tuple[int, Outcome]:
    return task.attempt_number or 0, outcome_of(task)


def _format_run_state(status: RunStatus) -> str:
    duration = format_final_duration(status.run)
    return _format_state(status.outcome, duration, format_wait_reason(status))


def _format_task_state(task: RunTask) -> str:
    return _format_state(outcome_of(task), format_final_duration(task), format_attempt(task))


def _format_state(outcome: Outcome, *details: str) -> str:
    padding = " " * max(0, len(Outcome.SUCCEEDED.name) - len(outcome.name))
    return "  ".join([format_outcome(outcome) + padding, *filter(None, details)]).rstrip()


def format_outputs(tasks: Iterable[RunTask] | None, outputs: Mapping[str, RunOutput]) -> list[str]:
    """Format the outputs of a run, in the order in which its tasks ended.

    The output of several tasks is printed under their keys; empty outputs are left out.

    :param outputs: by task key.
    """
    end_times = {task.task_key: task.end_time or 0 for task in select_last_attempts(tasks)}
    keys = sorted(outputs, key=lambda key: end_times.get(key, 0))
    texts = {key: text for key in keys if (text := _format_output(outputs[key]))}
    if len(outputs) == 1:
        return list(texts.values())
    return [line for key, text in texts.items() for line in ("=======", f"Task {key}:", text)]


def _format_output(output: RunOutput) -> str:
    notebook = output.notebook_output
    if notebook is not None and notebook.result is not None:
        return _format_logs(notebook.result, notebook.truncated)
    if output.logs:
        return _format_logs(output.logs, output.logs_truncated)
    for name, value in remove_dbt_headers(output.as_dict()).items():
        if name.endswith("_output") and value:
            # ``info`` has the same as text, such as the rows of a query on the local workspace
            return (output.info or json.dumps(value, indent=2)).removesuffix("\n")
    return ""


def format_task_log(task: RunTask, output: RunOutput) -> list[str]:
    """Format what a task wrote under a heading, with its error and traceback."""
    attempt = f", {format_attempt(task)}" if task.attempt_number else ""
    duration = f" after {text}" if (text := format_final_duration(task)) else ""
    lines = [f"=== {task.task_key}: {format_outcome(outcome_of(task))}{attempt}{duration}"]
    lines += filter(None, [_format_output(output)])
    # A script's traceback is in its log too, and the error is the last line of the traceback.
    for part in (output.error_trace, output.error):
        if part and part.strip() not in "\n".join(lines):
            lines.append(part.rstrip())
    return lines


def _format_logs(text: str, truncated: bool | None) -> str:
    text = text.removesuffix("\n")
    return f"{text}\n[truncated]" if truncated else text


def format_explanation(explanation: Explanation) -> list[str]:
    """Format the tasks that made a run fail, each with its error and traceback."""
    return [line for task in explanation.tasks for line in _format_failed_task(task)]


def _format_failed_task(task: FailedTask) -> Iterator[str]:
    attempt = f", attempt {task.attempt + 1}" if task.attempt else ""
    yield f"Task {task.task_key}: {format_outcome(task.outcome)}{attempt}"
    error = (task.error or task.message or task.termination_code or "").strip()
    trace = (task.error_trace or "").rstrip()
    if error and error not in trace:
        yield f"  {error}"
    yield from (f"  {line}" for line in trace.splitlines())


def format_error(error: LakeflowJobsError) -> str:
    """Format an error, with a line for each invalid field that its message does not mention."""
    lines = [error.detail]
    if isinstance(error, InvalidParameters):
        lines += [
            f"  {field}: {message}" if field else f"  {message}"
            for field, message in _flatten_messages(error.messages)
            if message not in error.detail
        ]
    return "\n".join(lines)


def _flatten_messages(messages: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Flatten the messages of marshmallow, which nests fields in fields and items in lists."""
    if isinstance(messages, Mapping):
        for name, nested in messages.items():
            # marshmallow puts errors of several fields under '_schema'
            path = field if name == "_schema" else f"{field}.{name}".lstrip(".")
            yield from _flatten_messages(nested, path)
    elif isinstance(messages, list | tuple):
        for nested in messages:
            yield from _flatten_messages(nested, field)
    else:
        yield field, str(messages)


def format_jobs(
    jobs: Iterable[Job],
    newest: Mapping[str, BaseRun],
    *,
    is_wide: bool = False,
    width: int | None = None,
) -> list[str]:
    """Format the jobs of an app as a table.

    :param newest: the newest run of each job that has one, by the job's key.
    :param is_wide: with all columns.
    :param width: as for :func:`.format_table`.
    """
    more = ["TASK TYPE", "RUNS AS"] if is_wide else []
    return format_table(
        ["KEY", "LAST RUN", f"STARTED ({local_zone()})", "JOB ID", *more, "DESCRIPTION"],
        (
            [
                job.key,
                format_outcome(outcome_of(run)) if (run := newest.get(job.key)) else "",
                format_datetime(run.start_time) if run else "",
                str(job.job_id),
                *([job.task_type or "", job.run_as] if is_wide else []),
                job.description or "",
            ]
            for job in jobs
        ),
        width,
    )


def format_runs(
    runs: Iterable[BaseRun], *, is_wide: bool = False, width: int | None = None
) -> list[str]:
    """Format the runs of a job as a table.

    :param is_wide: with the address of each run's page.
    :param width: as for :func:`.format_table`.
    """
    header = ["RUN ID", "OUTCOME", f"STARTED ({local_zone()})", "DURATION", "BY"]
    return format_table(
        [*header, "URL"] if is_wide else header,
        (
            [
                str(run.run_id),
                format_outcome(outcome_of(run)),
                format_datetime(run.start_time),
                format_final_duration(run),
                run.creator_user_name or "",
                *([normalize_page_url(run.run_page_url) or ""] if is_wide else []),
            ]
            for run in runs
        ),
        width,
    )


def format_run(key: str, run: Run | BaseRun) -> list[str]:
    """Format a run, one fact per line, and a table of its tasks."""
    facts = {
        "Run": f"{run.run_id} of {key}",
        "Outcome": format_outcome(outcome_of(run)),
        "Message": join_lines(parse_state(run).message),
        "Started": format_datetime(run.start_time),
        "Ended": format_datetime(run.end_time),
        "Duration": format_final_duration(run),
        "By": run.creator_user_name or "",
        "Run URL": normalize_page_url(run.run_page_url) or "",
    }
    lines = [f"{name + ':':<10}{value}" for name, value in facts.items() if value]
    if tasks := select_last_attempts(run.tasks):
        lines += ["", *_format_tasks(tasks)]
    return lines


def _format_tasks(tasks: Iterable[RunTask]) -> list[str]:
    return format_table(
        ["TASK", "OUTCOME", "ATTEMPT", f"STARTED ({local_zone()})", "DURATION"],
        (
            [
                task.task_key,
                format_outcome(outcome_of(task)),
                str((task.attempt_number or 0) + 1),
                format_datetime(task.start_time),
                format_final_duration(task),
            ]
            for task in tasks
        ),
    )
