"""What can be told about a run from what the workspace says of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..errors import LakeflowJobsError
from .outcome import Outcome, find_root_causes, is_root_cause, outcome_of, parse_state

if TYPE_CHECKING:
    from ..sdk_types import Run, RunOutput, RunTask
    from .outcome import AnySpelling

T = TypeVar("T")


@dataclass(frozen=True)
class FailedTask:
    """A task that a run failed by.

    :param task_key: its name in the job.
    :param run_id: of the task's last attempt.
    :param attempt: counted from 0.
    :param outcome: how it ended.
    :param error: what it raised, one line; of a task that repeats another, the most common errors
        of that one, or else the first; of a task that runs a job, which run to look at.
    :param error_trace: where; of a task that repeats another, where its first error was raised.
    :param termination_code: why, in a word of the Jobs API.
    :param message: what the workspace says.
    :param url: its page.
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
    """Why a run failed; without tasks where no task is to blame.

    :param run_id: the run.
    :param outcome: how it ended, or what it is doing.
    :param tasks: those it failed by, the first to fail first.
    :param termination_code: why, in a word of the Jobs API.
    :param message: what the workspace says.
    :param url: the run's page.
    """

    run_id: int | None
    outcome: Outcome
    tasks: list[FailedTask]
    termination_code: str | None
    message: str
    url: str | None

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


class TaskReader(Protocol):
    """What can be read of a task that failed; each may raise a :exc:`LakeflowJobsError`."""

    def read_output(self, task: RunTask) -> RunOutput:
        """What it left."""

    def read_iterations(self, task: RunTask) -> Sequence[RunTask]:
        """What it was repeated as."""


def explain_run(
    run: Run, evidence: TaskReader, document: Mapping[str, Any] | None = None
) -> Explanation:
    """Find out why a run failed.

    :param run: with all its tasks.
    :param evidence: reads more of a task.
    :param document: the run as the Jobs API spells it, in words that the SDK may not know; left
        out, as the SDK does.
    """
    said: AnySpelling = document or run
    said_of: dict[int | None, AnySpelling] = {
        task.run_id: each
        for task, each in zip(run.tasks or (), (document or {}).get("tasks") or (), strict=False)
    }
    words = parse_state(said)
    return Explanation(
        run_id=run.run_id,
        outcome=outcome_of(said),
        tasks=[
            _failed_task(task, said_of.get(task.run_id, task), evidence)
            for task in find_root_causes(run.tasks)
        ],
        termination_code=words.termination_code,
        message=words.message,
        url=run.run_page_url,
    )


def _failed_task(task: RunTask, said: AnySpelling, evidence: TaskReader) -> FailedTask:
    words = parse_state(said)
    failed = _first_iteration(task, evidence) or task
    output = _if_any(lambda: evidence.read_output(failed)) if failed.run_id is not None else None
    error, trace = (output.error, output.error_trace) if output else (None, None)
    return FailedTask(
        task_key=task.task_key,
        run_id=task.run_id,
        attempt=task.attempt_number or 0,
        outcome=outcome_of(said),
        error=_common_errors(task) or error or _where_else(task, output),
        error_trace=trace,
        termination_code=words.termination_code,
        message=words.message,
        url=task.run_page_url,
    )


def _if_any(read: Callable[[], T]) -> T | None:
    """What else is known of a failure is worth telling without."""
    try:
        return read()
    except LakeflowJobsError:
        return None


def _first_iteration(task: RunTask, evidence: TaskReader) -> RunTask | None:
    """Of a task that repeats another, the first time that this failed for good."""
    if task.for_each_task is None or task.run_id is None:
        return None
    failed = filter(is_root_cause, _if_any(lambda: evidence.read_iterations(task)) or ())
    return min(
        failed, key=lambda each: (-(each.attempt_number or 0), each.end_time or 0), default=None
    )


def _common_errors(task: RunTask) -> str | None:
    """What the workspace has counted of a task that repeats another."""
    stats = task.for_each_task.stats if task.for_each_task else None
    if stats is None or not stats.error_message_stats:
        return None
    said = [(each.error_message, each.count or 1) for each in stats.error_message_stats]
    return "; ".join(
        f"{error} ({count} times)" if count > 1 else f"{error}" for error, count in said
    )


def _where_else(task: RunTask, output: RunOutput | None) -> str | None:
    """Who knows what went wrong with a task that runs a job."""
    nested = output.run_job_output if output else None
    if nested is not None and nested.run_id and task.run_job_task is not None:
        return f"Run {nested.run_id} of the job {task.run_job_task.job_id} says why it failed."
    return None
