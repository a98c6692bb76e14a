"""The engine of the local workspace: events in, effects out."""

from __future__ import annotations

import logging
import sqlite3
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from .. import events
from ..clock import Clock
from ..errors import RunDoesNotExist
from ..model import SINGLE_TASK, JobRun, TaskRun
from ..store.runs import RunStore
from ..tasks.files import WorkspaceFiles
from ..tasks.logs import TaskLogPart, read_stored
from ..tasks.processes import MAX_PROCESSES, TaskProcessFactory
from ..tasks.runner import TaskRunner
from ..tasks.work import CannotRun, NestedRun
from . import effects
from .decisions import Decision, decide

_log = logging.getLogger("flask_lakeflow_jobs.local")

_MAX_NESTING = 10
_RETRY_SECONDS = 1.0  # until an event that could not be saved is tried again
_MAX_KNOWN_ENDS = 20  # in one transaction, during which other events wait
_RETENTION_DAYS = 60  # like the service


class Engine:
    """Runs jobs.

    Every change starts with an event. :meth:`submit` queues it; one thread at a time takes events
    from the queue, lets :func:`decide` compute the next state of the run, commits it, and carries
    out the effects. Effects cause further changes only by submitting events.

    :param folder: keeps the files of processes while they run.
    :param services: serve the processes.
    :param workspace: the values of ``{{workspace.…}}``.
    :param nested_request: builds the request for a run of another job, or raises
        :class:`CannotRun`.
    """

    def __init__(
        self,
        run_store: RunStore,
        files: WorkspaceFiles,
        clock: Clock,
        folder: Path,
        services: TaskProcessFactory,
        workspace: Mapping[str, Any],
        nested_request: Callable[[NestedRun], events.RunRequest],
    ) -> None:
        self._run_store = run_store
        self._clock = clock
        self._nested_request = nested_request
        self._queues = RunQueues()
        self._task_runner = TaskRunner(
            files,
            clock,
            folder,
            services,
            MAX_PROCESSES,
            workspace,
            create_nested=self._create_nested_run,
            submit=self._report,
        )
        self._events: deque[events.Event] = deque()
        self._is_draining = False
        self._is_closed = False
        self._is_store_failing = False
        self._restore()

    # Commands. Each is committed when it returns.

    def start_run(self, request: events.RunRequest) -> JobRun:
        """Start a run, or return the one that the idempotency token has started before.

        :raises ApiError: the token belongs to a run that has been deleted.
        """
        with self._run_store.exclusive():
            if request.token:
                existing = self._run_store.find_run_of_token(request.token)
                if existing is not None:
                    return existing
            run = self._create_run(request)
            self.submit(events.RunSubmitted(run, request.token, request.may_queue))
            return self._run_store.find_run(run.run_id)

    def cancel(self, run: JobRun, task: TaskRun | None = None) -> None:
        """Cancel a run, which ends once all its tasks have ended, or only one attempt of a task."""
        run_id = run.run_id
        of_task = events.TaskCancelRequested(run_id, task.run_id) if task else None
        self.submit(of_task or events.CancelRequested(run_id))

    def repair(self, run: JobRun, request: events.RepairRequest) -> int:
        """Run tasks of a run that has ended again.

        :return: the id of the repair.
        """
        repair_id = self._run_store.new_id()
        self.submit(events.RepairRequested(run.run_id, repair_id, request))
        return repair_id

    # Logs may have megabytes, so those of processes are read without the lock. A process that ends
    # meanwhile takes its log along, so the state is read after it.

    def read_output(self, task_id: int) -> tuple[JobRun, TaskRun, dict[str, Any]]:
        """Return an attempt with its run, and its output or its output so far."""
        output = self._task_runner.output_of(task_id)
        run, task = self._run_store.find_task(task_id)
        if task.state.is_terminal:
            output = self._run_store.load_output(task)
        nested = {"nested_run_id": task.nested_run_id} if task.nested_run_id else {}
        return run, task, nested | output

    def read_log_part(self, task_id: int, offset: int, limit: int) -> TaskLogPart:
        """Return a part of the log of an attempt, or of its log so far."""
        part = self._task_runner.read_log_part(task_id, offset, limit)
        _, task = self._run_store.find_task(task_id)
        if not task.state.is_terminal:
            return part
        output = self._run_store.load_output(task)
        return read_stored(
            output.get("logs", ""),
            output.get("logs_start", 0),
            offset,
            limit,
            is_whole=not output.get("logs_truncated"),
        )

    def close(self) -> None:
        """Kill all processes. Active runs are marked as lost at the next start."""
        with self._run_store.exclusive():
            if self._is_closed:
                return
            self._is_closed = True
            self._run_store.close()
        self._task_runner.close()

    # Events and effects

    def submit(self, event: events.Event) -> None:
        """Handle an event, and all events that follow from it.

        While another thread handles events, wait for it. An event that an effect submits is only
        queued: the loop that carries out the effect handles it.

        :raises Exception: the event could not be committed; nothing has changed then.
        """
        with self._run_store.exclusive():
            self._events.append(event)
            if self._is_draining:
                return
            self._is_draining = True
            failure: Exception | None = None
            try:
                while self._events:
                    current = self._events.popleft()
                    try:
                        self._handle(current)
                    except Exception as error:
                        if current is event:
                            failure = error
                        else:
                            self._retry_or_log(current, error)
            finally:
                self._is_draining = False
            if failure is not None:
                raise failure

    def _report(self, event: events.Event) -> None:
        """Submit an event from a thread that no caller waits for."""
        try:
            self.submit(event)
        except Exception as error:
            self._retry_or_log(event, error)

    def _retry_or_log(self, event: events.Event, error: Exception) -> None:
        """Handle an event again that could not be committed, for example on a full disk.

        Without another try, its run would never end.
        """
        if not isinstance(error, sqlite3.OperationalError):
            _log.error("The event %s could not be handled", event, exc_info=error)
            return
        if not self._is_store_failing:  # one line, as the log may be on the same disk
            _log.error("Runs cannot be saved: %s. This is tried again every second.", error)
        self._is_store_failing = True
        self._clock.call_at(self._clock.time() + _RETRY_SECONDS, partial(self._report, event))

    def _handle(self, event: events.Event) -> None:
        if self._is_closed:
            return
        if isinstance(event, events.RunSubmitted):
            run = event.run
        else:
            try:
                run = self._run_store.find_run(event.run_id)
            except RunDoesNotExist:  # deleted since the event was scheduled
                return
        decision = self._decide(run, event)
        for _ in range(_MAX_KNOWN_ENDS):
            if (end := self._end_of_instant_task(decision)) is None:
                break
            decision = decision.combined_with(self._decide(decision.run, end), end)
        if isinstance(event, events.RunSubmitted):
            self._run_store.add_run(decision.run, event.token, decision.outputs)
        elif decision.run is not run:
            self._run_store.save_run(decision.run, decision.outputs)
            self._is_store_failing = False
        self._queues.track(decision.run)
        for effect in decision.effects:
            try:
                self._execute(effect, decision.run)
            except Exception:
                _log.exception("The effect %s failed", effect)

    def _decide(self, run: JobRun, event: events.Event) -> Decision:
        return decide(
            run,
            event,
            now=self._clock.time(),
            running_runs=self._queues.running_runs(run.job_id),
            new_id=self._run_store.new_id,
        )

    def _end_of_instant_task(self, decision: Decision) -> events.TaskEnded | None:
        """Return the end of a task that is to be started, if it is known without any work.

        It is committed together with the start.
        """
        for effect in decision.effects:
            if isinstance(effect, effects.StartTask):
                task = decision.run.attempt(effect.task_id)
                if (end := self._task_runner.end_of_instant_task(decision.run, task)) is not None:
                    return end
        return None

    def _execute(self, effect: effects.Effect, run: JobRun) -> None:
        match effect:
            case effects.StartTask(task_id):
                self._task_runner.start(run, run.attempt(task_id))
            case effects.StopTask(task_id):
                self._task_runner.stop(run, run.attempt(task_id))
            case effects.ScheduleEvent(when, event):
                self._clock.call_at(when, partial(self._report, event))
            case effects.SendEvent(event):
                self.submit(event)
            case effects.AdvanceQueue(job_id):
                if (run_id := self._queues.next_queued(job_id)) is not None:
                    self.submit(events.QueueAdvanced(run_id))

    # New runs

    def _create_run(self, request: events.RunRequest, *, started_by: int = 0) -> JobRun:
        run_id = self._run_store.new_id()
        # A run of a job without a list of tasks is its own task (flyteorg/flytekit pull 1935).
        is_its_task = request.settings.get("format") == SINGLE_TASK
        return JobRun(
            run_id=run_id,
            job_id=request.job_id,
            name=request.name,
            creator=request.creator,
            settings=request.settings,
            start_time=int(self._clock.time() * 1000),
            run_type=request.run_type,
            trigger=request.trigger,
            parameters=request.parameters,
            overriding=request.overriding,
            started_by=started_by,
            performance_target=request.performance_target,
            tasks=tuple(
                TaskRun(run_id if is_its_task else self._run_store.new_id(), spec)
                for spec in request.settings["tasks"]
                if not request.only or spec["task_key"] in request.only
            ),
        )

    def _create_nested_run(self, run: JobRun, work: NestedRun) -> JobRun:
        lineage = [run]
        while lineage[-1].started_by:
            lineage.append(self._run_store.find_run(lineage[-1].started_by))
        job_ids = [each.job_id for each in reversed(lineage)]
        if work.job_id in job_ids:
            # The run would wait for itself if its job allows only one run at once.
            circle = " -> ".join(str(job_id) for job_id in (*job_ids, work.job_id))
            raise CannotRun(
                f"Jobs start each other in a circle: {circle}. Remove one of these run_job_tasks."
            )
        if len(lineage) > _MAX_NESTING:
            raise CannotRun(f"Jobs may start each other at most {_MAX_NESTING} levels deep.")
        return self._create_run(self._nested_request(work), started_by=run.run_id)

    # After a restart

    def _restore(self) -> None:
        """Mark the runs that were active as lost, and delete old ones."""
        with self._run_store.exclusive() as store:
            for run_id in store.active_run_ids():
                self.submit(events.WorkspaceRestarted(run_id))
            now_ms = int(self._clock.time() * 1000)
            with store.transaction():
                store.delete_runs_before(now_ms - _RETENTION_DAYS * 24 * 60 * 60 * 1000)


class RunQueues:
    """The running and the queued runs of each job, by their ids."""

    def __init__(self) -> None:
        self._running: defaultdict[int, set[int]] = defaultdict(set)
        self._queued: defaultdict[int, dict[int, None]] = defaultdict(dict)

    def track(self, run: JobRun) -> None:
        """Count a run by its current state."""
        running, queued = self._running[run.job_id], self._queued[run.job_id]
        if run.state.life_cycle == "QUEUED":
            queued[run.run_id] = None
        else:
            queued.pop(run.run_id, None)
            if run.is_active:
                running.add(run.run_id)
            else:
                running.discard(run.run_id)
        if not running and not queued:
            del self._running[run.job_id], self._queued[run.job_id]

    def running_runs(self, job_id: int) -> int:
        """Return the number of runs of a job that run now."""
        return len(self._running.get(job_id, ()))

    def next_queued(self, job_id: int) -> int | None:
        """Return the id of the run of a job that has been queued longest."""
        return next(iter(self._queued.get(job_id, ())), None)
