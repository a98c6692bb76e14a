"""Each run is polled once for all its subscribers, at once after a change, and only while
it has subscribers or a notification."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from flask_lakeflow_jobs import RunNotFound, UpstreamUnavailable
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.watching.active_polls import MAX_CONCURRENT_POLLS, Poll
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.schedule import (
    ERROR_DELAY_SECONDS,
    LONGEST_DELAY_SHARE,
    MIN_DELAY_SECONDS,
    TERMINAL_DELAY_SECONDS,
)
from flask_lakeflow_jobs.watching.snapshot import StateId
from flask_lakeflow_jobs.watching.watched_run import MIN_FOUND_ENDS, RunKey
from tests.clocks import FakeClock
from tests.run_documents import FAILED, build_job, run, state_id_of
from tests.watching.support import (
    ALICES,
    ENDED,
    JOB,
    LONG_RUNNING,
    ONE,
    POLL_INTERVAL,
    RUNNING,
    TERMINATING,
    TWO,
    FakeStore,
    HubHarness,
    Processes,
    outcomes,
    run_keys,
)

REPAIRED = run(attempt_number=1)


def test_forty_subscribers_cost_one_poll(harness: HubHarness) -> None:
    subscriptions = [harness.subscribe() for _ in range(40)]
    harness.poll(RUNNING)
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert len(harness.source.polls) == 2
    assert [outcomes(each.collect()) for each in subscriptions] == [["succeeded"]] * 40
    assert all(each.is_finished for each in subscriptions)


def test_run_is_not_polled_before_it_is_due(harness: HubHarness) -> None:
    harness.subscribe()
    delay = harness.poll(RUNNING)
    assert MIN_DELAY_SECONDS <= delay <= POLL_INTERVAL
    harness.poll(after=delay * 0.9)
    assert len(harness.source.polls) == 1
    harness.poll(after=delay * 0.1)
    assert len(harness.source.polls) == 2


def test_long_run_is_polled_every_poll_interval(harness: HubHarness) -> None:
    harness.subscribe()
    assert harness.poll(LONG_RUNNING) == POLL_INTERVAL * LONGEST_DELAY_SHARE < POLL_INTERVAL


def test_run_is_watched_from_its_first_subscriber_to_its_last(harness: HubHarness) -> None:
    first, second = harness.subscribe(), harness.subscribe()
    assert harness.hub.subscribed_run_count == 1
    harness.poll(RUNNING)
    first.close()
    first.close()
    assert harness.hub.subscribed_run_count == 1
    second.close()
    assert harness.hub.subscribed_run_count == 0
    harness.poll(after=3600.0)
    assert len(harness.source.polls) == 1
    assert second.collect() == []


def test_ended_run_is_polled_once_for_subscribers_that_follow(harness: HubHarness) -> None:
    harness.source.set_response(ENDED)
    for _ in range(40):
        subscription = harness.subscribe()
        harness.poll(after=TERMINAL_DELAY_SECONDS / 80)
        assert outcomes(subscription.wait_for_first(0.0)) == ["succeeded"]
        assert subscription.is_finished
        subscription.close()
    assert len(harness.source.polls) == 1


def test_active_run_is_not_polled_per_short_subscription() -> None:
    """On a sync worker no stream stays: each client comes back every few seconds."""
    processes = Processes()
    processes.source.set_response(LONG_RUNNING)
    hub = processes.add_hub(is_sharing=False)
    for _ in range(40 * 8):
        subscription = hub.subscribe(ONE)
        hub.step()
        assert len(subscription.collect()) == 1
        subscription.close()
        hub.step()
        assert hub.subscribed_run_count == 0
        processes.time.sleep(POLL_INTERVAL / 40)
    assert len(processes.source.polls) <= 9


def test_viewers_that_come_and_go_cost_one_poll_while_the_workspace_is_slow() -> None:
    """On a sync worker, each client leaves after a few seconds. The first poll may take longer."""
    harness = HubHarness()
    polls: list[Callable[[], None]] = []
    harness.hub._spawn = polls.append
    for _ in range(3):
        with closing(harness.subscribe()) as subscription:
            harness.poll(LONG_RUNNING, after=POLL_INTERVAL)
            assert subscription.collect() == []
    with closing(harness.subscribe()) as subscription:
        [poll] = polls
        poll()
        assert outcomes(subscription.collect()) == ["running"]
    assert len(harness.source.polls) == 1


def test_one_identity_never_gets_the_state_that_another_read(harness: HubHarness) -> None:
    subscriptions = harness.subscribe(ONE), harness.subscribe(ALICES)
    harness.poll(RUNNING)
    assert set(harness.source.polls) == {ONE, ALICES}
    updates = [update for each in subscriptions for update in each.collect()]
    assert [update.run_key for update in updates] == [ONE, ALICES]


def test_many_runs_of_one_job_are_polled_by_one_list(harness: HubHarness) -> None:
    keys = run_keys(*range(1, 21))
    harness.source.set_response(RUNNING, *keys)
    subscription = harness.subscribe(*keys)
    harness.poll()
    assert (harness.source.list_calls, harness.source.polls) == (1, [])
    assert len(subscription.wait_for_first(0.0)) == 20
    harness.source.set_response(ENDED, keys[4])
    harness.poll(after=POLL_INTERVAL)
    assert (harness.source.list_calls, harness.source.polls) == (2, [keys[4]])
    assert outcomes(subscription.collect()) == ["succeeded"]


@pytest.mark.parametrize(("number", "lists", "reads"), [(20, 2, 1), (30, 1, 2)])
def test_few_due_runs_are_polled_by_one_list_if_it_costs_no_more(
    harness: HubHarness, number: int, lists: int, reads: int
) -> None:
    keys = run_keys(*range(1, number + 1))
    other = RunKey(ONE.identity, build_job("other", 2), 99)
    harness.source.set_response(RUNNING, *keys, other)
    harness.subscribe(*keys, other)
    harness.poll()
    assert (harness.source.list_calls, harness.source.polls) == (1, [other])
    harness.hub.invalidate(keys[0].ids)
    harness.poll()
    assert (harness.source.list_calls, len(harness.source.polls)) == (lists, reads)


def test_poll_that_fails_unexpectedly_is_made_again(
    harness: HubHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(poll: Poll) -> None:
        raise RuntimeError("a bug")

    subscription = harness.subscribe()
    with monkeypatch.context() as patch:
        patch.setattr(harness.hub._poller, "poll", fail)
        harness.poll(RUNNING)
    assert "Unexpected error while polling 1 runs" in caplog.text
    harness.poll(after=POLL_INTERVAL)
    assert outcomes(subscription.collect()) == ["running"]


def test_concurrent_polls_are_limited() -> None:
    """The runs are of different jobs, so that each has a poll of its own."""
    harness = HubHarness()
    polls: list[Callable[[], None]] = []
    harness.hub._spawn = polls.append
    for job_id in range(1, MAX_CONCURRENT_POLLS + 3):
        harness.subscribe(RunKey(ONE.identity, build_job(f"job{job_id}", job_id), ONE.run_id))
    assert harness.poll(RUNNING) == POLL_INTERVAL
    assert len(polls) == MAX_CONCURRENT_POLLS
    for poll in polls[:2]:
        poll()
    harness.poll()
    assert len(harness.source.polls) == 2
    assert len(polls) >= MAX_CONCURRENT_POLLS + 2


# After a change


def receive_notification(hub: Hub, run_key: RunKey) -> None:
    hub.receive_notification(run_key.job.job_id, run_key.run_id, [run_key])


def invalidate(hub: Hub, run_key: RunKey) -> None:
    hub.invalidate(run_key.ids)


@pytest.mark.parametrize("change", [invalidate, Hub.reset, receive_notification])
def test_ended_run_is_polled_at_once_after_a_change(
    harness: HubHarness, change: Callable[[Hub, RunKey], None]
) -> None:
    harness.source.set_response(LONG_RUNNING, TWO)
    harness.subscribe(ONE, TWO)
    harness.poll(ENDED)
    assert [harness.hub.has_ended(each.ids) for each in (ONE, TWO)] == [True, False]
    change(harness.hub, ONE)
    assert not harness.hub.has_ended(ONE.ids), "it may have been repaired"
    subscription = harness.subscribe()
    harness.poll(REPAIRED)
    assert outcomes(subscription.wait_for_first(0.0)) == ["running"]
    assert harness.source.polls == [ONE, TWO, ONE]


def test_active_run_is_polled_at_once_after_a_change(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll(LONG_RUNNING)
    subscription.collect()
    harness.hub.invalidate(ONE.ids)
    harness.poll(TERMINATING)
    assert outcomes(subscription.collect()) == ["terminating"]


def test_new_subscriber_of_an_ended_run_gets_a_new_poll(harness: HubHarness) -> None:
    """A repair may have continued the run."""
    before = harness.subscribe()
    harness.poll(ENDED)
    before.collect()
    harness.clock.sleep(TERMINAL_DELAY_SECONDS)
    after = harness.subscribe()
    harness.poll(REPAIRED)
    assert outcomes(after.wait_for_first(0.0)) == ["running"]
    assert before.collect() == []


def test_subscriber_that_has_seen_a_repair_gets_a_new_poll(harness: HubHarness) -> None:
    harness.subscribe()
    harness.poll(run(FAILED))
    subscription = harness.subscribe(seen={ONE: state_id_of(REPAIRED)})
    harness.poll(REPAIRED, after=TERMINAL_DELAY_SECONDS)
    assert subscription.wait_for_first(0.0) == []
    assert not subscription.is_finished


def test_forged_last_states_of_an_ended_run_cost_one_poll_per_second(harness: HubHarness) -> None:
    harness.subscribe()
    harness.poll(ENDED)
    for number in range(100):
        harness.subscribe(seen={ONE: StateId(99 + number, 0, 0, "0" * 12)})
        harness.poll(after=TERMINAL_DELAY_SECONDS / 50)
    assert len(harness.source.polls) <= 1 + 3


@pytest.mark.parametrize("after", [0.0, ERROR_DELAY_SECONDS / 2])
def test_missing_runs_are_read_once_for_all_subscribers(harness: HubHarness, after: float) -> None:
    keys = run_keys(*range(1, 51))
    harness.source.set_response(RunNotFound(1, "etl"), *keys)
    for _ in range(10):
        subscription = harness.subscribe(*keys)
        harness.poll(after=after / 10)
        assert len(subscription.collect()) == 50
    assert len(harness.source.read_times) <= 60


def test_missing_run_is_read_again_after_a_while_or_a_change(harness: HubHarness) -> None:
    def wait() -> None:
        harness.clock.sleep(ERROR_DELAY_SECONDS)

    def change() -> None:
        harness.hub.invalidate(ONE.ids)

    for lose in (wait, change):
        harness.subscribe()
        harness.poll(RunNotFound(1, "etl"))
        lose()
        found = harness.subscribe()
        harness.poll(RUNNING)
        assert outcomes(found.collect()) == ["running"]
        found.close()
        harness.clock.sleep(POLL_INTERVAL)


def test_end_after_a_state_that_was_a_mistake_is_not_missed(harness: HubHarness) -> None:
    """The workspace once sent a state with more attempts than there were."""
    with closing(harness.subscribe()) as subscription:
        harness.poll(REPAIRED)
        harness.poll(ENDED, after=POLL_INTERVAL)
        # A delayed response may be from before a repair.
        assert outcomes(subscription.collect()) == ["running"]
        for _ in range(MIN_FOUND_ENDS):
            harness.poll(after=POLL_INTERVAL)
        assert outcomes(subscription.collect()) == ["succeeded"]
    assert [status.outcome for _, status in harness.changes] == ["running", "succeeded"]


# Notifications


def test_notification_has_a_run_without_subscribers_polled_once(harness: HubHarness) -> None:
    harness.source.set_response(ENDED)
    for _ in range(2):  # Databricks may send it twice
        receive_notification(harness.hub, ONE)
        harness.poll()
        harness.poll(after=2 * POLL_INTERVAL)
    assert [status.outcome for _, status in harness.changes] == ["succeeded"]
    assert len(harness.source.polls) == 2
    assert harness.hub.subscribed_run_count == 0


def test_notification_of_an_unreachable_run_is_kept_until_a_poll_succeeds(
    harness: HubHarness,
) -> None:
    harness.source.set_response(UpstreamUnavailable("Not now."))
    receive_notification(harness.hub, ONE)
    for _ in range(4):
        harness.poll(after=POLL_INTERVAL)
    assert harness.changes == []
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert len(harness.changes) == 1


def test_notification_of_a_missing_run_is_dropped_after_one_poll(harness: HubHarness) -> None:
    harness.source.set_response(RunNotFound(ONE.run_id, JOB.key))
    receive_notification(harness.hub, ONE)
    for _ in range(4):
        harness.poll(after=POLL_INTERVAL)
    assert len(harness.source.polls) == 1
    assert harness.changes == []
    assert harness.hub._watched_runs == {}, "nothing is kept of it"


def test_cache_that_always_fails_costs_no_update() -> None:
    store = FakeStore(FakeClock())
    store.is_away = True
    harness = HubHarness(SharedCache(store))
    subscription = harness.subscribe()
    harness.poll(RUNNING)
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert outcomes(subscription.collect()) == ["succeeded"]


def test_age_of_the_last_poll_grows_while_no_poll_succeeds(harness: HubHarness) -> None:
    def age() -> float | None:
        return harness.hub.seconds_since_poll

    assert age() is None, "nothing to poll"
    harness.clock.sleep(1000.0)
    subscription = harness.subscribe()
    assert age() == 0.0
    harness.poll(RUNNING)
    harness.poll(UpstreamUnavailable("Not now."), after=POLL_INTERVAL)
    harness.poll(after=POLL_INTERVAL)
    assert age() == 2 * POLL_INTERVAL
    harness.poll(RUNNING, after=POLL_INTERVAL)
    assert age() == 0.0
    harness.clock.sleep(3.0)
    assert age() == 3.0
    subscription.close()
    assert age() is None


def test_polls_of_another_process_count_as_successful() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    processes.subscribe(ONE)
    processes.run(4 * POLL_INTERVAL)
    ages = [hub.seconds_since_poll for hub in processes.hubs]
    assert len(processes.source.polls) < 8
    assert all(age is not None and age <= 2 * POLL_INTERVAL for age in ages), ages
