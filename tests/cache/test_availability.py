"""The availability of the backend of the shared cache, by its last accesses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.cache.availability import (
    COOLDOWN_SECONDS,
    SLOW_FAILURE_SECONDS,
    SLOW_RESPONSE_SECONDS,
    Availability,
)


@pytest.mark.parametrize(
    ("failed", "elapsed", "is_failing", "suspended_for"),
    [
        (False, 0.01, False, 0.0),
        (False, SLOW_RESPONSE_SECONDS, False, 0.0),
        (False, SLOW_RESPONSE_SECONDS + 0.1, True, COOLDOWN_SECONDS),
        (True, 0.01, True, 0.0),  # a failure that costs no time
        (True, SLOW_FAILURE_SECONDS + 0.1, True, COOLDOWN_SECONDS),
    ],
)
def test_availability_after_an_access(
    failed: bool, elapsed: float, is_failing: bool, suspended_for: float
) -> None:
    availability = Availability()
    assert availability.record("read", elapsed, 100.0, failed=failed) is is_failing
    assert availability.is_failing is is_failing
    assert availability.is_suspended(100.0 + suspended_for - 0.01) is (suspended_for > 0)
    assert not availability.is_suspended(100.0 + suspended_for)


def test_availability_changes_once_while_reads_succeed_and_writes_fail() -> None:
    """A full Redis serves reads."""
    availability, changes = Availability(), 0
    for second in range(0, 600, 10):
        changes += availability.record("write", 0.0, second, failed=True)
        changes += availability.record("read", 0.0, second + COOLDOWN_SECONDS, failed=False)
    assert changes == 1
    assert availability.is_failing
    assert availability.record("write", 0.0, 700.0, failed=False)


@given(outcomes=st.lists(st.booleans(), max_size=200), interval=st.floats(0.01, 2.0))
def test_availability_changes_at_most_twice_per_cooldown(
    outcomes: list[bool], interval: float
) -> None:
    availability = Availability()
    changes = sum(
        availability.record("write", 0.0, number * interval, failed=failed)
        for number, failed in enumerate(outcomes)
    )
    assert changes <= 2 + 2 * len(outcomes) * interval / COOLDOWN_SECONDS
