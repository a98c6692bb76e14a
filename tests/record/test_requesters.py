"""The people who started, canceled and repaired a run, from the cache or from the record."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cachelib import SimpleCache

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.cache import SharedCache, hash_json
from flask_lakeflow_jobs.globals import current_state
from flask_lakeflow_jobs.idempotency import RunOptions
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.record.recording import Actor, Origin
from flask_lakeflow_jobs.record.requesters import (
    MAX_ACTIONS,
    NO_ACTIONS,
    TTL_SECONDS,
    Requesters,
    RunAction,
    RunActions,
)
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.records import switchable_record
from tests.run_documents import build_job
from tests.support import RunGate

JOB = build_job(job_id=7)


class CrossProcessCache(SimpleCache):
    """A cache that counts as one that other processes see. It notes how long entries are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.timeouts: list[object] = []

    def set(self, key: str, value: object, timeout: int | timedelta | None = None) -> bool | None:
        self.timeouts.append(timeout)
        return super().set(key, value, timeout)


def actor(name: str | None, source: str = "http", user: str | None = None) -> Actor:
    return Actor(JOB, APP, Origin(source, user=user), name)  # type: ignore[arg-type]


def action(name: str, by: str, at: int = 0, source: str = "http") -> RunAction:
    return RunAction(name, at, by, source)


@pytest.mark.parametrize(
    ("actions", "started_by", "canceled_by", "repaired_by"),
    [
        ([], None, None, []),
        ([action("trigger", "ann")], "ann", None, []),
        ([action("cancel", "bob"), action("cancel", "cleo")], None, "bob", []),
        ([action("cancel", "bob"), action("repair", "cleo")], None, None, ["cleo"]),
        (
            [action("cancel", "bob"), action("repair", "cleo"), action("cancel", "dan")],
            None,
            "dan",
            ["cleo"],
        ),
    ],
)
def test_run_actions_by_order(
    actions: list[RunAction],
    started_by: str | None,
    canceled_by: str | None,
    repaired_by: list[str],
) -> None:
    found = RunActions(tuple(actions))
    assert found.started_by == started_by
    assert (found.cancel.by if found.cancel else None) == canceled_by
    assert [each.by for each in found.repairs] == repaired_by


@pytest.mark.parametrize("backend", [SimpleCache(), CrossProcessCache()])
def test_requesters_many_actions_keeps_start_and_newest(backend: SimpleCache) -> None:
    requesters = Requesters(SharedCache(backend), None, FakeClock(1_000.0))
    requesters.write(actor("ann"), 1, "trigger")
    for number in range(30):
        requesters.write(actor(f"user {number}"), 1, "cancel")
    found = requesters.read(7, [1, 2])
    assert found[1].started_by == "ann"
    assert found[1].actions[-1] == action("cancel", "user 29", 1_000_000)
    assert len(found[1].actions) == MAX_ACTIONS
    assert found[2] == NO_ACTIONS
    assert requesters.read_one(8, 1) == NO_ACTIONS


def test_requesters_shared_cache_has_bounded_entries_without_ids() -> None:
    backend = CrossProcessCache()
    requesters = Requesters(SharedCache(backend, namespace="app"), None, FakeClock())
    requesters.write(actor("ann"), 123456, "trigger")
    requesters.write(actor(None), 123457, "trigger")
    assert backend.timeouts == [TTL_SECONDS]
    ((key, (_, stored)),) = backend._cache.items()
    assert key.startswith("lakeflow-jobs:app:requesters:")
    assert "123456" not in key
    assert b"ann" in stored  # SimpleCache pickles the JSON text


@pytest.mark.parametrize("stored", ["text", {"by": "ann"}, [1, {"by": "ann"}], None])
def test_requesters_other_entries_are_ignored(stored: object) -> None:
    cache = SharedCache(CrossProcessCache())
    requesters = Requesters(cache, None, FakeClock())
    cache.set(f"requesters:{hash_json([7, 1])}", stored, 60)
    assert requesters.read_one(7, 1) == NO_ACTIONS
    requesters.write(actor("ann"), 1, "cancel")


def test_requesters_user_of_the_system_is_no_user_of_the_app() -> None:
    requesters = Requesters(SharedCache(SimpleCache()), None, FakeClock())
    requesters.write(actor(None, "cli", user="root"), 1, "trigger")
    assert requesters.read_one(7, 1).started_by == "root (command line)"


def test_requesters_unavailable_record_knows_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    with switchable_record(tmp_path, clock) as record:
        requesters = Requesters(SharedCache(SimpleCache()), record, clock)
        record.record_action(actor("ann").describe("trigger", run_id=1))
        record.record_action(actor(None).describe("cancel", run_id=1))
        (found,) = requesters.read_one(7, 1).actions
        assert (found.action, found.by) == ("trigger", "ann")
        record.is_available = False
        assert requesters.read(7, [1]) == {1: NO_ACTIONS}


@pytest.mark.parametrize("keeps", ["memory", "cache", "record"])
def test_handle_keeps_requesters_of_each_action(
    keeps: str, make_app: MakeApp, run_gate: RunGate, tmp_path: Path
) -> None:
    cache = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(tmp_path / "cache")}
    places: dict[str, dict[str, Any]] = {
        "memory": {},
        "cache": {"LAKEFLOW_JOBS_CACHE": cache},
        "record": {"LAKEFLOW_JOBS_RECORD_URL": True},
    }
    first, second = make_app(**places[keeps]), make_app(**places[keeps])
    with first.app_context():
        gated = current_jobs["gated"]
        options: RunOptions = {"requested_by": "ann", "idempotency_key": str(tmp_path)}
        started = gated.run_now(run_gate.params, **options)
        gated.run_now(run_gate.params, **options)
        gated.cancel_run(started.run_id, requested_by="bob")
        started.wait()
        gated.cancel_run(started.run_id, requested_by="too late")
        gated.repair_run(started.run_id, requested_by="cleo")
        gated.cancel_run(started.run_id, requested_by="dan")
    with (second if keeps == "cache" else first).app_context():
        found = current_state().requesters.read_one(gated.job.job_id, started.run_id)
    assert [(each.action, each.by) for each in found.actions] == [
        ("trigger", "ann"),
        ("cancel", "bob"),
        ("repair", "cleo"),
        ("cancel", "dan"),
    ]
