"""Starts and stops the work of tasks. It changes no run; it reports by submitting events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from .. import events, states
from ..clock import Clock
from ..model import JobRun, Settings, TaskRun
from ..simulation import read_simulation
from .context import TaskContext
from .files import WorkspaceFiles
from .kinds import build_work, simulate
from .logs import MAX_ERROR_BYTES, MAX_OUTPUT_BYTES, NO_LOG, TaskLogPart
from .processes import Exit, ProcessPool, TaskProcess, TaskProcessFactory
from .templating import TaskReferences, UnknownReference, resolve
from .work import CannotRun, ConditionResult, ForEach, NestedRun, ProcessWork, SimulatedWork

_log = logging.getLogger("flask_lakeflow_jobs.local")


class TaskRunner:
    """Starts and stops the work of tasks.

    :param folder: keeps the files of processes while they run.
    :param services: serve the processes.
    :param max_processes: the number of processes that run at once; further ones are queued.
    :param workspace: the values of ``{{workspace.…}}``.
    :param create_nested: creates the run of another job, or raises :class:`CannotRun`.
    :param submit: submits an event to the engine; called from any thread.
    """

    def __init__(
        self,
        files: WorkspaceFiles,
        clock: Clock,
        folder: Path,
        services: TaskProcessFactory,
        max_processes: int,
        workspace: Mapping[str, Any],
        create_nested: Callable[[JobRun, NestedRun], JobRun],
        submit: Callable[[events.Event], None],
    ) -> None:
        self._files = files
        self._clock = clock
        self._folder = folder
        self._services = services
        self._pool = ProcessPool(max_processes)
        self._workspace = workspace
        self._create_nested = create_nested
        self._submit = submit
        self._processes: dict[int, TaskProcess] = {}

    def start(self, run: JobRun, task: TaskRun) -> None:
        """Start the work of a task. Its end is reported by :class:`TaskEnded`."""
        try:
            self._start(run, task)
        except (CannotRun, UnknownReference) as error:
            self._refuse(run, task, str(error.args[0]))
        except Exception as error:
            _log.exception("Task %s of run %s could not be started", task.key, run.run_id)
            self._refuse(run, task, f"The local workspace could not start the task: {error!r}.")

    def end_of_instant_task(self, run: JobRun, task: TaskRun) -> events.TaskEnded | None:
        """Return the end of a task that takes no time; ``None`` if it has to be started."""
        try:
            simulation = read_simulation(run.settings)
            work = None if simulation is None else simulate(simulation, task)
        except Exception:  # its start reports it
            return None
        if work is None or work.seconds > 0:
            return None
        return events.TaskEnded(run.run_id, task.run_id, work.state, work.output, work.values)

    def stop(self, run: JobRun, task: TaskRun) -> None:
        """Stop the work of a task soon. Its end is reported by :class:`TaskEnded`."""
        if (process := self._processes.get(task.run_id)) is not None:
            self._pool.stop(process)
        else:
            ended = events.TaskEnded(run.run_id, task.run_id, states.CANCELED)
            self._clock.call_at(self._clock.time(), partial(self._submit, ended))

    def output_of(self, task_id: int) -> dict[str, Any]:
        """Return the output so far of a task that has not ended."""
        if (process := self._processes.get(task_id)) is None:
            return {}
        logs, truncated = process.read_logs()
        return {"logs": logs, "logs_truncated": truncated}

    def read_log_part(self, task_id: int, offset: int, limit: int) -> TaskLogPart:
        """Return a part of the log so far of a task that has not ended."""
        if (process := self._processes.get(task_id)) is None:
            return NO_LOG
        return process.read_log_part(offset, limit)

    def close(self) -> None:
        """Kill all processes."""
        self._pool.close()
        self._services.spark.close()

    def _start(self, run: JobRun, task: TaskRun) -> None:
        ids = (run.run_id, task.run_id)
        simulation = read_simulation(run.settings)
        if simulation is not None:
            self._simulate(run, task, simulate(simulation, task))
            return
        references = TaskReferences(run, task, self._workspace)
        resolved = _resolve_settings(task.spec, references)
        self._submit(events.TaskPrepared(*ids, resolved))
        spec = self._files.localize(resolved)
        match build_work(spec, self._context(run, task, references)):
            case ConditionResult(outcome):
                self._submit(events.TaskEnded(*ids, states.SUCCESS, outcome=outcome))
            case ForEach(spec, inputs, concurrency):
                self._submit(events.IterationsStarted(*ids, spec, inputs, concurrency))
            case NestedRun() as work:
                nested = self._create_nested(run, work)
                self._submit(events.RunSubmitted(nested, may_queue=True))
                self._submit(events.TaskStarted(*ids, nested.run_id))
            case ProcessWork() as work:
                self._start_process(run, task, work)

    def _refuse(self, run: JobRun, task: TaskRun, message: str) -> None:
        self._submit(
            events.TaskEnded(run.run_id, task.run_id, states.INVALID_TASK.because(message))
        )

    def _simulate(self, run: JobRun, task: TaskRun, work: SimulatedWork) -> None:
        self._submit(events.TaskStarted(run.run_id, task.run_id))
        ended = events.TaskEnded(run.run_id, task.run_id, work.state, work.output, work.values)
        self._clock.call_at(self._clock.time() + work.seconds, partial(self._submit, ended))

    def _start_process(self, run: JobRun, task: TaskRun, work: ProcessWork) -> None:
        process = self._services.create_process(
            work,
            self._folder / str(task.run_id),
            on_start=partial(self._submit, events.TaskStarted(run.run_id, task.run_id)),
            on_exit=partial(self._end_process, run.run_id, task.run_id),
        )
        self._processes[task.run_id] = process
        if not self._pool.start(process):
            self._submit(events.TaskQueued(run.run_id, task.run_id))

    def _end_process(self, run_id: int, task_id: int, end: Exit) -> None:
        process = self._processes[task_id]
        self._pool.release(process)
        self._submit(_build_task_ended(run_id, task_id, end, is_stopped=process.is_stopped))
        # Only now, since the output is read from the process until the event is committed.
        del self._processes[task_id]

    def _context(self, run: JobRun, task: TaskRun, references: TaskReferences) -> TaskContext:
        localize = self._files.localize
        return TaskContext(
            settings=localize(run.settings),
            files=self._files,
            packages=self._services.packages,
            job_parameters={
                each["name"]: localize(resolve(each.get("value", each["default"]), references))
                for each in run.parameters
            },
            overriding=localize(resolve(run.overriding, references)),
            task_values={key: each.values for key, each in run.latest_attempts().items()},
            run={
                "jobId": run.job_id,
                "jobName": run.name,
                "multitaskParentRunId": run.run_id,
                "runId": task.run_id,
                "taskKey": task.key,
                "user": run.creator,
                "orgId": self._workspace["id"],
            },
        )


def _resolve_settings(spec: Settings, references: TaskReferences) -> Settings:
    """Resolve all references, except in a task to repeat: its iterations resolve their own."""
    if "for_each_task" not in spec:
        return dict(resolve(spec, references))
    body = spec["for_each_task"]
    outer = {key: value for key, value in body.items() if key != "task"}
    return {**spec, "for_each_task": {**resolve(outer, references), "task": body.get("task")}}


def _build_task_ended(
    run_id: int, task_id: int, end: Exit, *, is_stopped: bool
) -> events.TaskEnded:
    output = dict(end.outcome)
    values, rows = output.pop("values", {}), output.pop("rows", [])
    if isinstance(result := output.get("result"), str):
        output["result"], output["truncated"] = _truncate(result, MAX_OUTPUT_BYTES)
    for key in ("error", "error_trace"):
        if key in output:
            output[key], _ = _truncate(output[key], MAX_ERROR_BYTES)
    output |= {
        "logs": end.logs,
        "logs_truncated": end.logs_truncated,
        "logs_start": end.logs_start,
    }
    if is_stopped:
        output = {key: value for key, value in output.items() if not key.startswith("error")}
    state = states.FAILED if "error" in output else states.SUCCESS
    return events.TaskEnded(run_id, task_id, state, output, values, rows)


def _truncate(text: str, limit: int) -> tuple[str, bool]:
    """Return the first bytes of a text, and whether it has more."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return text, False
    return encoded[:limit].decode(errors="ignore"), True
