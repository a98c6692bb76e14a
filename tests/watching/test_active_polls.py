"""Polls that hang, in a receiver or elsewhere, are abandoned, and their runs polled again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import UpstreamTimeout
from flask_lakeflow_jobs.concurrency import run_inline
from flask_lakeflow_jobs.watching import active_polls
from flask_lakeflow_jobs.watching.active_polls import STUCK_SECONDS, Poll, PollAbandoned
from flask_lakeflow_jobs.watching.lease import TICK_SECONDS
from flask_lakeflow_jobs.watching.snapshot import Snapshot
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.watching.support import (
    ENDED,
    LONG_RUNNING,
    POLL_INTERVAL,
    RUNNING,
    HubHarness,
    outcomes,
)

#: Seconds after which a poll that does not advance is abandoned: the timeout of a read is 30 s.
STUCK = 30.0 + STUCK_SECONDS


def step_for(harness: HubHarness, seconds: float) -> None:
    """Let the hub step as its thread does."""
    for _ in range(round(seconds / TICK_SECONDS)):
        harness.poll(after=TICK_SECONDS)


class HangingReceiver:
    """A receiver of states that waits while the hub goes on.

    :param seconds: how long it waits the first time.
    """

    def __init__(self, harness: HubHarness, seconds: float) -> None:
        self._harness = harness
        self._seconds = seconds
        self.calls = 0

    def __call__(self, run_key: RunKey, snapshot: Snapshot) -> None:
        self.calls += 1
        if self.calls == 1:
            step_for(self._harness, self._seconds)


def hang(harness: HubHarness, seconds: float) -> HangingReceiver:
    receiver = HangingReceiver(harness, seconds)
    harness.hub._dispatcher._on_change = receiver
    harness.hub._spawn = run_inline
    return receiver


def test_run_is_polled_again_although_a_receiver_hangs(
    harness: HubHarness, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = hang(harness, STUCK + POLL_INTERVAL)
    subscription = harness.subscribe()
    harness.poll(LONG_RUNNING)
    assert len(harness.source.polls) >= 2
    assert receiver.calls == 1, "the state was sent twice"
    assert "hangs" in caplog.text
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert outcomes(subscription.collect()) == ["succeeded"]
    assert receiver.calls == 2


def test_run_is_not_polled_twice_at_a_time_while_a_poll_may_be_slow(harness: HubHarness) -> None:
    hang(harness, STUCK - 2 * TICK_SECONDS)
    harness.subscribe()
    harness.poll(LONG_RUNNING)
    assert len(harness.source.polls) == 1


def test_poll_during_which_the_process_sleeps_is_not_abandoned(harness: HubHarness) -> None:
    polls: list[Callable[[], None]] = []
    harness.hub._spawn = polls.append
    harness.subscribe()
    for _ in range(5):
        harness.poll(RUNNING, after=3600.0)
    assert len(polls) == 1


def test_abandoned_poll_that_goes_on_publishes_nothing(harness: HubHarness) -> None:
    polls: list[Callable[[], None]] = []
    harness.hub._spawn = polls.append
    subscription = harness.subscribe()
    harness.poll(RUNNING)
    step_for(harness, STUCK + 1.0)
    [first, second] = polls
    [stale] = subscription.collect()
    assert isinstance(stale.transient_error, UpstreamTimeout)
    second()
    assert outcomes(subscription.collect()) == ["running"]
    harness.source.set_response(ENDED)
    first()
    assert subscription.collect() == []
    assert len(harness.source.polls) == 1


def test_run_is_not_polled_twice_at_a_time_after_an_abandoned_poll_has_ended(
    harness: HubHarness,
) -> None:
    polls: list[Callable[[], None]] = []
    harness.hub._spawn = polls.append
    harness.subscribe()
    harness.poll(RUNNING)
    step_for(harness, STUCK + 1.0)
    [first, _] = polls
    first()
    step_for(harness, 1.0)
    assert len(polls) == 2


def test_hanging_polls_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each keeps its thread."""
    monkeypatch.setattr(active_polls, "MAX_ABANDONED_POLLS", 2)
    harness = HubHarness()
    polls: list[Callable[[], None]] = []
    harness.hub._spawn = polls.append
    harness.subscribe()
    harness.poll(RUNNING)
    step_for(harness, 5 * STUCK)
    assert len(polls) == 3
    polls[0]()
    step_for(harness, 1.0)
    assert len(polls) == 4


STEPS = st.lists(st.sampled_from([0.0, TICK_SECONDS, 1.0]), max_size=20)


@given(before=STEPS, after=STEPS)
def test_count_idle_counts_the_seconds_since_the_last_advance(
    before: list[float], after: list[float]
) -> None:
    poll = Poll([], 0)
    for elapsed in before:
        poll.count_idle(elapsed)
    poll.advance()
    assert poll.count_idle(1.0) == 0.0
    for elapsed in after:
        poll.count_idle(elapsed)
    assert poll.count_idle(0.0) == sum(after)


def test_advance_of_an_abandoned_poll_raises() -> None:
    poll = Poll([], 0)
    poll.is_abandoned = True
    with pytest.raises(PollAbandoned):
        poll.advance()
