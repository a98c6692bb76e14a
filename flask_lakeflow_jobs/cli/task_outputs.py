"""Outputs of tasks and of the iterations of for-each tasks: read, and as text for people.

Text may be colored; click removes the colors if the output is not a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..reader import cached_reads_of
from ..runs.durations import format_duration
from ..runs.iterations import Iteration, select_failed
from ..runs.outcome import outcome_of, select_last_attempts
from ..runs.output_parts import drop_repeated, read_rows
from ..runs.redaction import redact_outputs
from .formatting import (
    format_attempt,
    format_datetime,
    format_final_duration,
    format_outcome,
    local_zones,
)
from .tables import format_table

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..sdk_types import Run, RunTask

#: An output as a document of the Jobs API; that of a notebook has its printed text in ``logs``.
Output = Mapping[str, Any]

#: The iterations of a for-each task, and their outputs by run id.
Loop = tuple[Sequence[Iteration], Mapping[int, Output]]

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


def format_outputs(
    tasks: Iterable[RunTask] | None,
    outputs: Mapping[str, Output],
    loops: Mapping[str, Loop] | None = None,
) -> list[str]:
    """Format the outputs of a run, in the order in which its tasks ended.

    The output of several tasks is printed under their keys; empty outputs are left out.

    :param outputs: by task key.
    :param loops: the same of for-each tasks.
    """
    loops = loops or {}
    end_times = {task.task_key: task.end_time or 0 for task in select_last_attempts(tasks)}
    keys = sorted(outputs, key=lambda key: end_times.get(key, 0))
    texts = {key: text for key in keys if (text := _join(outputs[key], loops.get(key)))}
    if len(outputs) == 1:
        return list(texts.values())
    return [line for key, text in texts.items() for line in ("=======", f"Task {key}:", text)]


def format_output(output: Output) -> str:
    """Format what a task printed, then its result: an exit value, rows, or anything else."""
    parts = [_format_logs(output.get("logs"), output.get("logs_truncated"))]
    notebook = output.get("notebook_output") or {}
    if notebook.get("result") is not None:
        parts.append(_format_logs(notebook["result"], notebook.get("truncated")))
    elif (rows := read_rows(output)) is not None:
        cells = [["NULL" if value is None else value for value in row] for row in rows.rows]
        table = "\n".join(format_table(rows.columns, cells))
        parts.append(_format_logs(table, rows.is_truncated))
    else:
        parts += [
            json.dumps(value, indent=2)
            for name, value in output.items()
            if name.endswith("_output")
            and any(value.values() if isinstance(value, Mapping) else [value])
        ]
    return "\n".join(filter(None, parts))


def format_task_log(
    task: RunTask, output: Output, loop: Loop | None = None, *, printed: str = ""
) -> list[str]:
    """Format what a task wrote under a heading, with its error and traceback.

    :param printed: the part of the log that the reader has seen already.
    """
    attempt = f", {format_attempt(task)}" if task.attempt_number else ""
    duration = f" after {text}" if (text := format_final_duration(task)) else ""
    lines = [f"=== {task.task_key}: {format_outcome(outcome_of(task))}{attempt}{duration}"]
    lines += filter(None, [_join(output, loop)])
    for part in (output.get("error_trace"), output.get("error")):
        lines += filter(None, [drop_repeated(part, "\n".join([printed, *lines]))])
    return lines


def format_loop(iterations: Sequence[Iteration], width: int | None = None) -> list[str]:
    zones = local_zones(each.start_time for each in iterations)
    return format_table(
        ["ITERATION", "OUTCOME", "ATTEMPT", f"STARTED ({zones})", "DURATION", "INPUT"],
        (
            [
                str(each.number),
                format_outcome(each.outcome),
                str(each.attempt),
                format_datetime(each.start_time),
                "" if each.duration is None else format_duration(each.duration / 1000),
                each.input,
            ]
            for each in iterations
        ),
        width,
    )


def _join(output: Output, loop: Loop | None) -> str:
    texts = [format_output(output)]
    if loop is not None:
        iterations, outputs = loop
        texts += format_loop(iterations)
        for each in iterations:
            text = format_output(outputs.get(each.run_id, {}))
            error = drop_repeated(outputs.get(each.run_id, {}).get("error"), text)
            if text or error:
                attempt = f", attempt {each.attempt}" if each.attempt > 1 else ""
                texts.append(f"--- iteration {each.number}: {each.input}{attempt}")
                texts += [text, error]
        ended = [each for each in iterations if each.end_time is not None]
        if missing := sum(each.run_id not in outputs for each in ended):
            texts.append(f"[the outputs of {missing} more iterations are left out]")
    return "\n".join(filter(None, texts))


def _format_logs(text: str | None, truncated: bool | None) -> str:
    text = (text or "").removesuffix("\n")
    return f"{text}\n[truncated]" if truncated else text
