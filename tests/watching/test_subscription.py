"""A subscriber gets each new state once, in order, and every failure; changes wake it."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import RunNotFound, UpstreamUnavailable
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.schedule import PollSettings
from flask_lakeflow_jobs.watching.subscription import SubscribedRun, Subscription, Wakeup
from flask_lakeflow_jobs.watching.watched_run import KEPT_SECONDS, RunKey, RunUpdate, WatchedRun
from tests.run_documents import FAILED, run, state_id_of
from tests.support import DEADLINE, wait_until
from tests.watching.support import (
    ENDED,
    ONE,
    POLL_INTERVAL,
    QUEUED,
    RUNNING,
    TERMINATING,
    TWO,
    FakeSource,
    HubHarness,
    is_finished,
    outcomes,
    process_cache,
)

# States


def test_first_poll_is_immediate_and_an_update(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    assert subscription.collect() == []
    harness.poll(RUNNING)
    [update] = subscription.wait_for_first(0.0)
    assert update.run_key == ONE
    assert update.snapshot is not None
    assert update.snapshot.status.timestamp == int(harness.clock.now() * 1000)
    assert not is_finished(subscription)


def test_only_changed_states_are_updates(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll(QUEUED)
    assert outcomes(subscription.collect()) == ["queued"]
    for _ in range(3):
        harness.poll(QUEUED, after=POLL_INTERVAL)
        assert subscription.wait(0.0) == []
    harness.poll(RUNNING, after=POLL_INTERVAL)
    assert outcomes(subscription.wait(0.0)) == ["running"]
    assert len(harness.source.polls) == 5


def test_end_is_the_last_update_and_the_last_poll(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll(RUNNING)
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert not is_finished(subscription), "the subscriber does not have the end yet"
    assert outcomes(subscription.collect()) == ["succeeded"]
    assert is_finished(subscription)
    harness.poll(after=3600.0)
    assert len(harness.source.polls) == 2
    assert subscription.wait(DEADLINE) == [], "there is nothing to wait for"


def test_first_wait_that_is_too_short_for_a_poll_gives_the_last_state(harness: HubHarness) -> None:
    """Of many clients that poll at the same moment, only one can wait."""
    first = harness.subscribe()
    harness.poll(RUNNING)
    first.close()
    harness.clock.sleep(POLL_INTERVAL + 1)

    late, informed = harness.subscribe(), harness.subscribe(seen={ONE: state_id_of(RUNNING)})
    assert outcomes(late.wait_for_first(0.0)) == ["running"]
    assert informed.wait_for_first(0.0) == []
    harness.poll(RUNNING)
    assert late.collect() == [], "it has this state"
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert outcomes(late.collect()) == ["succeeded"]
    assert outcomes(harness.subscribe().wait_for_first(0.0)) == ["succeeded"]


def test_last_state_is_not_kept_long_without_subscribers(harness: HubHarness) -> None:
    first = harness.subscribe()
    harness.poll(RUNNING)
    first.close()
    harness.poll(after=POLL_INTERVAL + KEPT_SECONDS)

    assert harness.subscribe().wait_for_first(0.0) == []


def test_state_between_two_waits_is_not_lost(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll(QUEUED)
    subscription.wait_for_first(0.0)
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert outcomes(subscription.wait(DEADLINE)) == ["succeeded"]


def test_slow_subscriber_gets_only_the_present_state(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    for state in (QUEUED, RUNNING, TERMINATING, ENDED):
        harness.poll(state, after=POLL_INTERVAL)
    assert outcomes(subscription.collect()) == ["succeeded"]
    assert is_finished(subscription)


@pytest.mark.parametrize(
    ("seen", "polled", "expected"),
    [
        (None, RUNNING, ["running"]),
        (QUEUED, RUNNING, ["running"]),
        (RUNNING, RUNNING, []),
        (ENDED, RUNNING, []),
        (ENDED, ENDED, []),
        # More attempts than the run has: an end is sent all the same.
        (run(attempt_number=7), ENDED, ["succeeded"]),
    ],
)
def test_subscription_with_a_seen_state_gets_only_later_states(
    harness: HubHarness, seen: Run | None, polled: Run, expected: list[str]
) -> None:
    subscription = harness.subscribe(seen={ONE: state_id_of(seen)} if seen else {})
    harness.poll(polled)
    assert outcomes(subscription.wait_for_first(0.0)) == expected
    assert subscription.is_finished is (polled is ENDED)


# Several runs


def test_joined_subscription_ends_with_its_last_run(harness: HubHarness) -> None:
    subscription = harness.subscribe(ONE, TWO, ONE)
    assert subscription.run_keys == [ONE, TWO], "each run once"
    harness.source.set_response(ENDED)
    harness.source.set_response(RUNNING, TWO)
    harness.poll()
    updates = subscription.wait_for_first(0.0)
    assert [update.run_key for update in updates] == [ONE, TWO]
    assert outcomes(updates) == ["succeeded", "running"]
    assert not is_finished(subscription)
    harness.source.set_response(run(FAILED), TWO)
    harness.poll(after=POLL_INTERVAL)
    assert outcomes(subscription.collect()) == ["failed"]
    assert is_finished(subscription)
    assert harness.source.polls.count(ONE) == 1
    subscription.close()
    assert harness.hub.subscribed_run_count == 0


def test_first_wait_for_several_runs_lasts_until_each_was_polled(
    harness: HubHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time counts from the run that was watched last. Closing leaves nothing behind."""
    harness.source.set_response(RUNNING, ONE, TWO)
    first = harness.subscribe()
    harness.poll()
    harness.clock.sleep(60.0)
    subscription = Subscription.join([first, harness.subscribe(TWO)])
    monkeypatch.setattr(Wakeup, "wait", lambda wakeup, timeout: harness.poll())
    assert outcomes(subscription.wait_for_first(60.0)) == ["running", "running"]
    watched_runs = subscription.watched_runs
    subscription.close()
    assert [run._listeners for run in watched_runs] == [set(), set()]


def test_join_empties_the_subscriptions_and_keeps_seen_states(harness: HubHarness) -> None:
    parts = [harness.subscribe(seen={ONE: state_id_of(RUNNING)}), harness.subscribe(TWO)]
    joined = Subscription.join(parts)
    for part in parts:
        part.close()
    assert [part.run_keys for part in parts] == [[], []]
    assert harness.hub.subscribed_run_count == 2
    harness.source.set_response(RUNNING, ONE, TWO)
    harness.poll()
    assert [update.run_key for update in joined.wait_for_first(0.0)] == [TWO]


# Failures


def test_transient_error_is_one_update_and_not_the_end(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll(RUNNING)
    subscription.collect()
    for _ in range(3):
        harness.poll(UpstreamUnavailable("Not now."), after=2 * POLL_INTERVAL)
    [stale] = subscription.collect()
    assert isinstance(stale.transient_error, UpstreamUnavailable)
    assert not is_finished(subscription)
    harness.poll(RUNNING, after=2 * POLL_INTERVAL)
    [fresh] = subscription.collect()
    assert fresh == RunUpdate(ONE)
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert outcomes(subscription.collect()) == ["succeeded"]


def test_transient_error_at_the_first_poll_comes_before_the_state(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll(UpstreamUnavailable("Not now."))
    [stale] = subscription.wait_for_first(0.0)
    assert stale.transient_error is not None
    harness.poll(RUNNING, after=POLL_INTERVAL)
    assert outcomes(subscription.collect()) == ["running"]


def test_new_subscriber_gets_the_state_and_the_transient_error(harness: HubHarness) -> None:
    harness.subscribe()
    harness.poll(RUNNING)
    harness.poll(UpstreamUnavailable("Not now."), after=POLL_INTERVAL)
    updates = harness.subscribe().wait_for_first(0.0)
    assert outcomes(updates) == ["running"]
    assert updates[-1].transient_error is not None


def test_permanent_error_is_the_end(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll(RUNNING)
    subscription.collect()
    harness.poll(RunNotFound(1001, "etl"), after=POLL_INTERVAL)
    [update] = subscription.collect()
    assert isinstance(update.error, RunNotFound)
    assert is_finished(subscription)
    assert subscription.collect() == []
    harness.poll(after=3600.0)
    assert len(harness.source.polls) == 2


# Waiting, in real time


def test_wait_for_first_counts_from_the_first_subscriber() -> None:
    clock = SystemClock()
    watched_run = WatchedRun(ONE, clock.monotonic() - 60.0)
    hub = HubHarness(clock=clock).hub
    subscription = Subscription([SubscribedRun(watched_run, None)], clock, hub)
    began = clock.monotonic()
    assert subscription.wait_for_first(60.0) == []
    assert clock.monotonic() - began < 60.0


@pytest.mark.parametrize("others", [[], [TWO]])
@pytest.mark.parametrize("timeout", [DEADLINE, math.inf])
def test_poll_wakes_a_waiting_subscriber(others: list[RunKey], timeout: float) -> None:
    harness = HubHarness(clock=SystemClock())
    harness.source.set_response(RUNNING, ONE, *others)
    subscription = harness.subscribe(ONE, *others)
    harness.hub.step()
    subscription.wait_for_first(0.0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(subscription.wait, timeout)
        harness.source.set_response(ENDED)
        harness.hub.invalidate(ONE.ids)
        harness.hub.step()
        assert outcomes(waiting.result(DEADLINE)) == ["succeeded"]


def test_wait_returns_early_if_it_should_stop() -> None:
    harness = HubHarness(clock=SystemClock())
    subscription = harness.subscribe()
    harness.poll(RUNNING)
    subscription.wait_for_first(0.0)
    assert subscription.wait(DEADLINE, should_stop=lambda: True) == []


def test_hub_with_a_thread_polls_until_the_last_subscriber_leaves() -> None:
    source = FakeSource()
    source.set_response(ENDED)
    settings = PollSettings(POLL_INTERVAL, terminal_ttl=60.0)
    hub = Hub(source, lambda *_: None, process_cache(), SystemClock(), settings)
    subscription = hub.subscribe(ONE)
    assert outcomes(subscription.wait_for_first(DEADLINE)) == ["succeeded"]
    subscription.close()
    wait_until(lambda: hub.subscribed_run_count == 0, "A hub without subscribers")


def test_wakeup_called_before_the_wait_is_not_lost() -> None:
    wakeup = Wakeup()
    for _ in range(2):
        wakeup()
    wakeup.wait(DEADLINE)
    wakeup.wait(0.0)
