"""What processes tell each other of a run, and whose turn a look is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from databricks.sdk.service.jobs import Run
from flask import Flask
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.cache import KEY_PREFIX, SharedCache
from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.watching.lease import Lease, LeaseCoordinator
from flask_lakeflow_jobs.watching.shared_record import SharedRecords
from flask_lakeflow_jobs.watching.snapshot import Snapshot
from flask_lakeflow_jobs.watching.watched_run import RunKey, WatchedRun
from tests.clocks import FakeClock
from tests.run_documents import SUCCEEDED, named_job, run, words

LEASE = 5.0

ONE = RunKey(APP, named_job(), 1001)
ALICES = RunKey(Identity("token-of-alice"), named_job(), 1001)
OTHER_KEY = RunKey(APP, named_job("other"), 1001)

RUNNING = Snapshot.of(RunStatus(1, run(), eta=5))
ENDED = Snapshot.of(RunStatus(2, run(SUCCEEDED)))


class Store(SimpleCache):
    """A store of which it is not known that no other process sees it."""


def restore(stored: dict[str, Any]) -> RunStatus:
    return RunStatus(stored["timestamp"], Run.from_dict(stored["run"]), stored.get("eta"))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def records(store: Store, clock: FakeClock) -> SharedRecords:
    return SharedRecords(SharedCache(store), restore, clock, LEASE)


def test_what_is_told_is_read_by_others(
    records: SharedRecords, store: Store, clock: FakeClock
) -> None:
    other = SharedRecords(SharedCache(store), restore, FakeClock(), LEASE)
    assert other.post(ONE) is None
    assert other.state(ONE) is None
    records.store(ONE, RUNNING)
    number = records.tell(ONE, RUNNING, 2.5)
    post, state = other.post(ONE), other.state(ONE)
    assert post is not None
    assert (post.number, post.state, post.delay) == (number, str(RUNNING.id), 2.5)
    assert post.at == clock.now()
    assert state is not None
    assert (state.id, state.data) == (RUNNING.id, RUNNING.data)
    assert state.status == RUNNING.status


def test_each_look_has_a_number_of_its_own(records: SharedRecords) -> None:
    assert len({records.tell(ONE, RUNNING, 1.0) for _ in range(100)}) == 100


@pytest.mark.parametrize("other", [ALICES, OTHER_KEY], ids=["identity", "key"])
def test_nothing_is_told_to_other_identities_or_keys(records: SharedRecords, other: RunKey) -> None:
    records.store(ONE, RUNNING)
    number = records.tell(ONE, RUNNING, 1.0)
    assert records.post(other) is None
    assert records.state(other) is None
    assert records.claim(ONE, number)
    assert records.claim(other, number)


def test_a_token_is_in_no_name_of_what_is_stored() -> None:
    assert "token-of-alice" not in ALICES.key


def test_one_process_has_a_claim_until_it_gives_it_back_or_the_next_look(
    records: SharedRecords,
) -> None:
    assert records.claim(ONE, "1")
    assert not records.claim(ONE, "1")
    assert records.claim(ONE, "2")
    records.release(ONE, "1")
    assert records.claim(ONE, "1")


@pytest.mark.parametrize("is_expired", [False, True])
def test_a_claim_holds_as_long_as_the_store_shows_it(
    records: SharedRecords, store: Store, monkeypatch: pytest.MonkeyPatch, is_expired: bool
) -> None:
    """The file cache of cachelib adds nothing in place of what has expired."""
    assert records.claim(ONE, "1")
    if is_expired:
        monkeypatch.setattr(store, "get", lambda key: None)
    assert records.claim(ONE, "1") is is_expired


def test_one_state_of_a_run_is_kept_and_not_each(records: SharedRecords, store: Store) -> None:
    for number in range(10):
        records.store(
            ONE, Snapshot.of(RunStatus(number, run(words("RUNNING", message=f"{number}"))))
        )
    assert len(store._cache) == 1


def test_what_is_stored_is_text(records: SharedRecords, store: Store) -> None:
    records.store(ONE, RUNNING)
    records.tell(ONE, RUNNING, 1.0)
    names = [f"{KEY_PREFIX}watch:{ONE.key}", f"{KEY_PREFIX}state:{ONE.key}"]
    assert [json.loads(store.get(name))["version"] for name in names] == [1, 1]


# ── turns ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_process_that_shares_nothing_looks_itself_and_stores_nothing(clock: FakeClock) -> None:
    shared = SharedCache.from_config(Flask(__name__), {"CACHE_TYPE": "SimpleCache"}, None)
    leases = LeaseCoordinator(SharedRecords(shared, restore, clock, LEASE), clock, LEASE)
    watched_run = WatchedRun(ONE, 0.0)
    assert leases.next(watched_run) == (Lease.ACQUIRED, None)
    leases.made(watched_run, RUNNING, 1.0, is_new=True)
    assert shared.get(f"watch:{ONE.key}") is None


class Process:
    """One that watches the run.

    :param board: where it meets the others.
    """

    def __init__(self, records: SharedRecords, clock: FakeClock) -> None:
        self.leases = LeaseCoordinator(records, clock, LEASE)
        self.watched_run = WatchedRun(ONE, 0.0)

    def poll(self, snapshot: Snapshot, delay: float = 4.0) -> None:
        turn, _ = self.leases.next(self.watched_run)
        assert turn is Lease.ACQUIRED
        is_new = self.watched_run.publish(snapshot=snapshot)
        self.leases.made(self.watched_run, snapshot, delay, is_new=is_new)


@pytest.fixture
def first(records: SharedRecords, clock: FakeClock) -> Process:
    return Process(records, clock)


@pytest.fixture
def second(records: SharedRecords, clock: FakeClock) -> Process:
    return Process(records, clock)


def test_who_comes_second_waits_and_is_told(first: Process, second: Process) -> None:
    assert first.leases.next(first.watched_run) == (Lease.ACQUIRED, None)
    assert second.leases.next(second.watched_run) == (Lease.HELD, None)
    first.watched_run.publish(snapshot=RUNNING)
    first.leases.made(first.watched_run, RUNNING, 4.0, is_new=True)
    turn, snapshot = second.leases.next(second.watched_run)
    assert turn is Lease.FRESH
    assert snapshot is not None
    assert snapshot.data == RUNNING.data
    assert second.leases.next(second.watched_run) == (Lease.FRESH, None), "that is no news any more"


def test_a_look_is_relied_on_as_long_as_its_maker_does(
    first: Process, second: Process, clock: FakeClock
) -> None:
    first.poll(RUNNING, delay=4.0)
    clock.sleep(3.0)
    assert second.leases.next(second.watched_run)[0] is Lease.FRESH
    clock.sleep(0.5)
    assert second.leases.next(second.watched_run)[0] is Lease.FRESH
    clock.sleep(0.5)
    assert second.leases.next(second.watched_run)[0] is Lease.ACQUIRED


def test_a_look_that_is_too_old_is_not_relied_on(
    first: Process, second: Process, clock: FakeClock
) -> None:
    first.poll(RUNNING, delay=4.0)
    clock.sleep(5.0)
    assert second.leases.next(second.watched_run) == (Lease.ACQUIRED, None)


def test_a_state_that_was_lost_or_overwritten_is_stored_anew(
    first: Process, second: Process, records: SharedRecords, store: Store
) -> None:
    first.poll(ENDED)
    records.store(ONE, RUNNING)  # by one that lags behind
    second.poll(ENDED)
    stored = records.state(ONE)
    assert stored is not None
    assert stored.id == ENDED.id


def test_what_was_changed_is_looked_at_by_one_whoever_has_seen_or_claimed_it(
    first: Process, second: Process, records: SharedRecords, clock: FakeClock
) -> None:
    first.poll(ENDED, delay=60.0)
    assert second.leases.next(second.watched_run)[0] is Lease.FRESH
    late = Process(records, clock)
    records.forget(ONE)
    assert late.leases.next(late.watched_run) == (Lease.ACQUIRED, None)
    assert second.leases.next(second.watched_run) == (Lease.HELD, None)


def test_a_look_is_void_if_the_run_was_changed_since_it_began(
    first: Process, records: SharedRecords
) -> None:
    first.leases.next(first.watched_run)
    assert not first.leases.is_void(first.watched_run)
    records.forget(ONE)
    assert first.leases.is_void(first.watched_run)
    first.leases.next(first.watched_run)
    assert not first.leases.is_void(first.watched_run)
