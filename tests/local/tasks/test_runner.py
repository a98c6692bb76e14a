"""The start and the stop of a task's work, and the events that report it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import ManualClock, load_bundle, states
from flask_lakeflow_jobs.local.events import (
    Event,
    IterationsStarted,
    RunSubmitted,
    TaskEnded,
    TaskPrepared,
    TaskQueued,
    TaskStarted,
)
from flask_lakeflow_jobs.local.folder import WorkspaceFolder
from flask_lakeflow_jobs.local.model import JobRun
from flask_lakeflow_jobs.local.tasks.files import WorkspaceFiles
from flask_lakeflow_jobs.local.tasks.logs import MAX_ERROR_BYTES
from flask_lakeflow_jobs.local.tasks.packages import InstallFailed
from flask_lakeflow_jobs.local.tasks.processes import TaskProcessFactory
from flask_lakeflow_jobs.local.tasks.runner import TaskRunner
from flask_lakeflow_jobs.local.tasks.work import CannotRun, NestedRun, ProcessWork
from tests.local.engine.support import RUN, job_run
from tests.local.support import python_task, simulated_job, write_bundle
from tests.local.tasks.support import task_services
from tests.support import wait_until

TASK, NESTED = 100, job_run({"task_key": "inner"})


class Harness:
    """A task runner whose events are collected."""

    def __init__(self, folder: Path, clock: ManualClock, max_processes: int) -> None:
        files = {"main.py": "print('hello')"}
        path = write_bundle(folder, {"etl": {"tasks": [python_task("main")]}}, files)
        bundle = load_bundle(path)
        (folder / "tasks").mkdir()
        self.events: list[Event] = []
        self.environment: dict[str, str] = {}
        self.runner = TaskRunner(
            WorkspaceFiles(lambda: bundle, WorkspaceFolder(folder)),
            clock,
            folder / "tasks",
            task_services(folder, self.environment),
            max_processes,
            {"id": 1},
            self._create_nested,
            self.events.append,
        )

    def start(self, spec: dict[str, Any], **fields: Any) -> None:
        run = job_run(spec, **fields)
        self.runner.start(run, run.tasks[0])

    def has_ended(self, task_id: int) -> bool:
        return any(isinstance(each, TaskEnded) and each.task_id == task_id for each in self.events)

    def _create_nested(self, run: JobRun, work: NestedRun) -> JobRun:
        if work.job_id == 5:
            raise CannotRun("There is no job 5.")
        return NESTED


@pytest.fixture
def harness(tmp_path: Path, clock: ManualClock) -> Iterator[Harness]:
    harness = Harness(tmp_path, clock, max_processes=1)
    yield harness
    harness.runner.close()


def condition(left: str, op: str = "EQUAL_TO") -> dict[str, Any]:
    return {"task_key": "a", "condition_task": {"left": left, "op": op, "right": "x"}}


def test_simulated_task_starts_and_ends_after_its_time(
    harness: Harness, clock: ManualClock
) -> None:
    simulation = simulated_job(seconds=3, output="42", values={"n": 1})
    harness.start({"task_key": "a"}, settings=simulation)
    clock.advance(2.9)
    assert harness.events == [TaskStarted(RUN, TASK)]
    clock.advance(0.1)
    output = {"logs": "42"}
    assert harness.events[1:] == [TaskEnded(RUN, TASK, states.SUCCESS, output, {"n": 1})]


def test_simulated_task_that_is_stopped_ends_soon(harness: Harness, clock: ManualClock) -> None:
    run = job_run({"task_key": "a"}, settings=simulated_job(seconds=3))
    harness.runner.start(run, run.tasks[0])
    harness.runner.stop(run, run.tasks[0])
    assert harness.events == [TaskStarted(RUN, TASK)]
    clock.advance(0)
    assert harness.events[1:] == [TaskEnded(RUN, TASK, states.CANCELED)]


def test_condition_is_prepared_and_ends_with_its_outcome(harness: Harness) -> None:
    parameters = [{"name": "p", "default": "x"}]
    harness.start(condition("{{job.parameters.p}}"), parameters=parameters)
    assert harness.events == [
        TaskPrepared(RUN, TASK, condition("x")),
        TaskEnded(RUN, TASK, states.SUCCESS, outcome="true"),
    ]


def test_for_each_starts_iterations_whose_references_stay(harness: Harness) -> None:
    inner = {"task_key": "each", "condition_task": {"left": "{{input}}", "op": "EQUAL_TO"}}
    body = {"inputs": "[1, {{job.id}}]", "task": inner, "concurrency": 2}
    harness.start({"task_key": "a", "for_each_task": body})
    assert harness.events == [
        TaskPrepared(RUN, TASK, {"task_key": "a", "for_each_task": {**body, "inputs": "[1, 7]"}}),
        IterationsStarted(RUN, TASK, inner, [1, 7], 2),
    ]


def test_run_job_submits_the_nested_run(harness: Harness) -> None:
    spec = {"task_key": "a", "run_job_task": {"job_id": 4}}
    harness.start(spec)
    assert harness.events == [
        TaskPrepared(RUN, TASK, spec),
        RunSubmitted(NESTED, may_queue=True),
        TaskStarted(RUN, TASK, NESTED.run_id),
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (condition("a", "LESS_THAN"), "The condition compares 'a' with 'x' by LESS_THAN, which"),
        (condition("{{tasks.b.values.x}}"), "The reference {{tasks.b.values.x}} has no value"),
        ({"task_key": "a", "run_job_task": {"job_id": 5}}, "There is no job 5."),
        ({"task_key": "a", "power_bi_task": {}}, "The local workspace cannot run a power_bi_task."),
        (
            {"task_key": "a", "condition_task": {}},
            "The local workspace could not start the task: KeyError('left').",
        ),
    ],
)
def test_task_that_cannot_run_ends_with_the_reason(
    harness: Harness, spec: dict[str, Any], message: str
) -> None:
    harness.start(spec)
    ended = harness.events[-1]
    assert isinstance(ended, TaskEnded)
    assert ended.state == states.INVALID_TASK.because(ended.state.message)
    assert ended.state.message.startswith(message)


def test_process_reports_its_start_and_its_end(harness: Harness) -> None:
    harness.start(python_task("a"))
    wait_until(lambda: len(harness.events) == 3, "the end of the process")
    prepared, started, ended = harness.events
    assert (prepared, started) == (
        TaskPrepared(RUN, TASK, python_task("a")),
        TaskStarted(RUN, TASK),
    )
    output = {"logs": "hello\n", "logs_truncated": False, "logs_start": 0}
    assert ended == TaskEnded(RUN, TASK, states.SUCCESS, output)


def test_error_that_clients_would_not_read_is_cut(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise ValueError('é' * 200_000)")
    harness.start(python_task("a"))
    wait_until(lambda: harness.has_ended(TASK), "the end of the process")
    ended = harness.events[-1]
    assert isinstance(ended, TaskEnded)
    for key, start in (("error", "ValueError: é"), ("error_trace", "Traceback")):
        assert ended.output[key].startswith(start)
        assert MAX_ERROR_BYTES - 2 < len(ended.output[key].encode()) <= MAX_ERROR_BYTES


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InstallFailed("No secret."), "No [REDACTED]."),
        (OSError("no file"), "The task's process could not be started: no file."),
        (ValueError("null"), "The task's process could not be started: ValueError('null')."),
    ],
)
def test_process_whose_services_fail_ends_with_the_reason(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(TaskProcessFactory, "install_and_start_spark", fail)
    harness.environment["LAKEFLOW_SECRET_A_B"] = "secret"
    harness.start(python_task("a"))
    wait_until(lambda: harness.has_ended(TASK), "the end of the process")
    ended = harness.events[-1]
    assert isinstance(ended, TaskEnded)
    assert (ended.state, ended.output["error"]) == (states.FAILED, message)


def test_process_over_the_limit_is_queued_and_ends_when_it_is_stopped(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[int] = []
    prepare = TaskProcessFactory.install_and_start_spark

    def record(services: TaskProcessFactory, work: ProcessWork, *more: Any) -> dict[str, str]:
        served.append(work.payload["run"]["runId"])
        return prepare(services, work, *more)

    monkeypatch.setattr(TaskProcessFactory, "install_and_start_spark", record)
    (tmp_path / "main.py").write_text("import time; time.sleep(1000)")
    run = job_run(python_task("a"), python_task("b"))
    for task in run.tasks:
        harness.runner.start(run, task)
    wait_until(lambda: TaskStarted(RUN, TASK) in harness.events, "the start of the process")
    assert TaskQueued(RUN, TASK + 1) in harness.events
    harness.runner.stop(run, run.tasks[1])
    ended = TaskEnded(
        RUN, TASK + 1, states.SUCCESS, {"logs": "", "logs_truncated": False, "logs_start": 0}
    )
    wait_until(lambda: ended in harness.events, "the end of the queued process")
    assert served == [TASK]
    harness.runner.stop(run, run.tasks[0])
    wait_until(lambda: harness.has_ended(TASK), "the end of the process")


def test_output_of_a_process_is_its_log_so_far(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import time; print('so far'); time.sleep(1000)")
    run = job_run(python_task("a"))
    assert harness.runner.output_of(TASK) == {}
    harness.runner.start(run, run.tasks[0])
    output = {"logs": "so far\n", "logs_truncated": False}
    wait_until(lambda: harness.runner.output_of(TASK) == output, "the first line")
    assert harness.runner.output_of(4711) == {}
