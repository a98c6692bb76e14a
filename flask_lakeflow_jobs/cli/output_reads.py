"""Reading the outputs of a run and of the iterations of its for-each tasks, for commands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ..reader import cached_reads_of
from ..runs.iterations import Iteration, select_failed
from ..runs.outcome import select_last_attempts
from ..runs.redaction import redact_outputs

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..sdk_types import Run, RunTask
    from .task_outputs import Loop

#: Iterations of one task whose outputs are read. The workspace allows 20 such reads a second.
MAX_ITERATIONS = 200


def read_outputs(
    handle: JobHandle, run_id: int, keys: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """Return the redacted outputs of some tasks of a run by key; by default of all."""
    outputs = cached_reads_of(handle).get_outputs(run_id, keys)
    return redact_outputs(outputs, handle.job.secret_overrides)


def list_loops(handle: JobHandle, run: Run) -> dict[str, Sequence[Iteration]]:
    """Return the iterations of each for-each task by its key."""
    reads = cached_reads_of(handle)
    return {task.task_key: reads.list_iterations(task) for task in _loops_of(run)}


def read_loops(
    handle: JobHandle, run: Run, keys: Collection[str], *, only_failed: bool = False
) -> dict[str, Loop]:
    """Return the iterations of some for-each tasks, with their outputs, by the tasks' keys."""
    reads = cached_reads_of(handle)
    loops: dict[str, Loop] = {}
    for task in _loops_of(run):
        if task.task_key in keys:
            iterations = reads.list_iterations(task)
            failed = select_failed(iterations)
            if only_failed:
                iterations = failed
            others = set(iterations).difference(failed)
            failed_first = sorted(iterations, key=others.__contains__)
            outputs = reads.get_iteration_outputs(task, failed_first[:MAX_ITERATIONS])
            redacted = redact_outputs(outputs, handle.job.secret_overrides)
            loops[task.task_key] = (iterations, redacted)
    return loops


def _loops_of(run: Run) -> list[RunTask]:
    attempts = select_last_attempts(run.tasks)
    return [task for task in attempts if task.for_each_task is not None and task.run_id]
