"""Leases of the record."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_lakeflow_jobs.record.store import Record
from tests.clocks import FakeClock
from tests.support import DEADLINE


def test_acquire_lease_held_by_another_returns_false(record: Record) -> None:
    assert record.acquire_lease("follow", "a", 10)
    assert not record.acquire_lease("follow", "b", 10)
    assert record.acquire_lease("deliver", "b", 10)


def test_acquire_lease_by_many_at_once_has_one_holder(
    record: Record, in_threads: Callable[..., list[threading.Thread]]
) -> None:
    results: list[bool] = []
    calls = [
        lambda holder=str(number): results.append(record.acquire_lease("follow", holder, 10))
        for number in range(8)
    ]
    for thread in in_threads(*calls):
        thread.join(DEADLINE)
    assert sorted(results) == [False] * 7 + [True]


@pytest.mark.parametrize("skew", [3600.0, -3600.0, 5.0])
def test_lease_of_a_dead_process_ends_although_clocks_differ(
    record: Record, clock: FakeClock, skew: float
) -> None:
    """The first holder's clock is ahead or behind. It renews for a while, and dies."""
    record.release_lease("follow", "a")
    skewed = Record(record.database, FakeClock(clock.now() + skew), upgrades_itself=True)
    led = []
    for second in range(60):
        if second < 30:
            skewed.acquire_lease("follow", "a", SECONDS)
        led.append(second % 3 == 0 and record.acquire_lease("follow", "b", SECONDS))
        clock.sleep(1)
        skewed._clock.sleep(1)
    assert any(led[30 : 30 + 2 * SECONDS])
    if skew > 0:
        assert not any(led[:30])


@pytest.mark.parametrize(("holder", "earlier"), [("a", 1), ("c", 0)], ids=["renewed", "taken"])
def test_lease_that_changes_during_a_takeover_stays_with_its_holder(
    record: Record,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    holder: str,
    earlier: int,
) -> None:
    seen = holder, round((clock.now() + SECONDS) * 1000) - earlier
    record.acquire_lease("follow", "a", SECONDS)
    monkeypatch.setattr(record, "_find_abandoned", lambda *_: seen)
    assert not record.acquire_lease("follow", "b", SECONDS)
    assert record.acquire_lease("follow", "a", SECONDS)


SECONDS = 10

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "release", "wait"]),
        st.sampled_from("abc"),
        st.integers(1, 20),
    ),
    max_size=20,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_leases_any_history_have_one_holder_at_a_time(
    record: Record, clock: FakeClock, steps: list[tuple[str, str, int]]
) -> None:
    for holder in "abc":
        record.release_lease("follow", holder)
    holder_now, expires_at = None, 0.0
    for step, holder, waited in steps:
        is_free = holder_now in (None, holder) or clock.now() >= expires_at
        if step == "acquire":
            assert record.acquire_lease("follow", holder, SECONDS) is is_free
        elif step == "release":
            record.release_lease("follow", holder)
            holder_now = None if holder_now == holder else holder_now
            continue
        else:
            clock.sleep(waited)
            continue
        if is_free:
            holder_now, expires_at = holder, clock.now() + SECONDS
