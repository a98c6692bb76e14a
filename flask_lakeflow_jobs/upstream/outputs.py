"""The outputs of a run's tasks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import RunNotFound, UpstreamError
from ..runs.outcome import has_ended, select_last_attempts

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run, RunTask

#: The output of one task, as JSON of the Jobs API.
Output: TypeAlias = dict[str, Any]

#: Concurrent reads of outputs. The workspace allows 20 such reads a second.
MAX_CONCURRENT_OUTPUTS = 4

#: The error codes for the output of a task that never ran, or whose output is purged.
NO_OUTPUT_CODES = frozenset({"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"})


def read_outputs(run: Run, read: Callable[[RunTask | Run], Output]) -> dict[str, Output]:
    """Read the outputs of a run's tasks by task key, each of the task's last attempt.

    One missing output does not fail the rest: its ``info`` explains that there is none. A queued
    run may have no tasks yet. An ended run without tasks has one output of its own.
    """

    def read_or_explain(task: RunTask | Run) -> Output:
        try:
            return read(task)
        except (RunNotFound, UpstreamError) as error:
            if error.upstream_code not in NO_OUTPUT_CODES:
                raise
            return {"info": "The workspace has no output of it."}

    tasks = [task for task in select_last_attempts(run.tasks) if task.run_id is not None]
    if not tasks and not has_ended(run):
        return {}
    if not tasks:
        return {run.run_name or str(run.run_id): read_or_explain(run)}
    with ThreadPoolExecutor(min(len(tasks), MAX_CONCURRENT_OUTPUTS)) as pool:
        outputs = pool.map(read_or_explain, tasks)
        return {task.task_key: output for task, output in zip(tasks, outputs, strict=True)}
