"""The current state of runs: visible once it is committed, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.errors import InvalidParameterValue, RunDoesNotExist
from flask_lakeflow_jobs.local.model import JobRun, TaskRun
from flask_lakeflow_jobs.local.store import unit_of_work as module
from flask_lakeflow_jobs.local.store.sqlite import Store
from flask_lakeflow_jobs.local.store.unit_of_work import UnitOfWork


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite")


@pytest.fixture
def unit_of_work(store: Store) -> Iterator[UnitOfWork]:
    unit_of_work = UnitOfWork(store)
    yield unit_of_work
    unit_of_work.close()


def job_run(run_id: int = 1, **fields: Any) -> JobRun:
    tasks = (TaskRun(run_id * 10, {"task_key": "a"}), TaskRun(run_id * 10 + 1, {"task_key": "b"}))
    own = {"job_id": 1, "state": states.RUNNING, "tasks": tasks, **fields}
    return JobRun(run_id=run_id, name="etl", creator="me", settings={}, start_time=0, **own)


def test_save_run_writes_the_changed_and_the_new_tasks(
    unit_of_work: UnitOfWork, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = job_run()
    unit_of_work.add_run(run)
    first, second = run.tasks
    changed, new = replace(second, state=states.RUNNING), TaskRun(12, {"task_key": "b"}, attempt=1)
    saved: list[TaskRun] = []
    save_tasks = store.save_tasks
    monkeypatch.setattr(store, "save_tasks", lambda tasks: saved.extend(tasks))
    after = replace(run, settings={"timeout_seconds": 5}, tasks=(first, changed, new))
    unit_of_work.save_run(after, {11: {"logs": "x"}})
    assert saved == [changed]
    assert unit_of_work.find_run(1) is after
    save_tasks(saved)
    assert store.load_run(1) == after
    assert unit_of_work.load_output(changed) == {"logs": "x"}


@pytest.mark.parametrize("method", ["add_tasks", "save_run", "save_tasks", "save_outputs"])
def test_save_run_that_fails_changes_nothing(
    unit_of_work: UnitOfWork, store: Store, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    run = job_run()
    unit_of_work.add_run(run)

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(store, method, fail)
    after = replace(run, state=states.SUCCESS, tasks=(*run.tasks, TaskRun(12, {"task_key": "c"})))
    with pytest.raises(OSError, match="disk full"):
        unit_of_work.save_run(after, {10: {"logs": "x"}})
    assert unit_of_work.find_run(1) is run
    assert store.load_run(1) == run
    assert unit_of_work.active_runs() == [run]
    assert unit_of_work.load_output(run.tasks[0]) == {}


def test_active_runs_are_those_that_have_not_ended(unit_of_work: UnitOfWork) -> None:
    first, second, other = job_run(1), job_run(2), job_run(3, job_id=2)
    for run in (first, second, other):
        unit_of_work.add_run(run)
    assert unit_of_work.active_runs() == [first, second, other]
    assert unit_of_work.active_runs(1) == [first, second]
    unit_of_work.save_run(replace(first, state=states.SUCCESS), {})
    assert unit_of_work.active_runs(1) == [second]
    unit_of_work.save_run(first, {})
    assert unit_of_work.active_runs(1) == [second, first]
    assert not unit_of_work.is_idle


def test_ended_runs_beyond_the_cache_come_from_the_store(
    unit_of_work: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_CACHED_RUNS", 1)
    first, second = (job_run(number, state=states.SUCCESS) for number in (1, 2))
    unit_of_work.add_run(first)
    unit_of_work.add_run(second)
    assert unit_of_work.find_run(2) is second
    assert unit_of_work.find_run(1) == first
    assert unit_of_work.find_run(1) is not first
    reactivated = replace(first, state=states.RUNNING)
    unit_of_work.save_run(reactivated, {})
    assert unit_of_work.find_run(1) is reactivated


def test_find_task_returns_its_run(unit_of_work: UnitOfWork) -> None:
    run = job_run()
    unit_of_work.add_run(run)
    assert unit_of_work.find_task(11) == (run, run.tasks[1])
    with pytest.raises(RunDoesNotExist):
        unit_of_work.find_task(1)


def test_token_finds_its_run_until_the_run_is_deleted(unit_of_work: UnitOfWork) -> None:
    run = job_run(state=states.SUCCESS)
    assert unit_of_work.find_run_of_token("t") is None
    unit_of_work.add_run(run, "t")
    assert unit_of_work.find_run_of_token("t") is run
    unit_of_work.delete_run(run)
    with pytest.raises(InvalidParameterValue, match="has been deleted"):
        unit_of_work.find_run_of_token("t")
    with pytest.raises(RunDoesNotExist):
        unit_of_work.find_run(1)


def test_ids_are_exact_in_javascript(unit_of_work: UnitOfWork) -> None:
    ids = {unit_of_work.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(10**14 <= each < 2**53 for each in ids)
