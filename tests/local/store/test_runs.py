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
from flask_lakeflow_jobs.local.store import runs as module
from flask_lakeflow_jobs.local.store.runs import RunStore
from flask_lakeflow_jobs.local.store.sqlite import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite")


@pytest.fixture
def run_store(store: Store) -> Iterator[RunStore]:
    run_store = RunStore(store)
    yield run_store
    run_store.close()


def job_run(run_id: int = 1, **fields: Any) -> JobRun:
    tasks = (TaskRun(run_id * 10, {"task_key": "a"}), TaskRun(run_id * 10 + 1, {"task_key": "b"}))
    own = {"job_id": 1, "state": states.RUNNING, "tasks": tasks, **fields}
    return JobRun(run_id=run_id, name="etl", creator="me", settings={}, start_time=0, **own)


def test_save_run_writes_the_changed_and_the_new_tasks(
    run_store: RunStore, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = job_run()
    run_store.add_run(run)
    first, second = run.tasks
    changed, new = replace(second, state=states.RUNNING), TaskRun(12, {"task_key": "b"}, attempt=1)
    saved: list[TaskRun] = []
    save_tasks = store.save_tasks
    monkeypatch.setattr(store, "save_tasks", lambda tasks: saved.extend(tasks))
    after = replace(run, settings={"timeout_seconds": 5}, tasks=(first, changed, new))
    run_store.save_run(after, {11: {"logs": "x"}})
    assert saved == [changed]
    assert run_store.find_run(1) is after
    save_tasks(saved)
    assert store.load_run(1) == after
    assert run_store.load_output(changed) == {"logs": "x"}


@pytest.mark.parametrize("method", ["add_tasks", "save_run", "save_tasks", "save_outputs"])
def test_save_run_that_fails_changes_nothing(
    run_store: RunStore, store: Store, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    run = job_run()
    run_store.add_run(run)

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(store, method, fail)
    after = replace(run, state=states.SUCCESS, tasks=(*run.tasks, TaskRun(12, {"task_key": "c"})))
    with pytest.raises(OSError, match="disk full"):
        run_store.save_run(after, {10: {"logs": "x"}})
    assert run_store.find_run(1) is run
    assert store.load_run(1) == run
    assert run_store.active_runs() == [run]
    assert run_store.load_output(run.tasks[0]) == {}


def test_active_runs_are_those_that_have_not_ended(run_store: RunStore) -> None:
    first, second, other = job_run(1), job_run(2), job_run(3, job_id=2)
    for run in (first, second, other):
        run_store.add_run(run)
    assert run_store.active_runs() == [first, second, other]
    assert run_store.active_runs(1) == [first, second]
    run_store.save_run(replace(first, state=states.SUCCESS), {})
    assert run_store.active_runs(1) == [second]
    run_store.save_run(first, {})
    assert run_store.active_runs(1) == [second, first]
    assert not run_store.is_idle


def test_ended_runs_beyond_the_cache_come_from_the_store(
    run_store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_CACHED_RUNS", 1)
    first, second = (job_run(number, state=states.SUCCESS) for number in (1, 2))
    run_store.add_run(first)
    run_store.add_run(second)
    assert run_store.find_run(2) is second
    assert run_store.find_run(1) == first
    assert run_store.find_run(1) is not first
    reactivated = replace(first, state=states.RUNNING)
    run_store.save_run(reactivated, {})
    assert run_store.find_run(1) is reactivated


def test_find_task_returns_its_run(run_store: RunStore) -> None:
    run = job_run()
    run_store.add_run(run)
    assert run_store.find_task(11) == (run, run.tasks[1])
    with pytest.raises(RunDoesNotExist):
        run_store.find_task(1)


def test_token_finds_its_run_until_the_run_is_deleted(run_store: RunStore) -> None:
    run = job_run(state=states.SUCCESS)
    assert run_store.find_run_of_token("t") is None
    run_store.add_run(run, "t")
    assert run_store.find_run_of_token("t") is run
    run_store.delete_run(run)
    with pytest.raises(InvalidParameterValue, match="has been deleted"):
        run_store.find_run_of_token("t")
    with pytest.raises(RunDoesNotExist):
        run_store.find_run(1)


def test_ids_are_exact_in_javascript(run_store: RunStore) -> None:
    ids = {run_store.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(10**14 <= each < 2**53 for each in ids)
