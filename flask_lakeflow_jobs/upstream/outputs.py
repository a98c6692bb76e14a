"""The outputs of a run's tasks, read page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from ..errors import InvalidRequest, RunNotFound, UpstreamError, quote
from ..runs.outcome import has_ended, select_last_attempts

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run, RunTask

T = TypeVar("T")

#: The output of one task, as JSON of the Jobs API.
Output: TypeAlias = dict[str, Any]

#: Calls a function for each of several tasks, and returns the results in their order.
RunConcurrently: TypeAlias = (
    "Callable[[Callable[[RunTask], Output], Sequence[RunTask]], list[Output]]"
)

#: Outputs in one page.
MAX_OUTPUTS = 100

#: The error codes for the output of a task that never ran, or whose output is purged.
NO_OUTPUT_CODES = frozenset({"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"})


class OutputPage(NamedTuple):
    """The outputs of some tasks.

    :param outputs: by task key.
    :param next_after: the task after which the next page begins; ``None``: there is none.
    """

    outputs: dict[str, Output]
    next_after: str | None = None


def read_output_page(
    run: Run,
    read: Callable[[RunTask | Run], Output],
    run_concurrently: RunConcurrently = lambda read, tasks: list(map(read, tasks)),
    *,
    tasks: Sequence[str] = (),
    after: str | None = None,
) -> OutputPage:
    """Read the outputs of at most :data:`MAX_OUTPUTS` tasks, each of the task's last attempt.

    One missing output does not fail the rest: its ``info`` explains that there is none. A queued
    run may have no tasks yet. An ended run without tasks has one output of its own.

    :param tasks: the keys of the tasks; by default all.
    :param after: the key of the task after which the page begins.
    :raises InvalidRequest: the run has no such task.
    """
    attempts = [task for task in select_last_attempts(run.tasks) if task.run_id is not None]
    if not attempts and not tasks and not after:
        ended = [run] if has_ended(run) else []
        return OutputPage(
            {each.run_name or str(each.run_id): read_or_explain(each, read) for each in ended}
        )
    chosen, next_after = _select_page(attempts, tasks, after)
    outputs = run_concurrently(lambda task: read_or_explain(task, read), chosen)
    by_key = {task.task_key: output for task, output in zip(chosen, outputs, strict=True)}
    return OutputPage(by_key, next_after)


def read_or_explain(task: T, read: Callable[[T], Output]) -> Output:
    """Return the output of a task; if the workspace has none, its ``info`` says so."""
    try:
        return read(task)
    except (RunNotFound, UpstreamError) as error:
        if error.upstream_code not in NO_OUTPUT_CODES:
            raise
        return {"info": "The workspace has no output of it."}


def _select_page(
    attempts: Sequence[RunTask], tasks: Sequence[str], after: str | None
) -> tuple[list[RunTask], str | None]:
    keys = [task.task_key for task in attempts]
    for key in [*tasks, *([] if after is None else [after])]:
        if key not in keys:
            raise InvalidRequest(f"The run has no task {quote(key)} that has started.")
    first = 0 if after is None else keys.index(after) + 1
    wanted = [task for task in attempts[first:] if not tasks or task.task_key in tasks]
    page = wanted[:MAX_OUTPUTS]
    return page, page[-1].task_key if len(wanted) > MAX_OUTPUTS else None
