"""The process that polls a run, by values, and between two that watch the same run."""

from __future__ import annotations

import math

import pytest
from flask_caching.backends import SimpleCache
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.watching.lease import (
    TICK_SECONDS,
    LeaseCoordinator,
    PollResult,
    needs_poll,
    record_age,
    remaining_ttl,
)
from flask_lakeflow_jobs.watching.shared_record import RECORD_TTL_SECONDS, PollRecord, SharedRecords
from flask_lakeflow_jobs.watching.snapshot import Snapshot
from flask_lakeflow_jobs.watching.watched_run import WatchedRun
from tests.clocks import FakeClock
from tests.run_documents import SUCCEEDED, run
from tests.watching.support import ONE, FakeSource, process_cache

RUNNING = Snapshot.from_status(RunStatus(1, run(), eta=5))
ENDED = Snapshot.from_status(RunStatus(2, run(SUCCEEDED)))

LEASE_SECONDS = 5.0
NOW = 1_764_000_000.0

# Decisions by values

UNLIMITED = math.inf
JUST_NOW = TICK_SECONDS


@pytest.mark.parametrize(
    ("age_by_clocks", "max_age", "expected"),
    [
        (3.0, UNLIMITED, 3.0),  # nothing speaks against the clocks
        (3.0, 10.0, 3.0),
        (0.0, 10.0, 0.0),
        (10.0 + TICK_SECONDS, 10.0, 10.0 + TICK_SECONDS),
        (-TICK_SECONDS, 10.0, 0.0),  # clocks may differ by a tick
        (-30.0, UNLIMITED, None),  # published in the future, at an unknown time
        (-30.0, 10.0, 0.0),  # clocks differ: it may be new
        (30.0, 10.0, 0.0),
        (-30.0, JUST_NOW, JUST_NOW),  # clocks differ, but it was published since the last tick
        (30.0, JUST_NOW, JUST_NOW),
        (0.1, JUST_NOW, 0.1),
    ],
)
def test_record_age_trusts_clocks_only_within_the_known_bounds(
    age_by_clocks: float, max_age: float, expected: float | None
) -> None:
    assert record_age(NOW - age_by_clocks, NOW, max_age) == (
        None if expected is None else pytest.approx(expected)
    )


@given(
    skew=st.floats(-1e6, 1e6),
    age=st.floats(0.0, 1e4),
    slack=st.floats(0.0, 1e4) | st.just(math.inf),
)
def test_record_age_is_never_negative_or_beyond_its_bound(
    skew: float, age: float, slack: float
) -> None:
    """A record is never fresh for longer than its TTL, at any skew of the other clock."""
    max_age = age + slack
    estimate = record_age(NOW - age + skew, NOW, max_age)
    assert estimate is None or 0.0 <= estimate <= max_age + TICK_SECONDS + 1e-6


@pytest.mark.parametrize(
    ("ttl", "age_by_clocks", "max_age", "expected"),
    [(5.0, 3.0, UNLIMITED, 2.0), (5.0, 8.0, UNLIMITED, -3.0), (5.0, -30.0, UNLIMITED, 0.0)],
)
def test_remaining_ttl_is_zero_if_the_age_is_unknown(
    ttl: float, age_by_clocks: float, max_age: float, expected: float
) -> None:
    record = PollRecord("1", str(RUNNING.id), ttl, NOW - age_by_clocks)
    assert remaining_ttl(record, NOW, max_age) == expected


@pytest.mark.parametrize(
    ("fresh_for", "has_notification", "is_throttled", "expected"),
    [
        (5.0, False, False, False),
        (5.0, True, False, True),
        (5.0, True, True, False),  # the delay that the workspace asks for comes first
        (5.0, False, True, False),
        (0.0, False, False, True),
        (-1.0, True, True, True),
        (-math.inf, False, False, True),
    ],
)
def test_run_needs_a_poll_after_the_last_one_expired_or_a_notification(
    fresh_for: float, has_notification: bool, is_throttled: bool, expected: bool
) -> None:
    needed = needs_poll(
        NOW + fresh_for, NOW, has_notification=has_notification, is_throttled=is_throttled
    )
    assert needed is expected


# Between processes


class Store(SimpleCache):
    """A backend that is not known to be of one process."""


class Process:
    """One of the processes that watch the run."""

    def __init__(self, records: SharedRecords, clock: FakeClock) -> None:
        self.leases = LeaseCoordinator(records, clock, max_wait=LEASE_SECONDS)
        self.run = WatchedRun(ONE, 0.0)

    def acquire(self) -> bool:
        return self.acquire_with_snapshot()[0]

    def acquire_with_snapshot(self) -> tuple[bool, Snapshot | None]:
        acquired, snapshots = self.leases.acquire([self.run])
        return acquired == [self.run], snapshots.get(ONE)

    def poll(self, snapshot: Snapshot, ttl: float = 4.0) -> None:
        assert self.acquire()
        self.publish(snapshot, ttl)

    def publish(self, snapshot: Snapshot, ttl: float = 4.0) -> None:
        is_new = self.run.publish(snapshot=snapshot)
        self.leases.publish([PollResult(self.run, snapshot, ttl, is_new)])

    def is_void(self) -> bool:
        return self.leases.catch_up([self.run])[0] == {ONE}


@pytest.fixture
def records() -> SharedRecords:
    return SharedRecords(SharedCache(Store()), FakeSource().restore, LEASE_SECONDS)


@pytest.fixture
def first(records: SharedRecords, clock: FakeClock) -> Process:
    return Process(records, clock)


@pytest.fixture
def second(records: SharedRecords, clock: FakeClock) -> Process:
    return Process(records, clock)


def test_process_without_a_shared_cache_always_acquires_and_stores_nothing(
    clock: FakeClock,
) -> None:
    cache = process_cache()
    process = Process(SharedRecords(cache, FakeSource().restore, LEASE_SECONDS), clock)
    for _ in range(2):
        process.poll(RUNNING)
    process.leases.publish_failures({process.run: 1.0})
    assert cache.get(f"poll:{ONE.key}") is None
    assert cache.get(f"state:{ONE.key}") is None


def test_second_process_waits_for_the_first_and_gets_its_state(
    first: Process, second: Process
) -> None:
    assert first.acquire_with_snapshot() == (True, None)
    assert second.acquire_with_snapshot() == (False, None)
    first.publish(RUNNING)
    is_acquired, snapshot = second.acquire_with_snapshot()
    assert not is_acquired
    assert snapshot is not None
    assert snapshot.data == RUNNING.data
    assert second.acquire_with_snapshot() == (False, None), "it is not new any more"


@pytest.mark.parametrize(("waited", "expected"), [(4.9, False), (5.0, True)])
def test_process_polls_without_the_lease_after_a_while(
    records: SharedRecords, second: Process, clock: FakeClock, waited: float, expected: bool
) -> None:
    records.acquire([(ONE, second.run.lease.poll_id)])
    assert not second.acquire()
    clock.sleep(waited)
    assert second.acquire() is expected


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [(3.0, False), (3.5, False), (4.0, True), (5.0, True)],
)
def test_poll_of_another_process_is_fresh_until_its_ttl_expires(
    first: Process, second: Process, clock: FakeClock, elapsed: float, expected: bool
) -> None:
    first.poll(RUNNING, ttl=4.0)
    clock.sleep(elapsed)
    assert second.acquire() is expected


def test_process_that_waited_for_a_record_polls_next_when_it_expires(
    first: Process, second: Process, clock: FakeClock
) -> None:
    assert first.acquire()
    assert not second.acquire()
    clock.sleep(TICK_SECONDS)
    first.publish(RUNNING)
    assert not second.acquire()
    assert second.run.next_poll_at == clock.monotonic() + 4.0 - TICK_SECONDS / 2


def test_lost_or_overwritten_state_is_stored_again(
    first: Process, second: Process, records: SharedRecords
) -> None:
    first.poll(ENDED)
    records.publish({}, {ONE: RUNNING})  # by a process that lags behind
    second.poll(ENDED)
    [stored] = records.read_snapshots([ONE])
    assert stored is not None
    assert stored.id == ENDED.id


def test_unchanged_state_is_stored_again_only_before_it_expires(
    first: Process, records: SharedRecords, clock: FakeClock
) -> None:
    first.poll(RUNNING)
    for elapsed, expected in [(1.0, ENDED), (RECORD_TTL_SECONDS / 2, RUNNING), (1.0, ENDED)]:
        records.publish({}, {ONE: ENDED})
        clock.sleep(elapsed)
        first.poll(RUNNING)
        [stored] = records.read_snapshots([ONE])
        assert stored is not None
        assert stored.id == expected.id


def test_invalidated_run_is_polled_by_one_process(
    first: Process, second: Process, records: SharedRecords, clock: FakeClock
) -> None:
    first.poll(ENDED, ttl=60.0)
    assert not second.acquire()
    late = Process(records, clock)
    records.invalidate(ONE.ids)
    assert late.acquire()
    assert not second.acquire()


def test_poll_is_void_if_the_run_was_invalidated_since_it_began(
    first: Process, records: SharedRecords
) -> None:
    first.acquire()
    assert not first.is_void()
    records.invalidate(ONE.ids)
    assert first.is_void()
    first.acquire()
    assert not first.is_void()


def test_failed_poll_releases_the_lease(first: Process, second: Process) -> None:
    assert first.acquire()
    first.leases.publish_failures({first.run: None})
    assert second.acquire()


def test_throttled_poll_keeps_all_processes_waiting(
    first: Process, second: Process, clock: FakeClock
) -> None:
    assert first.acquire()
    first.leases.publish_failures({first.run: 30.0})
    second.run.notify("1", 0.0)
    clock.sleep(29.0)
    assert not second.acquire()
    clock.sleep(1.0)
    assert second.acquire()


def test_notification_is_handled_by_one_poll_for_all(first: Process, second: Process) -> None:
    first.poll(RUNNING, ttl=60.0)
    for process in (first, second):
        process.run.notify("1", 0.0)
    first.poll(ENDED, ttl=60.0)
    assert first.run.notification_id is None
    assert not second.acquire()
    assert second.run.notification_id is None


def test_notification_that_comes_during_a_poll_needs_another(first: Process) -> None:
    first.run.notify("1", 0.0)
    assert first.acquire()
    first.run.notify("2", 0.0)
    first.publish(RUNNING, ttl=60.0)
    assert first.run.notification_id == "2"
