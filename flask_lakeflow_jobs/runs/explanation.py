"""Explanations of failed runs. Pure, except for the task reader that is passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..errors import LakeflowJobsError
from ..text import MAX_ERROR_CHARS, clean_line, first_line
from .outcome import Outcome, classify, find_root_causes, is_root_cause, parse_state
from .redaction import SecretOverrides, redact_progress_tokens, redact_text

if TYPE_CHECKING:
    from ..sdk_types import Run, RunOutput, RunTask
    from .outcome import RunOrDocument, StateFields

T = TypeVar("T")


@dataclass(frozen=True)
class FailedTask:
    """A task that made a run fail.

    :param task_key: the task's key.
    :param run_id: the id of the task's last attempt.
    :param attempt: the number of that attempt, counted from 0.
    :param outcome: the task's outcome.
    :param error: the error in one line. For a for-each task, the most common errors of its
        iterations, or else the first; for a task that runs a job, the run to look up.
    :param error_trace: the stack trace; for a for-each task, that of its first failed iteration.
    :param termination_code: the code of the Jobs API.
    :param message: the workspace's message.
    :param url: the page of the task's run.
    """

    task_key: str
    run_id: int | None
    attempt: int
    outcome: Outcome
    error: str | None
    error_trace: str | None
    termination_code: str | None
    message: str
    url: str | None


@dataclass(frozen=True)
class Explanation:
    """Why a run failed.

    :param run_id: the run's id.
    :param outcome: the run's outcome.
    :param tasks: the tasks that made it fail, in the order of their ends. Empty if it did not fail
        because of a task. Those after the first five have no error and no trace.
    :param termination_code: the code of the Jobs API.
    :param message: the workspace's message.
    :param url: the run's page.
    """

    run_id: int | None
    outcome: Outcome
    tasks: list[FailedTask]
    termination_code: str | None
    message: str
    url: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation for JSON."""
        return asdict(self)


class TaskReader(Protocol):
    """Reads more about a failed task. Each method may raise a :exc:`LakeflowJobsError`."""

    def read_output(self, task: RunTask) -> RunOutput: ...

    def read_iterations(self, task: RunTask) -> Sequence[RunTask]:
        """Return the iterations of a for-each task, with all attempts."""

    def run_concurrently(
        self, read: Callable[[RunTask], FailedTask], items: Sequence[RunTask]
    ) -> list[FailedTask]:
        """Call a function for each of several tasks, and return the results in their order."""


#: Tasks whose errors are read. Those that failed later mostly failed for the same reasons.
MAX_READ_TASKS = 5


def explain_run(
    run: Run, reader: TaskReader, document: Mapping[str, Any] | None = None
) -> Explanation:
    """Explain why a run failed. The errors of the first :data:`MAX_READ_TASKS` tasks are read.

    :param run: the run with all its tasks.
    :param document: the run as a document of the Jobs API, which may have states that the SDK does
        not know.
    """
    documents: dict[int | None, RunOrDocument] = {
        task.run_id: task_document
        for task, task_document in zip(
            run.tasks or (), (document or {}).get("tasks") or (), strict=False
        )
    }
    state = parse_state(document or run)

    def explain(task: RunTask, reader: TaskReader | None = None) -> FailedTask:
        return _explain_task(task, parse_state(documents.get(task.run_id, task)), reader)

    causes = find_root_causes(run.tasks)
    first, others = causes[:MAX_READ_TASKS], causes[MAX_READ_TASKS:]
    explain_with_output = partial(explain, reader=reader)
    tasks = _read_if_possible(lambda: reader.run_concurrently(explain_with_output, first))
    return Explanation(
        run_id=run.run_id,
        outcome=classify(state),
        tasks=[*(map(explain, first) if tasks is None else tasks), *map(explain, others)],
        termination_code=state.termination_code,
        message=state.message,
        url=run.run_page_url,
    )


def find_root_error(run: Run, reader: TaskReader, overrides: SecretOverrides) -> str:
    """Return the error of the first task that made a run fail, in one line; empty without one.

    :param overrides: of the job, see :func:`.redaction.redact`.
    """
    for task in find_root_causes(run.tasks)[:1]:
        error = _explain_task(task, parse_state(task), reader).error
        if error:
            text = redact_text(first_line(error), overrides)
            return clean_line(f"{task.task_key}: {text}", MAX_ERROR_CHARS)
    return ""


def _explain_task(task: RunTask, state: StateFields, reader: TaskReader | None) -> FailedTask:
    """Explain a task; without a reader, by the run alone."""
    output = None if reader is None else _read_error(task, reader)
    error = output.error if output else None
    return FailedTask(
        task_key=task.task_key,
        run_id=task.run_id,
        attempt=task.attempt_number or 0,
        outcome=classify(state),
        error=_without_tokens(_common_errors(task) or error or _refer_to_job(task, output)),
        error_trace=_without_tokens(output.error_trace if output else None),
        termination_code=state.termination_code,
        message=state.message,
        url=task.run_page_url,
    )


def _without_tokens(text: str | None) -> str | None:
    return text and redact_progress_tokens(text)


def _read_error(task: RunTask, reader: TaskReader) -> RunOutput | None:
    failed = _find_failed_iteration(task, reader) or task
    return _read_if_possible(lambda: reader.read_output(failed)) if failed.run_id else None


def _read_if_possible(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except LakeflowJobsError:  # an explanation without this detail is better than none
        return None


def _find_failed_iteration(task: RunTask, reader: TaskReader) -> RunTask | None:
    """Return the first iteration of a for-each task that failed after all its attempts."""
    if task.for_each_task is None or task.run_id is None:
        return None
    iterations = _read_if_possible(lambda: reader.read_iterations(task)) or ()
    return min(
        filter(is_root_cause, iterations),
        key=lambda each: (-(each.attempt_number or 0), each.end_time or 0),
        default=None,
    )


def _common_errors(task: RunTask) -> str | None:
    """Return the errors that the workspace has counted for a for-each task."""
    stats = task.for_each_task.stats if task.for_each_task else None
    if stats is None or not stats.error_message_stats:
        return None
    counts = [(each.error_message, each.count or 1) for each in stats.error_message_stats]
    return "; ".join(
        f"{error} ({count} times)" if count > 1 else f"{error}" for error, count in counts
    )


def _refer_to_job(task: RunTask, output: RunOutput | None) -> str | None:
    """Name the run that a task started, if the task runs a job."""
    nested = output.run_job_output if output else None
    if nested is not None and nested.run_id and task.run_job_task is not None:
        job_id = task.run_job_task.job_id
        return f"Run {nested.run_id} of job {job_id} has the error."
    return None
