"""Events and effects that fail, as on a full disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from flask_lakeflow_jobs.local import ManualClock, states
from flask_lakeflow_jobs.local.store.sqlite import Store
from tests.local.engine.conftest import Workshop
from tests.local.support import simulated_task


def fill_disk(workshop: Workshop) -> Callable[[], None]:
    """Let the database grow no more, as on a full disk; return a function that makes room."""
    database = workshop.store._db
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")

    def make_room() -> None:
        database.execute("PRAGMA max_page_count = 1000000")

    return make_room


def test_run_that_ends_while_the_disk_is_full_ends_once_there_is_room(
    workshop: Workshop, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = workshop.start(simulation={"seconds": 1, "output": "x" * 100_000})
    make_room = fill_disk(workshop)
    clock.advance(10)
    assert workshop.state(run_id) == "RUNNING"
    assert [record.getMessage() for record in caplog.records] == [
        "Runs cannot be saved: database or disk is full. This is tried again every second."
    ]
    make_room()
    clock.advance(1)
    assert workshop.state(run_id) == "SUCCESS"
    (task,) = workshop.runs.find_run(run_id).tasks
    assert len(workshop.runs.load_output(task)["result"]) == 100_000


def test_run_that_is_being_canceled_ends_once_it_can_be_saved(
    workshop: Workshop, clock: ManualClock
) -> None:
    run_id = workshop.start(simulation={"seconds": 100})
    workshop.engine.cancel(workshop.runs.find_run(run_id))
    workshop.store._db.execute("PRAGMA query_only = ON")
    clock.advance(10)
    assert workshop.state(run_id) == "TERMINATING"
    workshop.store._db.execute("PRAGMA query_only = OFF")
    clock.advance(1)
    assert workshop.state(run_id) == "CANCELED"


def test_command_on_a_full_disk_fails_and_changes_nothing(
    workshop: Workshop, clock: ManualClock
) -> None:
    make_room = fill_disk(workshop)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        workshop.start(simulated_task("a" * 100_000), token="t")
    assert workshop.runs.active_runs() == []
    make_room()
    run_id = workshop.start(token="t")
    clock.advance(1)
    assert workshop.state(run_id) == "SUCCESS"


def fail_once(monkeypatch: pytest.MonkeyPatch, store: Store, method: str) -> None:
    original = getattr(store, method)

    def fail(*_: Any) -> None:
        monkeypatch.setattr(store, method, original)
        raise OSError("disk full")

    monkeypatch.setattr(store, method, fail)


def test_start_run_that_cannot_be_committed_leaves_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once(monkeypatch, workshop.store, "add_tasks")
    with pytest.raises(OSError, match="disk full"):
        workshop.start(token="t", simulation={"seconds": 5})
    assert workshop.runs.is_idle
    assert workshop.store.active_run_ids() == []
    run_id = workshop.start(token="t")
    workshop.clock.advance(0)
    assert workshop.state(run_id) == "SUCCESS"


@pytest.mark.parametrize("method", ["save_run", "save_tasks", "save_outputs"])
def test_event_that_cannot_be_committed_changes_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    run_id = workshop.start(simulation={"seconds": 5})
    before = workshop.runs.find_run(run_id)
    fail_once(monkeypatch, workshop.store, method)
    with pytest.raises(OSError, match="disk full"):
        workshop.engine.cancel(before)
    assert workshop.runs.find_run(run_id) is before
    assert workshop.store.load_run(run_id) == before
    workshop.engine.cancel(before)
    workshop.clock.advance(0)
    assert workshop.state(run_id) == "CANCELED"


def test_event_that_follows_and_fails_is_logged_and_holds_up_no_other(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_once(monkeypatch, workshop.store, "save_tasks")
    run_id = workshop.start(simulated_task("a"), simulated_task("b"), simulation={"seconds": 5})
    assert "could not be handled" in caplog.text
    first, second = workshop.runs.find_run(run_id).tasks
    assert (first.state, second.state) == (states.PENDING, states.RUNNING)
    workshop.clock.advance(5)
    assert workshop.state(run_id) == "SUCCESS"


def test_effect_that_fails_is_logged_and_holds_up_no_other(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    call_at = workshop.clock.call_at

    def fail(*_: Any) -> None:
        monkeypatch.setattr(workshop.clock, "call_at", call_at)
        raise RuntimeError("no thread")

    monkeypatch.setattr(workshop.clock, "call_at", fail)
    run_id = workshop.start(simulated_task("a", timeout_seconds=3), simulation={"seconds": 5})
    assert "The effect ScheduleEvent" in caplog.text
    workshop.clock.advance(5)
    assert workshop.state(run_id) == "SUCCESS"
