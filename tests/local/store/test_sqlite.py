"""The database of a workspace: records come back as they were written."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.folder import WorkspaceError
from flask_lakeflow_jobs.local.model import JobRun, Repair, TaskRun
from flask_lakeflow_jobs.local.store.sqlite import RunSelection, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "runs.sqlite")
    yield store
    store.close()


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("store") / "runs.sqlite")
    yield store
    store.close()


IDS = itertools.count(1)


def job_run(run_id: int, **fields: Any) -> JobRun:
    own = {"job_id": 1, "name": "etl", "creator": "me", "settings": {}, "start_time": run_id}
    return JobRun(run_id, **{**own, **fields})


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)
STATES = st.sampled_from([states.PENDING, states.RUNNING, states.SUCCESS, states.FAILED])
TASKS = st.builds(
    TaskRun,
    run_id=st.just(0),
    spec=st.fixed_dictionaries({"task_key": st.text()}, optional={"x": JSON}),
    state=STATES,
    ending=st.sampled_from(["", "CANCELED", "TIMEDOUT"]),
    values=st.dictionaries(st.text(), JSON, max_size=2),
    rows=st.lists(st.dictionaries(st.text(), JSON, max_size=2), max_size=2),
    resolved=st.dictionaries(st.text(), JSON, max_size=2),
    parent=st.integers(0, 1),
    item=JSON,
)
REPAIRS = st.builds(
    Repair, st.integers(0, 9), st.integers(0, 9), st.tuples(st.integers(0, 9)), state=STATES
)


@settings(max_examples=40, deadline=None)
@given(st.lists(TASKS, max_size=4), st.lists(REPAIRS, max_size=2), STATES, JSON)
def test_run_comes_back_as_it_was_added(
    shared_store: Store,
    tasks: list[TaskRun],
    repairs: list[Repair],
    state: states.State,
    value: Any,
) -> None:
    run_id = next(IDS)
    tasks = [replace(task, run_id=next(IDS)) for task in tasks]
    run = job_run(
        run_id,
        settings={"x": value},
        state=state,
        overriding={"x": value},
        repairs=tuple(repairs),
        tasks=tuple(task for task in tasks if not task.parent),
        iterations=tuple(task for task in tasks if task.parent),
    )
    with shared_store.transaction():
        shared_store.add_run(run)
        shared_store.add_tasks(run, run.iterations)
    assert shared_store.load_run(run_id) == run


def test_unknown_records_are_none(store: Store) -> None:
    assert store.load_run(1) is None
    assert store.job_run_of_task(1) is None
    assert store.run_id_of_token("t") is None
    assert store.load_output(1) == {}


@pytest.mark.parametrize(
    ("selection", "run_ids"),
    [
        (RunSelection(), [5, 4, 3, 2, 1]),
        (RunSelection(job_id=2), [4, 2]),
        (RunSelection(active=True), [5]),
        (RunSelection(active=False, job_id=1), [3, 1]),
        (RunSelection(run_type="SUBMIT_RUN"), [3]),
        (RunSelection(started_from=2, started_to=4), [4, 3, 2]),
    ],
)
def test_list_runs_filters(store: Store, selection: RunSelection, run_ids: list[int]) -> None:
    for run_id in range(1, 6):
        store.add_run(
            job_run(
                run_id,
                job_id=1 if run_id % 2 else 2,
                state=states.RUNNING if run_id == 5 else states.SUCCESS,
                run_type="SUBMIT_RUN" if run_id == 3 else "JOB_RUN",
            )
        )
    assert [run_id for _, run_id in store.list_runs(selection, 10)] == run_ids
    assert [run_id for _, run_id in store.list_runs(selection, 1, offset=1)] == run_ids[1:2]


def test_list_runs_begins_and_ends_at_a_position(store: Store) -> None:
    for run_id in range(1, 6):
        store.add_run(job_run(run_id, start_time=7))
    positions = {run_id: position for position, run_id in store.list_runs(RunSelection(), 9)}
    after = store.list_runs(RunSelection(), 2, after=positions[4])
    before = store.list_runs(RunSelection(), 2, before=positions[2])
    assert [run_id for _, run_id in after] == [3, 2]
    assert [run_id for _, run_id in before] == [4, 3]


def test_delete_runs_before_keeps_active_and_recent_ones(store: Store) -> None:
    for run_id, state in ((1, states.SUCCESS), (2, states.RUNNING), (3, states.SUCCESS)):
        tasks = (TaskRun(run_id * 10, {"task_key": "a"}),)
        store.add_run(job_run(run_id, state=state, tasks=tasks))
        store.save_outputs({run_id * 10: {"logs": "x"}})
    store.delete_runs_before(3)
    assert [run_id for _, run_id in store.list_runs(RunSelection(), 9)] == [3, 2]
    assert [bool(store.load_output(run_id * 10)) for run_id in (1, 2, 3)] == [False, True, True]


def test_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def add_twice() -> None:
        with store.transaction():
            store.add_run(job_run(1))
            store.add_run(job_run(1))

    with pytest.raises(sqlite3.IntegrityError):
        add_twice()
    assert store.load_run(1) is None
    with store.transaction():
        store.add_run(job_run(1))
    assert store.active_run_ids() == [1]


def test_jobs_come_back_as_they_were_saved(store: Store) -> None:
    store.save_created(1, 5, "me", {"name": "old"})
    store.save_created(1, 5, "me", {"name": "new"})
    store.save_created(2, 6, "me", {})
    store.delete_created(2)
    assert store.load_created() == [
        {"job_id": 1, "created": 5, "creator": "me", "settings": {"name": "new"}}
    ]


def test_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 1")
    database.close()
    with pytest.raises(WorkspaceError, match="another version of the local workspace"):
        Store(path)


def test_store_is_readable_by_its_user_only(store: Store, tmp_path: Path) -> None:
    assert os.stat(tmp_path / "runs.sqlite").st_mode & 0o077 == 0
