"""Runs, jobs and errors as lines for people. Pure."""
# MERGED """The small pieces of text: words, times, lengths of time. Pure.
#
# Colours fall away where there is no terminal: click takes them out.
# """

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidParameters, LakeflowJobsError
from ..runs.durations import duration_of, format_duration
from ..runs.ids import normalize_page_url
from ..runs.outcome import Outcome, has_ended, outcome_of, parse_state, select_last_attempts
from ..runs.redaction import remove_dbt_headers

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..runs.explanation import Explanation, FailedTask
    from ..runs.outcome import AnyRun, RunStatus
    from ..sdk_types import BaseRun, Run, RunOutput, RunTask

TRUNCATED = "[truncated]"


# ── what changed ──────────────────────────────────────────────────────────────────────────────────


def news(before: RunStatus | None, now: RunStatus) -> list[str]:
    """What is new in a state of a run, a line per change; tasks that only wait are no news.

    :param before: the state that was told last, if there is one.
    :param now: the state.
    """
    time = clock_time(now.timestamp)
    tasks = select_last_attempts(now.run.tasks)
    width = max((len(task.task_key) for task in tasks), default=0)
    told = {
        task.task_key: _stage(task)
        for task in select_last_attempts(before.run.tasks if before else None)
    }
    lines = [
        f"{time}    {task.task_key:<{width}}  {_task_news(task)}"
        for task in sorted(tasks, key=lambda task: task.end_time or task.start_time or 0)
        if told.get(task.task_key) != _stage(task)
        and not (task.task_key not in told and outcome_of(task) is Outcome.BLOCKED)
    ]
    run_line = f"{time}  {_run_news(now)}"
    if before is None or _run_news(before) != _run_news(now):
        return [*lines, run_line] if now.is_terminal else [run_line, *lines]
    return lines


def _stage(task: RunTask) -> tuple[int, Outcome]:
    return task.attempt_number or 0, outcome_of(task)


def _run_news(status: RunStatus) -> str:
    outcome = status.outcome
    # RUNNING says it all, and why a run ended so is told at its end
    says_more = outcome is not Outcome.RUNNING and not status.is_terminal
    message = one_line(parse_state(status.run).message) if says_more else ""
    return _spaced(outcome, format_duration(final_duration(status.run)), message)


def _task_news(task: RunTask) -> str:
    attempt = f"attempt {task.attempt_number + 1}" if task.attempt_number else ""
    return _spaced(outcome_of(task), format_duration(final_duration(task)), attempt)


def _spaced(outcome: Outcome, *more: str) -> str:
    padding = " " * max(0, len(Outcome.SUCCEEDED.name) - len(outcome.name))
    return "  ".join([format_outcome(outcome) + padding, *filter(None, more)]).rstrip()


# ── what came out ─────────────────────────────────────────────────────────────────────────────────


def output_lines(tasks: Iterable[RunTask] | None, outputs: Mapping[str, RunOutput]) -> list[str]:
    """What the tasks of a run left: of one task bare, of several each under its name, in the order
    in which they ended. Tasks that left nothing are not named.

    :param tasks: as the run has them.
    :param outputs: by task key.
    """
    ended = {task.task_key: task.end_time or 0 for task in select_last_attempts(tasks)}
    keys = sorted(outputs, key=lambda key: ended.get(key, 0))
    texts = {key: text for key in keys if (text := output_text(outputs[key]))}
    if len(outputs) == 1:
        return list(texts.values())
    return [line for key, text in texts.items() for line in ("=======", f"Task {key}:", text)]


def output_text(output: RunOutput) -> str:
    """What one task left, as text.

    :param output: as the SDK has it.
    """
    notebook = output.notebook_output
    if notebook is not None and notebook.result is not None:
        return _cut(notebook.result, notebook.truncated)
    if output.logs:
        return _cut(output.logs, output.logs_truncated)
    for name, value in remove_dbt_headers(output.as_dict()).items():
        if name.endswith("_output") and value:
            # In words, where the workspace has any, as the local one has a query's rows.
            return (output.info or json.dumps(value, indent=2)).removesuffix("\n")
    return ""


def _cut(text: str, truncated: bool | None) -> str:
    text = text.removesuffix("\n")
    return f"{text}\n{TRUNCATED}" if truncated else text


# ── what went wrong ───────────────────────────────────────────────────────────────────────────────


def failure_lines(explanation: Explanation) -> list[str]:
    """The tasks that a run failed by, each with its error and where it was raised.

    :param explanation: why the run failed.
    """
    return [line for task in explanation.tasks for line in _failed_task_lines(task)]


def _failed_task_lines(task: FailedTask) -> Iterator[str]:
    attempt = f", attempt {task.attempt + 1}" if task.attempt else ""
    yield f"Task {task.task_key}: {format_outcome(task.outcome)}{attempt}"
    error = (task.error or task.message or task.termination_code or "").strip()
    trace = (task.error_trace or "").rstrip()
    if error and error not in trace:
        yield f"  {error}"
    yield from (f"  {line}" for line in trace.splitlines())


def error_lines(error: LakeflowJobsError) -> list[str]:
    """An error's sentence, and what is wrong by field where the sentence does not say so itself.

    :param error: it.
    """
    lines = [error.detail]
    if isinstance(error, InvalidParameters):
        lines += [
            f"  {field}: {message}" if field else f"  {message}"
            for field, message in _messages(error.messages)
            if message not in error.detail
        ]
    return lines


def _messages(messages: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Flatten marshmallow's messages: fields within fields, items within lists."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            # marshmallow has what concerns no single field under '_schema'
            path = field if name == "_schema" else f"{field}.{name}".lstrip(".")
            yield from _messages(inner, path)
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _messages(inner, field)
    else:
        yield field, str(messages)


# ── tables ────────────────────────────────────────────────────────────────────────────────────────


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as they have to be.

    :param header: a name per column.
    :param rows: a text per column; colours do not count.
    """
    cells = [list(header), *map(list, rows)]
    widths = [
        max(len(click.unstyle(cell)) for cell in column) for column in zip(*cells, strict=True)
    ]
    return [
        "  ".join(
            cell + " " * (width - len(click.unstyle(cell)))
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]


def job_lines(jobs: Iterable[Job]) -> list[str]:
    """The jobs of an app.

    :param jobs: them.
    """
    return table(
        ["KEY", "JOB ID", "TASK TYPE", "RUNS AS", "DESCRIPTION"],
        (
            [job.key, str(job.job_id), job.task_type or "", job.run_as, one_line(job.description)]
            for job in jobs
        ),
    )


def run_rows(runs: Iterable[BaseRun]) -> list[str]:
    """Runs of a job, one a line.

    :param runs: them.
    """
    return table(
        ["RUN ID", "OUTCOME", "STARTED", "DURATION", "BY", "URL"],
        (
            [
                str(run.run_id),
                format_outcome(outcome_of(run)),
                date_and_time(run.start_time),
                format_duration(final_duration(run)),
                run.creator_user_name or "",
                normalize_page_url(run.run_page_url) or "",
            ]
            for run in runs
        ),
    )


def run_lines(key: str, run: Run | BaseRun) -> list[str]:
    """One run, a fact a line, and its tasks.

    :param key: the job's.
    :param run: as the SDK has it.
    """
    facts = {
        "Run": f"{run.run_id} of {key}",
        "Outcome": format_outcome(outcome_of(run)),
        "Message": one_line(parse_state(run).message),
        "Started": date_and_time(run.start_time),
        "Ended": date_and_time(run.end_time),
        "Duration": format_duration(final_duration(run)),
        "By": run.creator_user_name or "",
        "Run URL": normalize_page_url(run.run_page_url) or "",
    }
    lines = [f"{name + ':':<10}{value}" for name, value in facts.items() if value]
    tasks = select_last_attempts(run.tasks)
    if not tasks:
        return lines
    return [
        *lines,
        "",
        *table(
            ["TASK", "OUTCOME", "ATTEMPT", "STARTED", "DURATION"],
            (
                [
                    task.task_key,
                    format_outcome(outcome_of(task)),
                    str((task.attempt_number or 0) + 1),
                    date_and_time(task.start_time),
                    format_duration(final_duration(task)),
                ]
                for task in tasks
            ),
        ),
    ]


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


def format_outcome(outcome: Outcome) -> str:
    """Format an outcome in its colour."""
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


def final_duration(run: AnyRun) -> float | None:
    """Return the seconds that an ended run or task took, without its time in the queue."""
    if not has_ended(run):
        return None
    if seconds := duration_of(run):
        return seconds
    phases = (run.setup_duration, run.execution_duration, run.cleanup_duration)
    milliseconds = run.run_duration or sum(phase or 0 for phase in phases)
    return milliseconds / 1000 if milliseconds else None


def one_line(text: str | None) -> str:
    """A message without line breaks.

    :param text: as the workspace says it.
    """
    return " ".join((text or "").split())
