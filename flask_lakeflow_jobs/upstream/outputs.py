"""What the tasks of a run left, and what else tells why one failed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import RunNotFound, UpstreamError
from ..runs.outcome import has_ended, last_attempts

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run, RunOutput, RunTask

    from . import Upstream
    from .cached_reads import Reads

Output: TypeAlias = dict[str, Any]

#: Outputs that are read at the same time; the workspace allows 20 such reads a second.
READ_TOGETHER = 4

#: How the workspace refuses the output of a task that never ran or whose output is purged.
NOTHING_LEFT = frozenset({"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"})


class Outputs:
    """Reads what runs of one job left, as one identity, and as the Jobs API spells it.

    :param reads: of the job.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def of_run(self, run: Run) -> dict[str, Output]:
        """What the tasks left, by task key, of each its last attempt.

        A task whose output the workspace has not, or not any more, says so in its ``info``. A run
        that waits for its turn may have no tasks yet.

        :param run: with all its tasks.
        """
        tasks = [task for task in last_attempts(run.tasks) if task.run_id is not None]
        if not tasks and not has_ended(run):
            return {}
        if not tasks:  # a run without tasks is its own only one
            return {run.run_name or str(run.run_id): self._if_any(run)}
        with ThreadPoolExecutor(min(len(tasks), READ_TOGETHER)) as readers:
            outputs = readers.map(self._if_any, tasks)
            return {task.task_key: output for task, output in zip(tasks, outputs, strict=True)}

    def of_task(self, task: RunTask | Run) -> Output:
        """What one task left.

        :param task: it, or a run that is its own only one.
        """
        output: Output = self._reads.output(int(task.run_id or 0), settled=has_ended(task)).value
        return output

    def _if_any(self, task: RunTask | Run) -> Output:
        """What a task left; one whose output is gone hides those of the others from nobody."""
        try:
            return self.of_task(task)
        except (RunNotFound, UpstreamError) as error:
            if error.upstream_code not in NOTHING_LEFT:
                raise
            return {"info": "The workspace has no output of it."}


class Evidence:
    """What can be read of a task that failed, for an explanation.

    :param upstream: the workspace.
    :param reads: of the job.
    """

    def __init__(self, upstream: Upstream, reads: Reads) -> None:
        self._upstream = upstream
        self._reads = reads

    def output_of(self, task: RunTask) -> RunOutput:
        """What it left.

        :param task: it.
        """
        return self._upstream.output_of(Outputs(self._reads).of_task(task))

    def iterations_of(self, task: RunTask) -> Sequence[RunTask]:
        """What it was repeated as: each attempt of each iteration.

        :param task: one that repeats another.
        """
        run = self._upstream.run_of(self._reads.run(int(task.run_id or 0)).value)
        return run.iterations or []
