"""The outputs of a run's tasks: which ones are in a page, and what stands for a missing one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import InvalidRequest, RunNotFound, UpstreamError, quote, suggest
from ..runs.outcome import has_ended, select_last_attempts

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run, RunTask

#: The output of one task, as JSON of the Jobs API.
Output: TypeAlias = dict[str, Any]

#: Outputs in one page.
MAX_OUTPUTS = 100

#: The error codes for the output of a task that never ran, or whose output is purged.
NO_OUTPUT_CODES = frozenset({"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"})


def select_outputs(
    run: Run, tasks: Sequence[str] = (), after: str | None = None
) -> tuple[dict[str, RunTask | Run], str | None]:
    """Return the last attempts of at most :data:`MAX_OUTPUTS` tasks by task key, and where to
    continue.

    A queued run may have no tasks yet. An ended run without tasks has one output of its own.

    :param tasks: the keys of the tasks; by default all.
    :param after: the key of the task after which the page begins.
    :return: also the task after which the next page begins; ``None``: there is none.
    :raises InvalidRequest: the run has no such task.
    """
    attempts = {
        task.task_key: task for task in select_last_attempts(run.tasks) if task.run_id is not None
    }
    if not attempts and not tasks and not after:
        return ({run.run_name or str(run.run_id): run} if has_ended(run) else {}), None
    keys = [*attempts]
    for key in [*tasks, *([] if after is None else [after])]:
        if key not in attempts:
            raise InvalidRequest(
                f"The run has no task {quote(key)} that has started.{suggest(key, attempts)}"
            )
    first = 0 if after is None else keys.index(after) + 1
    wanted = [key for key in keys[first:] if not tasks or key in tasks]
    page = wanted[:MAX_OUTPUTS]
    next_after = page[-1] if len(wanted) > MAX_OUTPUTS else None
    return {key: attempts[key] for key in page}, next_after


def read_or_explain(read: Callable[[], Output]) -> Output:
    """Return the output of a task; if the workspace has none, its ``info`` says so."""
    try:
        return read()
    except (RunNotFound, UpstreamError) as error:
        if error.upstream_code not in NO_OUTPUT_CODES:
            raise
        return {"info": "The workspace has no output of it."}
