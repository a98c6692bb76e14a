"""The shared record of a run is read back by the other processes only."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from databricks.sdk.service.jobs import Run
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.cache.shared_cache import KEY_PREFIX, SharedCache
from flask_lakeflow_jobs.watching.schedule import MAX_RETRY_AFTER_SECONDS
from flask_lakeflow_jobs.watching.shared_record import (
    RECORD_TTL_SECONDS,
    PollRecord,
    SharedRecords,
    choose_record,
    new_id,
)
from flask_lakeflow_jobs.watching.snapshot import Snapshot
from flask_lakeflow_jobs.watching.watched_run import NO_CHANGE, RunKey
from tests.run_documents import run, run_state
from tests.watching.support import ALICES, ONE, OTHER_KEY, TWO, run_keys

RUNNING = Snapshot.from_status(RunStatus(1, run(), eta=5))
RECORD = PollRecord("0123456789ab", str(RUNNING.id), 2.5, 1_764_000_000.0, "1")


class Store(SimpleCache):
    """A backend that is not known to be of one process."""


def restore(stored: dict[str, Any]) -> RunStatus:
    return RunStatus(stored["timestamp"], Run.from_dict(stored["run"]), stored.get("eta"))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def records(store: Store) -> SharedRecords:
    return SharedRecords(SharedCache(store), restore, lease_seconds=5.0)


@pytest.mark.parametrize("ttl", [1e9, float("inf"), float("nan")])
@pytest.mark.parametrize(
    ("state_id", "limit"),
    [(None, MAX_RETRY_AFTER_SECONDS), (str(RUNNING.id), RECORD_TTL_SECONDS)],
)
def test_forged_record_does_not_end_the_polls_of_its_run(
    ttl: float, state_id: str | None, limit: float
) -> None:
    record = PollRecord.parse(asdict(replace(RECORD, state_id=state_id, ttl=ttl)))
    assert record is not None
    assert record.ttl == limit


def test_published_record_and_state_are_read_by_others(
    records: SharedRecords, store: Store
) -> None:
    other = SharedRecords(SharedCache(store), restore, lease_seconds=5.0)
    assert (other.read([ONE]), other.read_snapshots([ONE])) == ([None], [None])
    records.publish({ONE: RECORD}, {ONE: RUNNING})
    assert other.read([ALICES, ONE]) == [None, RECORD]
    [snapshot] = other.read_snapshots([ONE])
    assert snapshot is not None
    assert (snapshot.id, snapshot.data) == (RUNNING.id, RUNNING.data)
    assert snapshot.status == RUNNING.status


def test_poll_ids_are_unique() -> None:
    assert len({new_id() for _ in range(100)}) == 100


@pytest.mark.parametrize("other", [ALICES, OTHER_KEY], ids=["identity", "job key"])
def test_nothing_is_shared_with_other_identities_or_job_keys(
    records: SharedRecords, other: RunKey
) -> None:
    records.publish({ONE: RECORD}, {ONE: RUNNING})
    assert (records.read([other]), records.read_snapshots([other])) == ([None], [None])
    assert records.acquire([(ONE, RECORD.poll_id)]) == [True]
    assert records.acquire([(other, RECORD.poll_id)]) == [True]


def test_lease_is_held_until_it_is_released(records: SharedRecords) -> None:
    assert records.acquire([(ONE, "1")]) == [True]
    assert records.acquire([(ONE, "1")]) == [False]
    assert records.acquire([(ONE, "2")]) == [True], "it is the lease on the poll after another one"
    records.release([(ONE, "1")])
    assert records.acquire([(ONE, "1")]) == [True]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([], [True, True, True]),
        ([1], [True, False, True]),
        ([2], [True, True, False]),
        ([0], [False, False, False]),  # its holder is about to acquire the others too
    ],
)
def test_leases_are_acquired_together(
    records: SharedRecords, held: list[int], expected: list[bool]
) -> None:
    leases = [(run_key, "1") for run_key in run_keys(1, 2, 3)]
    for index in held:
        records.acquire([leases[index]])
    assert records.acquire(leases) == expected
    for lease, is_acquired in zip(leases, expected, strict=True):
        if is_acquired:
            assert records.acquire([lease]) == [False]


@pytest.mark.parametrize("is_expired", [False, True])
def test_lease_is_held_as_long_as_the_store_returns_it(
    records: SharedRecords, store: Store, monkeypatch: pytest.MonkeyPatch, is_expired: bool
) -> None:
    """The file cache of cachelib adds nothing in place of an expired entry."""
    assert records.acquire([(ONE, "1")]) == [True]
    if is_expired:
        monkeypatch.setattr(store, "get", lambda key: None)
    assert records.acquire([(ONE, "1")]) == [is_expired]


def test_change_frees_the_lease_and_calls_for_a_poll(records: SharedRecords) -> None:
    records.publish({ONE: RECORD}, {})
    assert records.acquire([(ONE, RECORD.poll_id)]) == [True]
    records.invalidate(ONE.ids)
    [record] = records.read([ONE])
    assert record is not None
    assert (record.state_id, record.ttl, record.is_throttled) == (None, 0.0, False)
    assert records.acquire([(ONE, record.poll_id)]) == [True]


def test_change_that_a_full_store_refuses_calls_for_a_poll(
    records: SharedRecords, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the process that made it, and in all as soon as the store accepts one."""
    other = SharedRecords(SharedCache(store), restore, lease_seconds=5.0)
    records.publish({ONE: RECORD}, {})
    with monkeypatch.context() as full:
        full.setattr(store, "set", lambda *_, **__: False)
        records.invalidate(ONE.ids)
        assert records.read([ONE]) == records.read([ONE]) != [RECORD]
        assert other.read([ONE]) == [RECORD]
    assert records.read([ONE]) == other.read([ONE]) != [RECORD]
    other.invalidate(ONE.ids)
    [change] = other.read([ONE])
    assert change is not None
    newest = replace(RECORD, change_id=change.change_id)
    other.publish({ONE: newest}, {})
    assert records.read([ONE]) == [newest]
    other.invalidate(ONE.ids)
    assert records.read([ONE]) == other.read([ONE]) != [newest]


def test_change_concerns_every_identity_and_no_other_run(records: SharedRecords) -> None:
    records.publish(dict.fromkeys([ONE, ALICES, TWO], RECORD), {})
    records.invalidate(ONE.ids)
    assert [record == RECORD for record in records.read([ONE, ALICES, TWO])] == [False, False, True]


@pytest.mark.parametrize(
    ("came_after", "change_id", "is_valid"),
    [
        (NO_CHANGE, None, True),
        ("a", None, True),  # the cache has dropped the change
        ("a", "a", True),
        (NO_CHANGE, "a", False),
        ("a", "b", False),
    ],
)
def test_record_is_valid_until_the_run_is_changed(
    came_after: str, change_id: str | None, is_valid: bool
) -> None:
    record = replace(RECORD, change_id=came_after)
    chosen = choose_record(record, change_id)
    assert chosen is not None
    assert chosen.change_id == (change_id or came_after)
    assert (chosen == record) is is_valid


@pytest.mark.parametrize(
    ("state_id", "ttl", "is_throttled"), [("0.2.1-0123456789ab", 5.0, False), (None, 9.0, True)]
)
def test_record_without_a_state_is_a_delay(
    state_id: str | None, ttl: float, is_throttled: bool
) -> None:
    assert replace(RECORD, state_id=state_id, ttl=ttl).is_throttled is is_throttled


@pytest.mark.parametrize(
    "stored",
    [
        *(None, 1, "text", [], {}, {"poll_id": "1"}),
        {"number": "1", "state": None, "pause": 0.0, "at": 0.0, "heeded": None},
        *({**asdict(RECORD), name: {}} for name in asdict(RECORD)),
    ],
)
def test_record_of_another_shape_is_missing(
    records: SharedRecords, store: Store, stored: Any
) -> None:
    records.publish({ONE: RECORD}, {})
    [(name, _)] = store._cache.items()
    SharedCache(store).set(name.removeprefix(KEY_PREFIX), stored, 60)
    assert records.read([ONE]) == [None]
    assert PollRecord.parse(stored) is None


@pytest.mark.parametrize(
    "stored", [1, [], {}, {"id": "junk", "data": "{}"}, {"id": str(RUNNING.id), "data": None}]
)
def test_state_of_another_shape_is_missing(
    records: SharedRecords, store: Store, stored: Any
) -> None:
    records.publish({}, {ONE: RUNNING})
    [(name, _)] = store._cache.items()
    SharedCache(store).set(name.removeprefix(KEY_PREFIX), stored, 60)
    assert records.read_snapshots([ONE]) == [None]


def test_record_is_read_back_as_it_was_written() -> None:
    stored = json.loads(json.dumps(asdict(RECORD)))
    assert PollRecord.parse(stored) == RECORD
    assert PollRecord.parse({**stored, "field": "of a later version"}) == RECORD


def test_only_the_last_state_of_a_run_is_stored(records: SharedRecords, store: Store) -> None:
    for number in range(10):
        state = run(run_state("RUNNING", message=f"{number}"))
        records.publish({}, {ONE: Snapshot.from_status(RunStatus(number, state))})
    assert len(store._cache) == 1
