"""Runs and work of tasks for tests of the engine, without a workspace."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import load_bundle, states
from flask_lakeflow_jobs.local.engine.decisions import Decision, decide
from flask_lakeflow_jobs.local.engine.effects import Effect
from flask_lakeflow_jobs.local.engine.events import Event, RunSubmitted, TaskEnded
from flask_lakeflow_jobs.local.engine.files import WorkspaceFiles
from flask_lakeflow_jobs.local.engine.kinds import build_work
from flask_lakeflow_jobs.local.engine.packages import Packages
from flask_lakeflow_jobs.local.engine.processes import TaskServices
from flask_lakeflow_jobs.local.engine.spark import Spark
from flask_lakeflow_jobs.local.engine.task_context import TaskContext
from flask_lakeflow_jobs.local.engine.work import CannotRun, ProcessWork
from flask_lakeflow_jobs.local.environment import find_secrets
from flask_lakeflow_jobs.local.home import WorkspaceFolder
from flask_lakeflow_jobs.local.model import JobRun, TaskRun
from flask_lakeflow_jobs.local.states import State
from tests.local.support import depends_on

RUN, JOB, PARENT, NESTED = 1, 7, 8, 9
NOW = 1000.0


def task_services(folder: Path, environment: Mapping[str, str] | None = None) -> TaskServices:
    """Return services that are not used."""
    packages = Packages(folder / "packages", is_enabled=False)
    return TaskServices(
        lambda: environment or {},
        lambda: frozenset(find_secrets(environment or {})),
        packages,
        Spark(folder / "spark", set, "me"),
        dict,
    )


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


def context(folder: Path, **fields: Any) -> TaskContext:
    bundle = load_bundle(folder / "databricks.yml")
    return TaskContext(
        **{
            "settings": {},
            "packages": Packages(folder / "packages", is_enabled=False),
            "files": WorkspaceFiles(lambda: bundle, WorkspaceFolder(folder)),
            "run": {"runId": 5},
            "pipelines": bundle.pipelines,
            **fields,
        }
    )


def payload(work: object) -> dict[str, Any]:
    assert isinstance(work, ProcessWork)
    return work.payload


def refusal(kind: str, body: Any, context: TaskContext) -> str:
    with pytest.raises(CannotRun) as caught:
        build_work({"task_key": "main", kind: body}, context)
    return str(caught.value)
