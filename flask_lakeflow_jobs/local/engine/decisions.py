"""The next state of a run after an event, and the effects that follow from it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .. import events, states
from ..model import JobRun, Repair, TaskRun
from ..states import STOPPED, State
from . import effects, rules


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of an event.

    :param run: the run after the event; the same object if nothing has changed.
    :param effects: what to do once the run is committed, in this order.
    :param outputs: the outputs to keep, by the id of the attempt.
    """

    run: JobRun
    effects: tuple[effects.Effect, ...] = ()
    outputs: dict[int, dict[str, Any]] = field(default_factory=dict)

    def combined_with(self, later: Decision, end: events.TaskEnded) -> Decision:
        """Return this decision and a later one as one.

        :param end: leads to the later one, and replaces the start of its task.
        """
        start = effects.StartTask(end.task_id)
        kept = (each for each in self.effects if each != start)
        return Decision(later.run, (*kept, *later.effects), {**self.outputs, **later.outputs})


def decide(
    run: JobRun, event: events.Event, *, now: float, running_runs: int, new_id: Callable[[], int]
) -> Decision:
    """Apply an event to a run.

    An event that comes too late, such as the timeout of a task that has ended, changes nothing.

    :param now: seconds since the epoch.
    :param running_runs: the number of runs of the job that run now, without queued ones.
    :param new_id: returns an unused id for an attempt.
    """
    transition = _Transition(run, now, running_runs, new_id)
    transition.apply(event)
    transition.settle()
    return transition.decision()


class _Transition:
    """The copy of a run to which an event is applied."""

    def __init__(
        self, run: JobRun, now: float, running_runs: int, new_id: Callable[[], int]
    ) -> None:
        self._run = run
        self._tasks = {task.run_id: task for task in (*run.tasks, *run.iterations)}
        self._has_changed_tasks = False
        self._effects: list[effects.Effect] = []
        self._outputs: dict[int, dict[str, Any]] = {}
        self._loops: set[int] = set()  # for-each attempts whose iterations have changed
        self._now = now
        self._now_ms = int(now * 1000)
        self._has_room = running_runs < run.max_concurrent_runs
        self._new_id = new_id

    def decision(self) -> Decision:
        run = self._run
        if self._has_changed_tasks:
            tasks = self._tasks.values()
            run = replace(
                run,
                tasks=tuple(task for task in tasks if not task.parent),
                iterations=tuple(task for task in tasks if task.parent),
            )
        return Decision(run, tuple(self._effects), self._outputs)

    def apply(self, event: events.Event) -> None:
        match event:
            case events.RunSubmitted():
                self._admit(may_queue=event.may_queue)
            case events.QueueAdvanced():
                if self._run.state.life_cycle == "QUEUED" and self._has_room:
                    self._begin()
                    self._effects.append(effects.AdvanceQueue(self._run.job_id))
            case events.CancelRequested():
                self._stop_run("CANCELED")
            case events.RunTimedOut():
                if len(self._run.repairs) == event.repairs:
                    self._stop_run("TIMEDOUT")
            case events.RepairRequested():
                if not self._run.is_active:
                    self._repair(event.repair_id, event.request)
            case events.NestedRunEnded():
                for each in tuple(self._tasks.values()):
                    if each.nested_run_id == event.nested_run_id:
                        self._complete(each, event.state)
            case events.WorkspaceRestarted():
                if self._run.is_active:
                    self._mark_lost()
            case events.TaskEvent():
                task = self._tasks.get(event.task_id)
                if task is not None and not task.state.is_terminal:
                    self._apply_to_task(task, event)

    def settle(self) -> None:
        """Start and end everything that the changes so far allow."""
        while self._loops:
            self._continue_loop(self._tasks[self._loops.pop()])
        while self._run.state.life_cycle == "RUNNING" and (ready := self._ready_tasks()):
            latest = self._latest()
            for task in ready:
                skipped = rules.evaluate_run_if(task.spec, latest)
                if skipped is None:
                    self._start_task(task)
                else:
                    self._end_task(task, skipped, may_retry=False)
        if self._run.is_active:
            latest_tasks = self._latest().values()
            if all(task.state.is_terminal for task in latest_tasks):
                stopped = STOPPED.get(self._run.ending)
                self._finish(stopped or rules.compute_final_state(latest_tasks))

    # Runs

    def _admit(self, *, may_queue: bool) -> None:
        limit = self._run.max_concurrent_runs
        if self._has_room:
            self._begin()
        elif may_queue and limit > 0:
            self._update_run(state=states.queued_for_concurrency(limit))
        else:
            skipped = states.over_concurrency_limit(limit)
            for task in tuple(self._tasks.values()):
                self._end_task(task, skipped, may_retry=False)
            self._finish(skipped)

    def _begin(self) -> None:
        if self._run.state.life_cycle == "QUEUED":
            self._update_run(queue_duration=self._milliseconds_since(self._run.start_time))
        self._update_run(state=states.RUNNING)
        if timeout := self._run.settings.get("timeout_seconds"):
            timed_out = events.RunTimedOut(self._run.run_id, len(self._run.repairs))
            self._effects.append(effects.ScheduleEvent(self._now + timeout, timed_out))

    def _stop_run(self, ending: str) -> None:
        if not self._run.is_active or self._run.ending:
            return
        self._update_run(ending=ending, state=states.TERMINATING)
        for task in self._latest().values():
            self._stop_task(task, ending)

    def _finish(self, state: State) -> None:
        self._update_run(state=state, end_time=self._end_time())
        if self._run.repairs:
            self._close_repair()
        if self._run.started_by:
            ended = events.NestedRunEnded(
                self._run.started_by, self._run.run_id, rules.compute_nested_state(self._run)
            )
            self._effects.append(effects.SendEvent(ended))
        self._effects.append(effects.AdvanceQueue(self._run.job_id))

    def _end_time(self) -> int:
        """Return an end after the start and the ends before a repair, if the clock was put back.

        Clients take the later of two ends for the newer one.
        """
        ends = [repair.end_time + 1 for repair in self._run.repairs]
        return max(self._now_ms, self._run.start_time, *ends)

    def _repair(self, repair_id: int, request: events.RepairRequest) -> None:
        if not self._run.repairs:
            self._update_run(repairs=(Repair(0, self._run.start_time),))
            self._close_repair()
        latest = self._latest()
        for spec in request.settings["tasks"]:
            if spec["task_key"] in request.keys:
                earlier = latest.get(spec["task_key"])
                attempt = earlier.attempt + 1 if earlier else 0
                self._put_task(TaskRun(self._new_id(), spec, attempt=attempt))
        self._update_run(
            repairs=(*self._run.repairs, Repair(repair_id, self._now_ms)),
            settings=request.settings,
            parameters=request.parameters,
            overriding=request.overriding,
            performance_target=request.performance_target,
            ending="",
            end_time=0,
        )
        self._begin()

    def _close_repair(self) -> None:
        """Keep the end of the run in its last repair, since the next repair overwrites it."""
        *earlier, last = self._run.repairs
        closed = {run_id for repair in earlier for run_id in repair.task_run_ids}
        last = replace(
            last,
            task_run_ids=tuple(
                task.run_id
                for task in self._tasks.values()
                if not task.parent and task.run_id not in closed
            ),
            state=self._run.state,
            end_time=self._run.end_time,
        )
        self._update_run(repairs=(*earlier, last))

    def _mark_lost(self) -> None:
        was_queued = self._run.state.life_cycle == "QUEUED"
        lost = states.LOST_IN_QUEUE if was_queued else states.WORKSPACE_LOST
        for task in tuple(self._tasks.values()):
            if not task.state.is_terminal:
                self._put_task(
                    replace(
                        task,
                        state=lost if task.start_time or was_queued else states.UPSTREAM_FAILED,
                        start_time=task.start_time or self._now_ms,
                        end_time=self._now_ms,
                    )
                )
        self._update_run(state=lost, end_time=self._end_time())
        if self._run.repairs:
            self._close_repair()

    # Tasks

    def _apply_to_task(self, task: TaskRun, event: events.TaskEvent) -> None:
        match event:
            case events.TaskPrepared():
                self._put_task(replace(task, resolved=event.resolved))
            case events.TaskQueued():
                if task.state.life_cycle == "PENDING":
                    self._put_task(replace(task, state=states.QUEUED_FOR_PROCESS))
            case events.TaskStarted():
                self._mark_started(replace(task, nested_run_id=event.nested_run_id))
            case events.IterationsStarted():
                self._start_iterations(task, event)
            case events.TaskEnded():
                if event.output:
                    self._outputs[task.run_id] = event.output
                ended = replace(task, values=event.values, rows=event.rows, outcome=event.outcome)
                self._complete(ended, event.state)
            case events.RetryDue():
                if task.state.life_cycle == "WAITING_FOR_RETRY":
                    self._start_task(task)
            case events.TaskTimedOut():
                self._stop_task(task, "TIMEDOUT")
            case events.TaskCancelRequested():
                self._stop_task(task, "CANCELED")

    def _start_task(self, task: TaskRun) -> None:
        self._put_task(replace(task, state=states.PENDING, start_time=self._now_ms))
        if timeout := task.spec.get("timeout_seconds"):
            timed_out = events.TaskTimedOut(self._run.run_id, task.run_id)
            self._effects.append(effects.ScheduleEvent(self._now + timeout, timed_out))
        self._effects.append(effects.StartTask(task.run_id))

    def _mark_started(self, task: TaskRun) -> None:
        waited = self._milliseconds_since(task.start_time)
        if task.state.life_cycle == "QUEUED":
            task = replace(task, queue_duration=waited)
        else:
            task = replace(task, setup_duration=waited)
        if task.state.life_cycle in {"PENDING", "QUEUED"}:
            task = replace(task, state=states.RUNNING)
        elif task.nested_run_id:  # it was asked to stop before it had a run to cancel
            self._effects.append(effects.SendEvent(events.CancelRequested(task.nested_run_id)))
        self._put_task(task)

    def _stop_task(self, task: TaskRun, ending: str) -> None:
        """Ask a task to stop, or end it if it has not started."""
        if task.state.is_terminal or task.state.life_cycle == "TERMINATING":
            return
        if task.state.life_cycle in {"BLOCKED", "WAITING_FOR_RETRY"}:
            self._end_task(task, STOPPED[ending], may_retry=False)
            return
        self._put_task(replace(task, state=states.TERMINATING, ending=ending))
        iterations = self._latest_iterations(task)
        if iterations:
            for iteration in iterations:
                self._stop_task(iteration, ending)
            self._loops.add(task.run_id)
        elif task.nested_run_id:
            self._effects.append(effects.SendEvent(events.CancelRequested(task.nested_run_id)))
        else:
            self._effects.append(effects.StopTask(task.run_id))

    def _complete(self, task: TaskRun, state: State) -> None:
        """End a task whose work has ended; a task that was asked to stop ends as stopped."""
        if not task.state.is_terminal:
            self._end_task(task, STOPPED.get(task.ending, state))

    def _end_task(self, task: TaskRun, state: State, *, may_retry: bool = True) -> None:
        start_time = task.start_time or self._now_ms
        duration = self._now_ms - start_time - task.setup_duration - task.queue_duration
        task = replace(
            task,
            state=state,
            start_time=start_time,
            end_time=max(self._now_ms, start_time),
            execution_duration=max(0, duration),
        )
        self._put_task(task)
        if may_retry and not self._run.ending and rules.may_retry(task):
            self._schedule_retry(task)
        if task.parent:
            self._loops.add(task.parent)

    def _schedule_retry(self, task: TaskRun) -> None:
        retry = TaskRun(
            self._new_id(),
            task.spec,
            attempt=task.attempt + 1,
            retry=task.retry + 1,
            state=states.WAITING_FOR_RETRY,
            parent=task.parent,
            index=task.index,
            item=task.item,
        )
        self._put_task(retry)
        due = events.RetryDue(self._run.run_id, retry.run_id)
        when = rules.earliest_retry(task, self._now)
        self._effects.append(effects.ScheduleEvent(when, due))

    # For-each tasks

    def _start_iterations(self, task: TaskRun, event: events.IterationsStarted) -> None:
        self._mark_started(replace(task, concurrency=event.concurrency))
        for index, item in enumerate(event.inputs):
            iteration = TaskRun(
                self._new_id(), event.spec, parent=task.run_id, index=index, item=item
            )
            self._put_task(iteration)
        self._loops.add(task.run_id)

    def _continue_loop(self, loop: TaskRun) -> None:
        """Start the next iterations of a for-each task, or end it after the last one."""
        latest = self._latest_iterations(loop)
        waiting = [each for each in latest if each.state.life_cycle == "BLOCKED"]
        active = sum(not each.state.is_terminal for each in latest) - len(waiting)
        if loop.state.life_cycle == "RUNNING":
            for iteration in waiting[: max(0, loop.concurrency - active)]:
                self._start_task(iteration)
        if all(each.state.is_terminal for each in latest):
            self._complete(loop, rules.compute_loop_state(latest))

    def _latest_iterations(self, task: TaskRun) -> list[TaskRun]:
        iterations = (each for each in self._tasks.values() if each.parent == task.run_id)
        return list({each.index: each for each in iterations}.values())

    # Records

    def _milliseconds_since(self, moment: int) -> int:
        """Return the milliseconds since a moment; 0 if the clock was put back behind it."""
        return max(0, self._now_ms - moment)

    def _latest(self) -> dict[str, TaskRun]:
        return {task.key: task for task in self._tasks.values() if not task.parent}

    def _ready_tasks(self) -> list[TaskRun]:
        latest = self._latest()
        return [
            task
            for task in latest.values()
            if task.state.life_cycle == "BLOCKED"
            and rules.have_dependencies_ended(task.spec, latest)
        ]

    def _put_task(self, task: TaskRun) -> None:
        self._tasks[task.run_id] = task
        self._has_changed_tasks = True

    def _update_run(self, **changes: Any) -> None:
        self._run = replace(self._run, **changes)
