"""The life of a run: admitted, begun, advanced from task to task, repaired, ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import states
from ..clock import Clock
from ..model import SINGLE_TASK, JobRun, Repair, Settings, TaskRun
from ..states import State
from ..store.unit_of_work import UnitOfWork
from . import decisions
from .activities import Activity, Completion, ProcessHost, Reporter
from .files import WorkspaceFiles
from .limits import RunLimits, limit_of
from .task_runner import TaskRunner
from .work import CannotRun, NestedRun

_PROCESSES_AT_ONCE = max(8, 4 * (os.cpu_count() or 1))
_DEEPEST_NESTING = 10
_KEPT_DAYS = 60  # as the service keeps them


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is asked for when a run is started.

    :param parameters: the job's parameters, each ``name``, ``default`` and, where given, ``value``.
    :param overriding: task parameters by the field of run-now that carries them.
    :param only: the tasks to run; all, if empty.
    :param token: the idempotency token.
    :param may_queue: whether the run waits where its job has as many runs as it may.
    :param performance_target: in place of the one in the settings, if it is not empty.
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
    may_queue: bool = False
    started_by: int = 0
    performance_target: str = ""


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """Which tasks of a run that has ended are to run again, and with what.

    :param settings: the job's settings as they are now.
    :param keys: the tasks to run again.
    """

    settings: Settings
    keys: frozenset[str]
    parameters: list[dict[str, str]] = field(default_factory=list)
    overriding: dict[str, Any] = field(default_factory=dict)
    performance_target: str = ""


NestedRequest = Callable[[NestedRun], RunRequest]


"""Makes the request for a run of another job; raises CannotRun where there is no such job."""


class Engine:
    """Runs jobs. Every method may be called from any thread; what it changes is committed by then.

    :param folder: where the processes of tasks keep their files while they run.
    :param environment: gives the environment of those processes.
    :param workspace: what ``{{workspace.…}}`` stands for.
    :param nested_request: see :data:`NestedRequest`.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        files: WorkspaceFiles,
        clock: Clock,
        folder: Path,
        environment: Callable[[], Mapping[str, str]],
        workspace: Mapping[str, Any],
        nested_request: NestedRequest,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._nested_request = nested_request
        self._host = ProcessHost(environment, _PROCESSES_AT_ONCE)
        self._task_runner = TaskRunner(
            unit_of_work,
            clock,
            files,
            folder,
            self._host,
            workspace,
            start_nested=self._nested_activity,
            settled=self._advance,
        )
        self._limits = RunLimits()
        self._awaited: dict[int, Reporter] = {}
        self._mark_lost_runs()
        self._forget_old_runs()

    # Commands

    def start_run(self, request: RunRequest) -> JobRun:
        """Start a run, or find the one that the same idempotency token has started before.

        :raises ApiError: the token belongs to a run that has been deleted.
        """
        with self._unit_of_work.change():
            if request.token and (known := self._unit_of_work.run_of_token(request.token)):
                return known
            run = self._new_run(request)
            self._unit_of_work.add_run(run, request.token)
            self._admit(run, may_queue=request.may_queue)
            return run

    def cancel(self, run: JobRun) -> None:
        """Cancel a run. It ends once all that it has going has ended."""
        with self._unit_of_work.change():
            self._end_early(run, "CANCELED")

    def cancel_task(self, run: JobRun, task: TaskRun) -> None:
        """Cancel one attempt of a task; what depends on it follows."""
        with self._unit_of_work.change():
            self._task_runner.stop(run, task, states.CANCELED)

    def repair(self, run: JobRun, request: RepairRequest) -> int:
        """Run tasks of a run that has ended once more.

        :return: the id of the repair.
        """
        with self._unit_of_work.change():
            if not run.repairs:
                run.repairs.append(Repair(0, run.start_time, [], run.state, run.end_time))
            _close_repair(run)
            repair = Repair(self._unit_of_work.new_id(), self._now(), [])
            latest = run.latest_attempts()
            for spec in request.settings["tasks"]:
                if spec["task_key"] in request.keys:
                    earlier = latest.get(spec["task_key"])
                    attempt = earlier.attempt + 1 if earlier else 0
                    self._unit_of_work.add_task(
                        run, TaskRun(self._unit_of_work.new_id(), spec, attempt=attempt)
                    )
            run.repairs.append(repair)
            run.parameters, run.overriding = request.parameters, request.overriding
            run.performance_target = request.performance_target
            run.ending, run.end_time = "", 0
            self._unit_of_work.reactivate(run)
            self._begin(run)
            return repair.repair_id

    def output_of(self, task: TaskRun) -> dict[str, Any]:
        """What an attempt has put out so far."""
        return self._task_runner.output_of(task)

    def close(self) -> None:
        """Stop everything at once. What was going is marked so at the next start."""
        self._unit_of_work.close()
        self._host.close()

    # A run's life

    def _new_run(self, request: RunRequest) -> JobRun:
        run_id = self._unit_of_work.new_id()
        # What was made without a list of tasks is its own task (flyteorg/flytekit pull 1935).
        is_its_task = request.settings.get("format") == SINGLE_TASK
        return JobRun(
            run_id=run_id,
            job_id=request.job_id,
            name=request.name,
            creator=request.creator,
            settings=request.settings,
            start_time=self._now(),
            run_type=request.run_type,
            trigger=request.trigger,
            parameters=request.parameters,
            overriding=request.overriding,
            started_by=request.started_by,
            performance_target=request.performance_target,
            tasks=[
                TaskRun(run_id if is_its_task else self._unit_of_work.new_id(), spec)
                for spec in request.settings["tasks"]
                if not request.only or spec["task_key"] in request.only
            ],
        )

    def _admit(self, run: JobRun, *, may_queue: bool) -> None:
        limit = limit_of(run)
        if self._limits.has_room(run):
            self._begin(run)
        elif may_queue and limit > 0:
            run.state = states.queued_for_concurrency(limit)
            self._limits.wait(run)
            self._unit_of_work.touch(run)
        else:
            skipped = states.over_concurrency_limit(limit)
            run.ending = "SKIPPED"
            for task in run.tasks:
                self._task_runner.end(run, task, skipped, may_retry=False)
            self._finish(run, skipped)

    def _begin(self, run: JobRun) -> None:
        if run.state.life_cycle == "QUEUED":
            run.queue_duration = self._now() - run.start_time
        run.state = states.RUNNING
        self._limits.enter(run)
        self._unit_of_work.touch(run)
        if timeout := run.settings.get("timeout_seconds"):
            repairs = len(run.repairs)
            self._clock.call_at(self._clock.time() + timeout, lambda: self._timed_out(run, repairs))
        self._advance(run)

    def _advance(self, run: JobRun) -> None:
        while run.ending == "" and (verdicts := decisions.decide(run)):
            for verdict in verdicts:
                if verdict.ending is None:
                    self._task_runner.start(run, verdict.task)
                else:
                    self._task_runner.end(run, verdict.task, verdict.ending, may_retry=False)
        if run.is_active and all(task.state.is_terminal for task in run.latest_attempts().values()):
            self._finish(run, decisions.verdict_on_run(run))

    def _finish(self, run: JobRun, state: State) -> None:
        run.state = state
        run.end_time = self._now()
        _close_repair(run)
        self._unit_of_work.touch(run)
        self._unit_of_work.archive(run)
        self._limits.leave(run)
        if (reporter := self._awaited.pop(run.run_id, None)) is not None:
            ended = states.SUCCESS if state.is_success else _ending_of_nested(run)
            output = {"nested_run_id": run.run_id}
            self._unit_of_work.after_commit(lambda: reporter.ended(Completion(ended, output)))
        self._unit_of_work.defer("queue", run.job_id, lambda: self._begin_queued(run.job_id))

    def _begin_queued(self, job_id: int) -> None:
        while (run := self._limits.first_waiting(job_id)) and self._limits.has_room(run):
            self._begin(run)

    def _end_early(self, run: JobRun, ending: str) -> None:
        if not run.is_active or run.ending:
            return
        run.ending = ending
        run.state = states.TERMINATING
        self._unit_of_work.touch(run)
        state = states.CANCELED if ending == "CANCELED" else states.TIMED_OUT
        for task in run.latest_attempts().values():
            self._task_runner.stop(run, task, state)

    def _timed_out(self, run: JobRun, repairs: int) -> None:
        with self._unit_of_work.change():
            if len(run.repairs) == repairs:
                self._end_early(run, "TIMEDOUT")

    def _now(self) -> int:
        return int(self._clock.time() * 1000)

    # Runs of other jobs

    def _nested_activity(
        self, run: JobRun, task: TaskRun, work: NestedRun, reporter: Reporter
    ) -> Activity:
        lineage = self._lineage(run)
        if work.job_id in [each.job_id for each in lineage]:
            # It would wait for its own end where the job allows no second run.
            trail = [str(each.job_id) for each in reversed(lineage)]
            raise CannotRun(
                f"Jobs start each other in a circle: {' -> '.join(trail)} -> {work.job_id}. Let "
                "none of them run one that has led to it."
            )
        if len(lineage) > _DEEPEST_NESTING:
            raise CannotRun(
                f"Jobs start each other {_DEEPEST_NESTING} levels deep; that is too deep."
            )
        return _NestedActivity(self, run, task, self._nested_request(work), reporter)

    def start_nested(
        self, run: JobRun, task: TaskRun, request: RunRequest, reporter: Reporter
    ) -> JobRun:
        """Start a run of another job for a task; the reporter is told when it ends."""
        with self._unit_of_work.change():
            reporter.started()
            nested = self._new_run(request)
            nested.started_by = run.run_id
            task.nested_run_id = nested.run_id
            self._unit_of_work.touch(run, task)
            self._awaited[nested.run_id] = reporter
            self._unit_of_work.add_run(nested)
            self._admit(nested, may_queue=True)
            return nested

    def _lineage(self, run: JobRun) -> list[JobRun]:
        """The run, the one that has started it, and so on."""
        lineage = [run]
        while run.started_by:
            run = self._unit_of_work.find_run(run.started_by)
            lineage.append(run)
        return lineage

    # After a restart

    def _mark_lost_runs(self) -> None:
        """Mark what was going when the workspace died: nothing of it runs any more."""
        with self._unit_of_work.change(), self._unit_of_work.reading() as store:
            for run_id in store.active_run_ids():
                run = self._unit_of_work.find_run(run_id)
                for task in (*run.tasks, *run.iterations):
                    if not task.state.is_terminal:
                        lost = task.start_time or run.state.life_cycle == "QUEUED"
                        task.state = _loss_of(run) if lost else states.UPSTREAM_FAILED
                        task.end_time = self._now()
                        task.start_time = task.start_time or task.end_time
                        self._unit_of_work.touch(run, task)
                run.state = _loss_of(run)
                run.end_time = self._now()
                _close_repair(run)
                self._unit_of_work.touch(run)

    def _forget_old_runs(self) -> None:
        with self._unit_of_work.reading() as store, store.transaction():
            store.delete_runs_before(self._now() - _KEPT_DAYS * 24 * 60 * 60 * 1000)


class _NestedActivity:
    """A run of another job, as long as it goes."""

    def __init__(
        self,
        engine: Engine,
        run: JobRun,
        task: TaskRun,
        request: RunRequest,
        reporter: Reporter,
    ) -> None:
        self._engine = engine
        self._run = run
        self._task = task
        self._request = request
        self._reporter = reporter
        self._nested: JobRun | None = None

    def start(self) -> None:
        """Start the run."""
        self._nested = self._engine.start_nested(
            self._run, self._task, self._request, self._reporter
        )

    def stop(self, state: State) -> None:
        """Cancel the run."""
        if self._nested is not None:
            self._engine.cancel(self._nested)

    def output(self) -> dict[str, Any]:
        """Which run it is."""
        return {"nested_run_id": self._nested.run_id} if self._nested else {}


def _ending_of_nested(run: JobRun) -> State:
    if run.state.result in {"CANCELED", "TIMEDOUT"}:
        return State("TERMINATED", run.state.result, run.state.code, run.state.message)
    return states.FAILED.because(
        f"Run {run.run_id} of job {run.job_id} failed: {run.state.message}"
    )


def _loss_of(run: JobRun) -> State:
    """The end of a run with which the workspace has died."""
    if run.state.life_cycle == "QUEUED":
        return states.LOST_IN_THE_QUEUE
    return states.WORKSPACE_LOST


def _close_repair(run: JobRun) -> None:
    """Write the run's end into its last repair, so that the next one does not overwrite it."""
    if not run.repairs:
        return
    known = {run_id for repair in run.repairs[:-1] for run_id in repair.task_run_ids}
    last = run.repairs[-1]
    last.task_run_ids = [task.run_id for task in run.tasks if task.run_id not in known]
    if run.state.is_terminal:
        last.state, last.end_time = run.state, run.end_time
