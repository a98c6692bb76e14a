"""Runs jobs: keeps the runs that are going, starts what is due and writes down what comes of it."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from flask_lakeflow_jobs.local import errors, plan, states
from flask_lakeflow_jobs.local.clock import Clock
from flask_lakeflow_jobs.local.files import WorkspaceFiles
from flask_lakeflow_jobs.local.model import JobRun, Settings, TaskRun
from flask_lakeflow_jobs.local.processes import OUTPUT_LIMIT, Exit, Lifeline, TaskProcess
from flask_lakeflow_jobs.local.references import UnknownReference, resolve
from flask_lakeflow_jobs.local.scope import scope_of
from flask_lakeflow_jobs.local.states import State
from flask_lakeflow_jobs.local.store import Store
from flask_lakeflow_jobs.local.tasks import plan_work
from flask_lakeflow_jobs.local.tasks.work import CannotRun, ProcessWork, Scene

logger = logging.getLogger(__name__)
_REMEMBERED_RUNS = 2048


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a client asks for when it starts a run.

    :param parameters: the job's parameters, each ``name``, ``default`` and, where given, ``value``.
    :param overriding: task parameters by the field of run-now that carries them.
    :param only: the tasks to run; all, if empty.
    """

    job_id: int
    name: str
    creator: str
    settings: Settings
    parameters: list[dict[str, str]] = field(default_factory=list)
    overriding: dict[str, Any] = field(default_factory=dict)
    only: frozenset[str] = frozenset()
    token: str | None = None
    run_type: str = "JOB_RUN"
    trigger: str = "ONE_TIME"
    queue: bool = False


class Activity(Protocol):
    """Something that a task has going."""

    def stop(self) -> None:
        """Ask it to end; it reports its end as it would otherwise."""


class Engine:
    """The runs of one workspace.

    Every method may be called from any thread. What a method changes is committed before it
    returns.

    :param folder: where the processes of tasks keep their files while they run.
    :param environment: the environment of those processes.
    """

    def __init__(
        self,
        store: Store,
        files: WorkspaceFiles,
        clock: Clock,
        folder: Path,
        environment: Callable[[], Mapping[str, str]],
        workspace_id: int,
    ) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._folder = folder
        self._environment = environment
        self._workspace_id = workspace_id
        self._lifeline = Lifeline()
        self._lock = threading.RLock()
        self._live: dict[int, JobRun] = {}
        self._ended: OrderedDict[int, JobRun] = OrderedDict()
        self._activities: dict[int, TaskProcess] = {}
        self._depth = 0
        self._touched: dict[int, tuple[JobRun, dict[int, TaskRun]]] = {}
        self._outputs: dict[int, dict[str, Any]] = {}
        self._after_commit: list[Callable[[], None]] = []
        self._closed = False
        self._recover()

    # Reading

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """Hold everything still and look into the store."""
        with self._lock:
            yield self._store

    def find_run(self, run_id: int) -> JobRun:
        """The run of this id.

        :raises ApiError: there is none.
        """
        with self._lock:
            run = self._live.get(run_id) or self._ended.get(run_id)
            if run is None:
                run = self._store.load_run(run_id)
                if run is None:
                    raise errors.unknown_run(run_id)
                self._remember(run)
            return run

    def find_task(self, run_id: int) -> tuple[JobRun, TaskRun]:
        """The attempt of this id, with the run to which it belongs.

        :raises ApiError: there is none.
        """
        with self._lock:
            job_run_id = self._store.job_run_of_task(run_id)
            if job_run_id is None:
                raise errors.unknown_run(run_id)
            run = self.find_run(job_run_id)
            return run, next(task for task in run.tasks if task.run_id == run_id)

    def output_of(self, task: TaskRun) -> dict[str, Any]:
        """What an attempt has put out so far."""
        with self._lock:
            if (process := self._activities.get(task.run_id)) is not None:
                logs, truncated = process.read_logs()
                return {"logs": logs, "logs_truncated": truncated}
            return self._store.load_output(task.run_id)

    @property
    def is_idle(self) -> bool:
        """Whether no run is going."""
        return not self._live

    # Commands

    def start_run(self, request: RunRequest) -> JobRun:
        """Start a run, or find the one that the same idempotency token has started before.

        :raises ApiError: the token belongs to a run that has been deleted.
        """
        with self._change():
            if request.token and (known := self._store.run_id_of_token(request.token)):
                try:
                    return self.find_run(known)
                except errors.ApiError:
                    raise errors.invalid_parameter(
                        f"The run {known} that was started with this idempotency token has been "
                        "deleted. "
                        "Use another token to start a new run."
                    ) from None
            run = self._new_run(request)
            with self._store.transaction():
                self._store.add_run(run, request.token)
            self._live[run.run_id] = run
            self._admit(run, may_queue=request.queue)
            return run

    def cancel(self, run: JobRun) -> None:
        """Cancel a run. It ends once all that it has going has ended."""
        with self._change():
            if run.is_active and run.ending == "":
                self._end_early(run, "CANCELED")

    def cancel_task(self, run: JobRun, task: TaskRun) -> None:
        """Cancel one task of a run; those that depend on it follow."""
        with self._change():
            if not task.state.is_terminal and task.state.life_cycle != "TERMINATING":
                self._stop_task(run, task, states.CANCELED)

    def delete(self, run: JobRun) -> None:
        """Forget a run that has ended.

        :raises ApiError: it is still going.
        """
        with self._lock:
            if run.is_active:
                raise errors.invalid_state(
                    f"Run {run.run_id} is still active. Cancel it and wait for its end before you "
                    "delete it."
                )
            with self._store.transaction():
                self._store.delete_run(run)
            self._ended.pop(run.run_id, None)

    def active_runs(self, job_id: int | None = None) -> list[JobRun]:
        """The runs that are going, the oldest first."""
        with self._lock:
            return [run for run in self._live.values() if job_id in (None, run.job_id)]

    def close(self) -> None:
        """Stop everything at once. Runs that are going are marked so at the next start."""
        with self._lock:
            self._closed = True
            processes = list(self._activities.values())
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        with self._lock:
            self._store.close()
        self._lifeline.close()

    # Units of work

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Collect what is touched inside, and commit it when the outermost change ends."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._commit()

    def _touch(self, run: JobRun, tasks: Iterable[TaskRun] = ()) -> None:
        _, touched = self._touched.setdefault(run.run_id, (run, {}))
        touched.update((task.run_id, task) for task in tasks)
        run.revision += 1

    def _commit(self) -> None:
        touched, self._touched = self._touched, {}
        outputs, self._outputs = self._outputs, {}
        if touched and not self._closed:
            with self._store.transaction():
                for run_id, output in outputs.items():
                    self._store.save_output(run_id, output)
                for run, tasks in touched.values():
                    self._store.save_run(run)
                    self._store.save_tasks(tasks.values())
        actions, self._after_commit = self._after_commit, []
        for action in actions:
            action()

    def _now(self) -> int:
        return int(self._clock.time() * 1000)

    # A run's life

    def _new_run(self, request: RunRequest) -> JobRun:
        run = JobRun(
            run_id=self._new_id(),
            job_id=request.job_id,
            name=request.name,
            creator=request.creator,
            settings=request.settings,
            start_time=self._now(),
            run_type=request.run_type,
            trigger=request.trigger,
            parameters=request.parameters,
            overriding=request.overriding,
        )
        run.tasks = [
            TaskRun(self._new_id(), spec)
            for spec in request.settings["tasks"]
            if not request.only or spec["task_key"] in request.only
        ]
        return run

    def _new_id(self) -> int:
        # Like the service's: unordered, and never beyond what JavaScript holds exactly.
        return 10**14 + secrets.randbelow(2**53 - 10**14)

    def _admit(self, run: JobRun, *, may_queue: bool) -> None:
        limit = run.settings.get("max_concurrent_runs", 1) if run.job_id else 1000
        going = sum(
            each.job_id == run.job_id and each.state.life_cycle != "QUEUED"
            for each in self._live.values()
            if each is not run
        )
        if going < limit:
            self._begin(run)
        elif may_queue and limit > 0:
            run.state = states.queued_for_concurrency(limit)
            self._touch(run)
        else:
            for task in run.tasks:
                self._set_ended(task, states.over_concurrency_limit(limit))
            self._finish(run, states.over_concurrency_limit(limit))

    def _begin(self, run: JobRun) -> None:
        run.queue_duration = self._now() - run.start_time if run.state.life_cycle == "QUEUED" else 0
        run.state = states.RUNNING
        self._touch(run)
        timeout = run.settings.get("timeout_seconds", 0)
        if timeout:
            self._clock.call_at(self._clock.time() + timeout, lambda: self._run_timed_out(run))
        self._advance(run)

    def _advance(self, run: JobRun) -> None:
        while run.ending == "" and (verdicts := plan.decide(run)):
            for verdict in verdicts:
                if verdict.ending is not None:
                    self._set_ended(verdict.task, verdict.ending)
                    self._touch(run, [verdict.task])
                else:
                    self._start_task(run, verdict.task)
        if run.is_active and all(task.state.is_terminal for task in run.latest_attempts().values()):
            self._finish(run, plan.verdict_on_run(run))

    def _finish(self, run: JobRun, state: State) -> None:
        run.state = state
        run.end_time = self._now()
        self._touch(run, run.tasks)
        self._live.pop(run.run_id, None)
        self._remember(run)
        self._begin_queued(run.job_id)

    def _begin_queued(self, job_id: int) -> None:
        runs = self.active_runs(job_id)
        waiting = [run for run in runs if run.state.life_cycle == "QUEUED"]
        if waiting and len(runs) - len(waiting) < waiting[0].settings.get("max_concurrent_runs", 1):
            self._begin(waiting[0])

    def _end_early(self, run: JobRun, ending: str) -> None:
        run.ending = ending
        ended = states.CANCELED if ending == "CANCELED" else states.TIMED_OUT
        run.state = states.TERMINATING
        self._touch(run)
        for task in run.latest_attempts().values():
            if not task.state.is_terminal:
                self._stop_task(run, task, ended)
        # The end comes later, as on the service, where a cancel is answered before it is done.
        self._clock.call_at(self._clock.time(), lambda: self._look_again(run))

    def _look_again(self, run: JobRun) -> None:
        with self._change():
            self._advance(run)

    def _run_timed_out(self, run: JobRun) -> None:
        with self._change():
            if run.is_active and run.ending == "":
                self._end_early(run, "TIMEDOUT")

    def _remember(self, run: JobRun) -> None:
        self._ended[run.run_id] = run
        self._ended.move_to_end(run.run_id)
        if len(self._ended) > _REMEMBERED_RUNS:
            self._ended.popitem(last=False)

    # A task's life

    def _start_task(self, run: JobRun, task: TaskRun) -> None:
        task.start_time = self._now()
        task.state = states.PENDING
        self._touch(run, [task])
        try:
            scope = scope_of(run, task, self._workspace_id)
            task.resolved = resolve(task.spec, scope)
            localized = self._files.localized
            scene = Scene(
                files=self._files,
                job_parameters={
                    each["name"]: localized(resolve(each.get("value", each["default"]), scope))
                    for each in run.parameters
                },
                overriding=localized(resolve(run.overriding, scope)),
                task_values={key: each.values for key, each in run.latest_attempts().items()},
            )
            work = plan_work(localized(task.resolved), scene)
        except (CannotRun, UnknownReference) as problem:
            self._task_ended(run, task, states.INVALID_TASK.because(str(problem.args[0])))
            return
        self._start_process(run, task, work)

    def _start_process(self, run: JobRun, task: TaskRun, work: ProcessWork) -> None:
        process = TaskProcess(
            work.order,
            self._folder / str(task.run_id),
            self._environment(),
            self._lifeline,
            on_start=lambda: self._process_started(run, task),
            on_exit=lambda ended: self._process_exited(run, task, ended),
        )
        self._activities[task.run_id] = process
        self._after_commit.append(process.start)
        if timeout := task.spec.get("timeout_seconds", 0):
            self._clock.call_at(
                self._clock.time() + timeout, lambda: self._task_timed_out(run, task)
            )

    def _process_started(self, run: JobRun, task: TaskRun) -> None:
        with self._change():
            task.setup_duration = self._now() - task.start_time
            if task.state.life_cycle == "PENDING":
                task.state = states.RUNNING
            self._touch(run, [task])

    def _process_exited(self, run: JobRun, task: TaskRun, ended: Exit) -> None:
        with self._change():
            self._activities.pop(task.run_id, None)
            if self._closed:
                return
            outcome = ended.outcome
            task.values = outcome.pop("values", {})
            if isinstance(result := outcome.get("result"), str):
                outcome["result"], outcome["truncated"] = truncate(result)
            self._outputs[task.run_id] = {
                **outcome,
                "logs": ended.logs,
                "logs_truncated": ended.logs_truncated,
            }
            if task.outcome:
                state = states.TIMED_OUT if task.outcome == "TIMEDOUT" else states.CANCELED
                task.outcome = ""
            else:
                state = states.FAILED if "error" in outcome else states.SUCCESS
            self._task_ended(run, task, state)

    def _task_timed_out(self, run: JobRun, task: TaskRun) -> None:
        with self._change():
            if not task.state.is_terminal and task.state.life_cycle != "TERMINATING":
                self._stop_task(run, task, states.TIMED_OUT)

    def _stop_task(self, run: JobRun, task: TaskRun, ended: State) -> None:
        self._touch(run, [task])
        if (process := self._activities.get(task.run_id)) is not None:
            task.state = states.TERMINATING
            task.outcome = ended.result
            self._after_commit.append(process.stop)
        else:
            self._set_ended(task, ended)

    def _set_ended(self, task: TaskRun, state: State) -> None:
        now = self._now()
        task.state = state
        task.start_time = task.start_time or now
        task.end_time = now
        task.execution_duration = max(0, now - task.start_time - task.setup_duration)

    def _task_ended(self, run: JobRun, task: TaskRun, state: State) -> None:
        self._set_ended(task, state)
        self._touch(run, [task])
        self._advance(run)

    # After a restart

    def _recover(self) -> None:
        """Mark what was going when the workspace died: nothing of it runs any more."""
        with self._change():
            for run_id in self._store.active_run_ids():
                run = self.find_run(run_id)
                now = self._now()
                for task in run.tasks:
                    if not task.state.is_terminal:
                        task.state = (
                            states.WORKSPACE_LOST if task.start_time else states.UPSTREAM_FAILED
                        )
                        task.start_time = task.start_time or now
                        task.end_time = now
                run.state = states.WORKSPACE_LOST
                run.end_time = now
                self._touch(run, run.tasks)


def truncate(text: str) -> tuple[str, bool]:
    """The first 5 MB of a text, and whether that is not all."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= OUTPUT_LIMIT:
        return text, False
    return encoded[:OUTPUT_LIMIT].decode(errors="ignore"), True
