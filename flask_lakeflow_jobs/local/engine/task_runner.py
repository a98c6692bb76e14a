"""The life of a task: started, retried, stopped, ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import states
from ..clock import Clock
from ..model import JobRun, Settings, TaskRun
from ..simulation import read_simulation
from ..states import State
from ..store.unit_of_work import UnitOfWork
from . import decisions
from .activities import (
    Activity,
    Completion,
    ForEachActivity,
    ProcessActivity,
    ProcessHost,
    Reporter,
    SimulatedActivity,
)
from .files import WorkspaceFiles
from .kinds import TaskContext, build_work, simulate
from .templating import Lookup, UnknownReference, reference_lookup, resolve
from .work import (
    CannotRun,
    ConditionResult,
    ForEach,
    NestedRun,
    ProcessWork,
    SimulatedWork,
    Work,
)

_log = logging.getLogger("flask_lakeflow_jobs.local")
NestedStarter = Callable[[JobRun, TaskRun, NestedRun, Reporter], Activity]


@dataclass(frozen=True, slots=True)
class _TaskReporter:
    task_runner: TaskRunner
    run: JobRun
    task: TaskRun

    def queued(self) -> None:
        self.task_runner.task_queued(self.run, self.task)

    def started(self) -> None:
        self.task_runner.task_started(self.run, self.task)

    def ended(self, completion: Completion) -> None:
        self.task_runner.task_completed(self.run, self.task, completion)


class TaskRunner:
    """Starts tasks and follows them to their end.

    :param folder: where processes keep their files while they run.
    :param workspace: what ``{{workspace.…}}`` stands for.
    :param start_nested: starts a run of another job.
    :param settled: called when an attempt has ended and none follows it.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        clock: Clock,
        files: WorkspaceFiles,
        folder: Path,
        host: ProcessHost,
        workspace: Mapping[str, Any],
        start_nested: NestedStarter,
        settled: Callable[[JobRun], None],
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._files = files
        self._folder = folder
        self._host = host
        self._workspace = workspace
        self._start_nested = start_nested
        self._settled = settled
        self._activities: dict[int, Activity] = {}
        self._for_each: dict[int, ForEachActivity] = {}

    def start(self, run: JobRun, task: TaskRun) -> None:
        """Start an attempt whose turn has come."""
        task.start_time = self._now()
        task.state = states.PENDING
        self._unit_of_work.touch(run, task)
        try:
            work = self._build_work(run, task)
            if isinstance(work, ConditionResult):
                task.outcome = work.outcome
                self.end(run, task, states.SUCCESS)
                return
            activity = self._activity(run, task, work)
        except (CannotRun, UnknownReference) as problem:
            self.end(run, task, states.INVALID_TASK.because(str(problem.args[0])))
            return
        except Exception as problem:
            _log.exception("Task %s of run %s could not be started", task.key, run.run_id)
            message = f"The local workspace could not start the task: {problem!r}."
            self.end(run, task, states.INVALID_TASK.because(message))
            return
        self._activities[task.run_id] = activity
        self._unit_of_work.after_commit(activity.start)
        if timeout := task.spec.get("timeout_seconds"):
            self._clock.call_at(self._clock.time() + timeout, lambda: self._timed_out(run, task))

    def stop(self, run: JobRun, task: TaskRun, state: State) -> None:
        """Bring an attempt to an end, at once or as soon as what it has going has ended."""
        if task.state.is_terminal or task.state.life_cycle == "TERMINATING":
            return
        activity = self._activities.get(task.run_id)
        if activity is None:
            self.end(run, task, state, may_retry=False)
            return
        task.state = states.TERMINATING
        self._unit_of_work.touch(run, task)
        self._unit_of_work.after_commit(lambda: activity.stop(state))

    def end(self, run: JobRun, task: TaskRun, state: State, *, may_retry: bool = True) -> None:
        """Note how an attempt has ended, and what follows from it."""
        now = self._now()
        task.state = state
        task.start_time = task.start_time or now
        task.end_time = now
        task.execution_duration = max(
            0, now - task.start_time - task.setup_duration - task.queue_duration
        )
        self._unit_of_work.touch(run, task)
        if may_retry and run.ending == "" and decisions.retries_left(task):
            self._schedule_retry(run, task)
        elif (for_each := self._for_each.get(task.parent)) is not None:
            self._unit_of_work.defer("repeat", task.parent, for_each.iteration_ended)
        else:
            self._unit_of_work.defer("settle", run.run_id, lambda: self._settled(run))

    def output_of(self, task: TaskRun) -> dict[str, Any]:
        """What an attempt has put out so far."""
        if (activity := self._activities.get(task.run_id)) is not None:
            return activity.output()
        return self._unit_of_work.output_of(task)

    # What activities report

    def task_queued(self, run: JobRun, task: TaskRun) -> None:
        """There is no room for its process yet."""
        with self._unit_of_work.change():
            if task.state.life_cycle == "PENDING":
                task.state = states.QUEUED_FOR_ROOM
                self._unit_of_work.touch(run, task)

    def task_started(self, run: JobRun, task: TaskRun) -> None:
        """It runs."""
        with self._unit_of_work.change():
            waited = self._now() - task.start_time
            if task.state.life_cycle == "QUEUED":
                task.queue_duration = waited
            else:
                task.setup_duration = waited
            if task.state.life_cycle in {"PENDING", "QUEUED"}:
                task.state = states.RUNNING
            self._unit_of_work.touch(run, task)

    def task_completed(self, run: JobRun, task: TaskRun, completion: Completion) -> None:
        """It has ended."""
        with self._unit_of_work.change():
            self._activities.pop(task.run_id, None)
            self._for_each.pop(task.run_id, None)
            task.values = completion.values
            task.rows = completion.rows
            if completion.output:
                self._unit_of_work.set_output(task, completion.output)
            self.end(run, task, completion.state)

    # Parts of the above

    def _build_work(self, run: JobRun, task: TaskRun) -> Work:
        script = read_simulation(run.settings)
        if script is not None:
            return simulate(script, task)
        scope = reference_lookup(run, task, self._workspace)
        task.resolved = _resolved(task.spec, scope)
        localized = self._files.localized
        context = TaskContext(
            settings=run.settings,
            files=self._files,
            job_parameters={
                each["name"]: localized(resolve(each.get("value", each["default"]), scope))
                for each in run.parameters
            },
            overriding=localized(resolve(run.overriding, scope)),
            task_values={key: each.values for key, each in run.latest_attempts().items()},
            run=self._tags(run, task),
        )
        return build_work(localized(task.resolved), context)

    def _tags(self, run: JobRun, task: TaskRun) -> dict[str, Any]:
        return {
            "jobId": run.job_id,
            "jobName": run.name,
            "multitaskParentRunId": run.run_id,
            "runId": task.run_id,
            "taskKey": task.key,
            "user": run.creator,
            "orgId": self._workspace["id"],
        }

    def _activity(
        self,
        run: JobRun,
        task: TaskRun,
        work: ProcessWork | SimulatedWork | NestedRun | ForEach,
    ) -> Activity:
        reporter = _TaskReporter(self, run, task)
        if isinstance(work, ProcessWork):
            return ProcessActivity(work, self._folder / str(task.run_id), self._host, reporter)
        if isinstance(work, SimulatedWork):
            return SimulatedActivity(work, self._clock, reporter)
        if isinstance(work, NestedRun):
            return self._start_nested(run, task, work, reporter)
        for_each = ForEachActivity(work, run, task, self._unit_of_work, self, reporter)
        self._for_each[task.run_id] = for_each
        return for_each

    def _schedule_retry(self, run: JobRun, task: TaskRun) -> None:
        again = TaskRun(
            self._unit_of_work.new_id(),
            task.spec,
            attempt=task.attempt + 1,
            retry=task.retry + 1,
            state=states.WAITING_FOR_RETRY,
            parent=task.parent,
            index=task.index,
            item=task.item,
        )
        self._unit_of_work.add_task(run, again)
        # From the start of the attempt that failed, says the documentation of the field.
        earliest = (task.start_time + task.spec.get("min_retry_interval_millis", 0)) / 1000
        moment = max(self._clock.time(), earliest)
        self._clock.call_at(moment, lambda: self._retry(run, again))

    def _retry(self, run: JobRun, task: TaskRun) -> None:
        with self._unit_of_work.change():
            if task.state.life_cycle == "WAITING_FOR_RETRY":
                self.start(run, task)

    def _timed_out(self, run: JobRun, task: TaskRun) -> None:
        with self._unit_of_work.change():
            self.stop(run, task, states.TIMED_OUT)

    def _now(self) -> int:
        return int(self._clock.time() * 1000)


def _resolved(spec: Settings, scope: Lookup) -> Settings:
    """The settings with all references replaced, but for those that an iteration has to replace."""
    if "for_each_task" not in spec:
        return dict(resolve(spec, scope))
    repeated = spec["for_each_task"]
    outer = {key: value for key, value in repeated.items() if key != "task"}
    return {**spec, "for_each_task": {**resolve(outer, scope), "task": repeated.get("task")}}
