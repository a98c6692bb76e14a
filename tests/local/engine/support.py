"""Runs and work of tasks for tests of the engine, without a workspace."""

from __future__ import annotations

import itertools
from typing import Any

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.engine.decisions import Decision, decide
from flask_lakeflow_jobs.local.engine.effects import Effect
from flask_lakeflow_jobs.local.events import Event, RunSubmitted, TaskEnded
from flask_lakeflow_jobs.local.model import JobRun, TaskRun
from flask_lakeflow_jobs.local.states import State
from tests.local.support import depends_on

RUN, JOB, PARENT, NESTED = 1, 7, 8, 9
NOW = 1000.0


def task(key: str, *upstream: str, **more: Any) -> dict[str, Any]:
    return {"task_key": key, "depends_on": depends_on(*upstream), **more}


def job_run(*specs: dict[str, Any], **fields: Any) -> JobRun:
    """Return a run that has not been submitted; the tasks have the ids 100, 101 …"""
    own = {"tasks": list(specs), **fields.pop("settings", {})}
    tasks = tuple(TaskRun(100 + number, spec) for number, spec in enumerate(specs))
    return JobRun(RUN, JOB, "etl", "me", own, int(NOW * 1000), tasks=tasks, **fields)


class Course:
    """A run to which one event after the other is applied."""

    def __init__(self, run: JobRun, *events: Event) -> None:
        self.run = run
        self.now = NOW
        self.effects: tuple[Effect, ...] = ()
        self.outputs: dict[int, dict[str, Any]] = {}
        self._ids = itertools.count(200)
        for event in events:
            self.apply(event)

    def apply(self, event: Event, *, running_runs: int = 0) -> tuple[Effect, ...]:
        decision = self.decide(event, running_runs=running_runs)
        self.run, self.effects = decision.run, decision.effects
        self.outputs |= decision.outputs
        return self.effects

    def decide(self, event: Event, *, running_runs: int = 0) -> Decision:
        new_id = self._ids.__next__
        return decide(self.run, event, now=self.now, running_runs=running_runs, new_id=new_id)

    def task(self, key: str) -> TaskRun:
        return self.run.latest_attempts()[key]

    def states(self) -> dict[str, str]:
        """Return the result, or else the life cycle, of each task."""
        latest = self.run.latest_attempts().values()
        return {each.key: each.state.result or each.state.life_cycle for each in latest}

    def iteration_states(self) -> list[str]:
        return [each.state.result or each.state.life_cycle for each in self.run.iterations]


def started(*specs: dict[str, Any], **fields: Any) -> Course:
    run = job_run(*specs, **fields)
    return Course(run, RunSubmitted(run))


def ended(task_id: int, state: State = states.SUCCESS, **fields: Any) -> TaskEnded:
    return TaskEnded(RUN, task_id, state, **fields)
