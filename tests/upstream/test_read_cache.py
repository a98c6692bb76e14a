"""The cache of responses: how long they are fresh."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import LakeflowJobsError, NotAllowed, UpstreamUnavailable
from flask_lakeflow_jobs.identity import Identity
from flask_lakeflow_jobs.upstream.read_cache import (
    ACTIVE_TTL_SECONDS,
    AFTER_WRITE_SECONDS,
    AFTER_WRITE_TTL_SECONDS,
)
from flask_lakeflow_jobs.upstream.response_store import (
    MAX_PROCESS_CHARS,
    MAX_RESPONSE_CHARS,
    RETENTION_SECONDS,
    CacheKey,
)
from tests.run_documents import JOB_ID, build_job
from tests.support import FailingStore, FullStore
from tests.upstream.reads import FINAL_TTL, KEY, BrokenStore, Reads, SharedMemory


@pytest.mark.parametrize("name", [KEY.key, f"generation:{KEY.job.job_id}"])
@pytest.mark.parametrize("stored", [1, "text", [], {}, {"id": 1}, {"generation": "", "at": None}])
def test_entry_of_another_shape_is_missing(name: str, stored: Any) -> None:
    reads = Reads(backend=SharedMemory())
    reads.shared.set(name, stored, 60)
    assert reads.read().value == 1


@pytest.mark.parametrize(
    ("is_final", "final_ttl", "since_write", "fresh_for"),
    [
        (False, FINAL_TTL, None, ACTIVE_TTL_SECONDS),
        (False, FINAL_TTL, 0.0, AFTER_WRITE_TTL_SECONDS),
        (False, FINAL_TTL, AFTER_WRITE_SECONDS - 1, AFTER_WRITE_TTL_SECONDS),
        (False, FINAL_TTL, AFTER_WRITE_SECONDS, ACTIVE_TTL_SECONDS),
        (False, 0.5, None, 0.5),
        (True, FINAL_TTL, None, FINAL_TTL),
        (True, FINAL_TTL, 0.0, FINAL_TTL),
        (True, 0.5, None, 0.5),
        (True, 0.0, None, 0.0),
        (False, 0.0, None, 0.0),
    ],
)
def test_response_is_fresh_for_its_time_to_live(
    is_final: bool, final_ttl: float, since_write: float | None, fresh_for: float
) -> None:
    reads = Reads(final_ttl=final_ttl)
    if since_write is not None:
        reads.cache.invalidate(KEY.job)
        reads.clock.sleep(since_write)
    assert reads.read(is_final=is_final).value == 1
    if fresh_for:
        reads.clock.sleep(fresh_for - 0.125)
        cached = reads.read(is_final=is_final)
        assert (cached.value, cached.age, cached.is_stale) == (1, fresh_for - 0.125, False)
        reads.clock.sleep(0.125)
    assert reads.read(is_final=is_final).value == 2


@pytest.mark.parametrize(
    ("is_after_write", "age", "value"),
    [(False, 5.0, 1), (False, 6.0, 2), (True, 5.0, 2), (False, -1.0, 2)],
)
def test_response_is_served_as_long_as_its_reader_accepts_unless_a_write_came_before(
    is_after_write: bool, age: float, value: int
) -> None:
    reads = Reads()
    if is_after_write:
        reads.cache.invalidate(KEY.job)
    reads.read()
    reads.clock.elapsed += age
    assert reads.read(accepts=lambda _, age: age <= 5.0).value == value


def test_response_from_before_a_write_is_not_served_after_the_cache_has_dropped_the_write() -> None:
    reads = Reads(backend=SharedMemory())
    assert reads.read(is_final=True).value == reads.read(is_final=True).value == 1
    reads.cache.invalidate(KEY.job)
    reads.shared.delete(f"generation:{KEY.job.job_id}")
    assert reads.read(is_final=True).value == 2
    assert reads.read(is_final=True).value == 2


def test_response_from_before_a_write_is_not_served_from_a_full_cache() -> None:
    store = FullStore()
    reads = Reads(backend=store)
    assert reads.read(is_final=True).value == reads.read(is_final=True).value == 1
    store.is_full = True
    reads.cache.invalidate(KEY.job)
    assert reads.read(is_final=True).value == 2


def test_response_from_before_a_write_is_not_served_after_the_cache_was_unavailable() -> None:
    store = FailingStore()
    store.is_available = True
    reads, other = Reads(backend=store), Reads(backend=store)
    assert reads.read(is_final=True).value == other.read(is_final=True).value == 1
    store.is_available = False
    reads.cache.invalidate(KEY.job)
    store.is_available = True
    assert reads.read(is_final=True).value == other.read(is_final=True).value == 2


#: Which of the next accesses fail, the first one first.
FAILURES = ["", "1", "01", "11", "111", "001", "1101"]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from(FAILURES)), min_size=6))
def test_response_from_before_a_write_is_not_served_whatever_fails(
    steps: list[tuple[bool, bool, str]],
) -> None:
    store, version, written = BrokenStore(), 0, [0, 0]
    processes = [Reads(backend=store), Reads(backend=store)]
    for number, is_write, failures in steps:
        store.failures, cache = [each == "1" for each in failures], processes[number].cache
        if is_write:
            version += 1
            cache.invalidate(KEY.job)
            written = [*written] if failures else [version, version]
            written[number] = version
        else:
            cached = cache.read(KEY, partial(int, version), lambda _: True)
            assert cached.value >= written[number]


def test_response_that_was_requested_before_the_first_write_is_not_stored() -> None:
    reads = Reads(backend=SharedMemory())

    def fetch() -> int:
        reads.cache.invalidate(KEY.job)
        return 0

    assert reads.cache.read(KEY, fetch, lambda _: True).value == 0
    assert reads.read(is_final=True).value == 1


def test_response_from_the_future_is_not_served(reads: Reads) -> None:
    reads.read(is_final=True)
    reads.clock.elapsed = -1.0
    assert reads.read(is_final=True).value == 2


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, identity=Identity("a-user")),
        replace(KEY, job=build_job(job_id=JOB_ID + 1)),
        replace(KEY, resource="run:2"),
    ],
    ids=["identity", "job", "resource"],
)
def test_keys_share_no_responses(reads: Reads, other: CacheKey) -> None:
    assert [reads.read(is_final=True).value, reads.read(other, is_final=True).value] == [1, 2]


def test_texts_live_as_long_as_the_response(reads: Reads) -> None:
    assert reads.read(is_final=True).texts is None
    first, second = reads.read(is_final=True), reads.read(is_final=True)
    assert first.texts == {}
    first.texts["run", "etl"] = "text"
    assert second.texts == {("run", "etl"): "text"}
    reads.cache.invalidate(KEY.job)
    reads.read(is_final=True)
    assert reads.read(is_final=True).texts == {}


def test_large_response_is_not_stored(reads: Reads) -> None:
    def fetch() -> str:
        reads.requests += 1
        return "x" * MAX_RESPONSE_CHARS

    for _ in range(2):
        reads.cache.read(KEY, fetch, lambda _: True)
    assert reads.requests == 2


def test_cache_of_one_process_is_limited_by_size() -> None:
    """A backend that counts entries kept 500 outputs of 1 MB each in each worker for an hour."""
    reads = Reads()
    keys = [replace(KEY, resource=f"output:{number}") for number in range(50)]
    for key in keys:
        reads.cache.store(key, reads.cache.begin_read(KEY.job), "x" * 900_000, is_final=True)
    stored = [key for key in keys if reads.read(key).value == "x" * 900_000]
    assert stored == keys[-len(stored) :]
    assert MAX_PROCESS_CHARS - 1_000_000 < len(stored) * 900_000 < MAX_PROCESS_CHARS


def test_change_of_a_fetched_value_does_not_change_the_stored_one(reads: Reads) -> None:
    value = {"a": [1]}
    reads.cache.store(KEY, reads.cache.begin_read(KEY.job), value, is_final=True)
    value["a"].append(2)
    assert reads.read().value == {"a": [1]}


def test_response_is_parsed_once_and_copied_for_those_who_may_change_it(reads: Reads) -> None:
    reads.cache.store(KEY, reads.cache.begin_read(KEY.job), {"a": [1]}, is_final=True)
    first, second = reads.read(), reads.read()
    assert first.value is second.value
    first.copy_value()["a"].append(2)
    assert reads.read().value == {"a": [1]}
    reads.cache.store(KEY, reads.cache.begin_read(KEY.job), {"a": [3]}, is_final=True)
    assert reads.read().value == {"a": [3]}


def test_invalidated_response_is_not_served(reads: Reads) -> None:
    reads.read(is_final=True)
    reads.cache.invalidate(KEY.job)
    assert reads.read(is_final=True).value == 2


def test_response_requested_before_a_write_is_not_served_after_it(reads: Reads) -> None:
    begun = reads.cache.begin_read(KEY.job)
    reads.cache.invalidate(KEY.job)
    reads.cache.store(KEY, begun, 0, is_final=True)
    assert reads.read(is_final=True).value == 1


def test_error_is_not_cached(reads: Reads) -> None:
    reads.error = NotAllowed("No.")
    with pytest.raises(NotAllowed):
        reads.read()
    reads.error = None
    assert reads.read().value == 2


@pytest.mark.parametrize(
    ("error", "stale_if_error", "is_invalidated", "is_served"),
    [
        (UpstreamUnavailable("Down."), True, False, True),
        (UpstreamUnavailable("Down."), False, False, False),
        (UpstreamUnavailable("Down."), True, True, False),
        (NotAllowed("No."), True, False, False),
    ],
    ids=["transient", "not allowed", "invalidated", "permanent"],
)
def test_stale_response_is_served_after_a_transient_error(
    reads: Reads,
    error: LakeflowJobsError,
    stale_if_error: bool,
    is_invalidated: bool,
    is_served: bool,
) -> None:
    reads.read(stale_if_error=stale_if_error)
    reads.clock.sleep(ACTIVE_TTL_SECONDS + 2)
    if is_invalidated:
        reads.cache.invalidate(KEY.job)
    reads.error = error
    if is_served:
        stale = reads.read(stale_if_error=stale_if_error)
        assert (stale.value, stale.is_stale, stale.age) == (1, True, ACTIVE_TTL_SECONDS + 2)
    else:
        with pytest.raises(type(error)):
            reads.read(stale_if_error=stale_if_error)


def test_response_is_as_old_as_its_request(reads: Reads) -> None:
    """A slow workspace sends what may no longer be true when it arrives."""

    def fetch_slowly() -> int:
        reads.clock.sleep(ACTIVE_TTL_SECONDS)
        return reads.fetch()

    assert reads.cache.read(KEY, fetch_slowly, lambda _: False).value == 1
    assert reads.read().value == 2


def test_response_does_not_replace_one_that_was_requested_later() -> None:
    reads = Reads()
    begun = reads.cache.begin_read(KEY.job)
    reads.clock.sleep(0.125)
    assert reads.read().value == 1
    reads.cache.store(KEY, begun, 0, is_final=False)
    assert reads.read().value == 1


def test_step_of_the_clock_changes_no_age() -> None:
    reads = Reads()
    reads.read()
    reads.clock.sleep(ACTIVE_TTL_SECONDS)
    reads.clock.jump(-ACTIVE_TTL_SECONDS)
    assert reads.read().value == 2


def test_write_before_the_clock_was_put_back_does_not_shorten_later_reads() -> None:
    reads = Reads(backend=SharedMemory())
    reads.clock.jump(3600)
    reads.cache.invalidate(KEY.job)
    reads.clock.jump(-3600)
    reads.clock.sleep(AFTER_WRITE_SECONDS)
    assert reads.read().value == 1
    reads.clock.sleep(ACTIVE_TTL_SECONDS - 0.125)
    assert reads.read().value == 1


def test_response_is_not_served_stale_forever(reads: Reads) -> None:
    reads.read(is_final=True)
    reads.clock.sleep(RETENTION_SECONDS + 1)
    reads.error = UpstreamUnavailable("Down.")
    with pytest.raises(UpstreamUnavailable):
        reads.read(stale_if_error=True)
