"""Notifications reach every process soon, and cause one poll."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import UpstreamThrottled
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.lease import TICK_SECONDS
from flask_lakeflow_jobs.watching.notifications import (
    CACHE_KEY,
    CHECK_INTERVAL_SECONDS,
    MAX_NOTIFICATIONS,
    NOTIFICATIONS_TTL_SECONDS,
    Notification,
    Notifications,
)
from flask_lakeflow_jobs.watching.subscription import Subscription
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.watching.support import (
    ALICES,
    ENDED,
    JOB,
    LONG_RUNNING,
    ONE,
    OTHER_KEY,
    POLL_INTERVAL,
    TERMINATING,
    TWO,
    FakeStore,
    Processes,
    outcomes,
    process_cache,
)

# The list in the shared cache


@pytest.fixture
def cache(clock: FakeClock) -> SharedCache:
    return SharedCache(FakeStore(clock), clock)


def test_notification_is_received_once_by_each_other_process(
    cache: SharedCache, clock: FakeClock
) -> None:
    publisher, *others = [Notifications(cache, clock) for _ in range(3)]
    published = [publisher.publish(7, run_id) for run_id in (1, 2)]
    assert [other.receive() for other in others] == [published, published]
    assert [each.receive() for each in (publisher, *others)] == [[], [], []]


def test_publisher_that_receives_none_remembers_only_those_in_the_list(
    cache: SharedCache, clock: FakeClock
) -> None:
    publisher = Notifications(cache, clock)
    for run_id in range(3 * MAX_NOTIFICATIONS):
        publisher.publish(7, run_id)
    assert len(publisher._received) <= MAX_NOTIFICATIONS + 1
    assert publisher.receive() == []


def test_notification_expires(cache: SharedCache, clock: FakeClock) -> None:
    Notifications(cache, clock).publish(7, 1)
    clock.sleep(NOTIFICATIONS_TTL_SECONDS)
    assert Notifications(cache, clock).receive() == []


def test_notifications_are_due_in_intervals(cache: SharedCache, clock: FakeClock) -> None:
    notifications = Notifications(cache, clock)
    is_due = [notifications.is_due]
    clock.sleep(CHECK_INTERVAL_SECONDS)
    is_due.append(notifications.is_due)
    notifications.receive()
    is_due.append(notifications.is_due)
    assert is_due == [False, True, False]


def test_no_more_threads_wait_for_a_cache_that_hangs(
    cache: SharedCache, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifications = Notifications(cache, clock)
    is_due = []

    def hang(key: str) -> None:
        clock.sleep(3600.0)
        is_due.append(notifications.is_due)

    monkeypatch.setattr(cache, "get", hang)
    clock.sleep(CHECK_INTERVAL_SECONDS)
    notifications.receive()
    assert is_due == [False]


def test_notifications_without_other_processes_are_never_due(clock: FakeClock) -> None:
    notifications = Notifications(process_cache(), clock)
    notifications.publish(7, 1)
    clock.sleep(CHECK_INTERVAL_SECONDS)
    assert not notifications.is_due
    assert notifications.receive() == []


@pytest.mark.parametrize(
    "stored", ["text", {"id": "1"}, [1, None, {"id": "1"}, {"id": 1, "job_id": 7, "run_id": 1}]]
)
def test_entry_of_another_shape_is_ignored(
    cache: SharedCache, clock: FakeClock, stored: Any
) -> None:
    cache.set(CACHE_KEY, stored, 60)
    notifications = Notifications(cache, clock)
    assert notifications.receive() == []
    published = notifications.publish(7, 1)
    assert Notifications(cache, clock).receive() == [published]


def test_notification_of_a_later_version_is_received(cache: SharedCache, clock: FakeClock) -> None:
    cache.set(CACHE_KEY, [{"id": "1", "job_id": 7, "run_id": 1, "field": "new"}], 60)
    assert Notifications(cache, clock).receive() == [Notification("1", 7, 1)]


@pytest.mark.parametrize(
    ("run_key", "is_about"), [(ONE, True), (ALICES, True), (OTHER_KEY, True), (TWO, False)]
)
def test_notification_is_about_its_run_for_any_identity_and_key(
    run_key: RunKey, is_about: bool
) -> None:
    assert Notification("1", JOB.job_id, ONE.run_id).is_about(run_key) is is_about
    assert not Notification("1", JOB.job_id + 1, ONE.run_id).is_about(run_key)


# Between hubs

#: Seconds in which each process has received the notifications, and then the result of a poll.
SOON = CHECK_INTERVAL_SECONDS + 2 * TICK_SECONDS


def notify(hub: Hub, run_key: RunKey = ONE) -> None:
    hub.receive_notification(run_key.job.job_id, run_key.run_id, [run_key])


def have_ended(subscriptions: Sequence[Subscription]) -> list[bool]:
    return [bool(each.collect()) and each.is_finished for each in subscriptions]


def just_polled(*skews: float, seed: int = 1) -> tuple[Processes, list[Subscription]]:
    """Processes that have just polled a run and will not for a while."""
    processes = Processes(*skews, seed=seed)
    processes.source.set_response(LONG_RUNNING)
    subscriptions = processes.subscribe()
    processes.run(20 * POLL_INTERVAL)
    while processes.source.read_times[-1] < processes.time.elapsed - TICK_SECONDS:
        processes.run(TICK_SECONDS / 5)
    processes.run(3 * TICK_SECONDS)
    for subscription in subscriptions:
        subscription.collect()
    processes.source.polls.clear()
    processes.changes.clear()
    return processes, subscriptions


def test_notification_causes_a_poll_at_once() -> None:
    processes, subscriptions = just_polled(0.0)
    processes.source.set_response(ENDED)
    [hub] = processes.hubs
    assert hub.step() > TICK_SECONDS, "no poll is due"
    notify(hub)
    hub.step()
    assert have_ended(subscriptions) == [True]
    assert len(processes.source.polls) == 1


def test_notification_without_a_change_is_no_update() -> None:
    processes, [subscription] = just_polled(0.0)
    notify(processes.hubs[0])
    processes.run(TICK_SECONDS)
    assert subscription.collect() == []
    assert processes.changes == []
    processes.run(POLL_INTERVAL)
    assert len(processes.source.polls) == 2, "one of them was due anyway"


@pytest.mark.parametrize("skews", [(0.0,) * 4, (0.0, 30.0, -30.0, 2.0), (0.0, 0.05, -3600.0)])
@pytest.mark.parametrize("receiver", [0, -1])
def test_all_processes_get_the_end_soon_by_one_poll(
    skews: tuple[float, ...], receiver: int
) -> None:
    processes, subscriptions = just_polled(*skews)
    processes.source.set_response(ENDED)
    notify(processes.hubs[receiver])
    processes.run(SOON)
    assert have_ended(subscriptions) == [True] * len(subscriptions)
    assert len(processes.source.polls) == 1


def test_process_without_subscribers_passes_a_notification_on() -> None:
    processes, subscriptions = just_polled(0.0, 0.0)
    processes.source.set_response(ENDED)
    receiver = processes.add_hub()
    notify(receiver)
    processes.run(SOON, [*processes.hubs, receiver])
    assert have_ended(subscriptions) == [True, True]
    assert len(processes.source.polls) == 1


def test_update_that_is_not_the_end_costs_one_poll_for_all() -> None:
    processes, subscriptions = just_polled(*(0.0,) * 6)
    processes.source.set_response(TERMINATING)
    notify(processes.hubs[0])
    processes.run(SOON)
    assert [outcomes(each.collect()) for each in subscriptions] == [["terminating"]] * 6
    assert len(processes.source.polls) == 1


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("receiver", [0, -1])
@pytest.mark.parametrize("seed", range(3))
def test_notification_during_a_poll_causes_another_poll(
    count: int, receiver: int, seed: int
) -> None:
    processes, subscriptions = just_polled(*(0.0,) * count, seed=seed)
    read_run = processes.source.read_run

    def read_and_notify(run_key: RunKey) -> ApiResponse[Run]:
        response = read_run(run_key)
        processes.source.set_response(ENDED)
        notify(processes.hubs[receiver])
        processes.source.read_run = read_run  # type: ignore[method-assign]
        return response

    processes.source.read_run = read_and_notify  # type: ignore[method-assign]
    while not processes.source.polls:
        processes.run(TICK_SECONDS / 5)
    processes.run(SOON)
    assert have_ended(subscriptions) == [True] * count


def test_notification_during_a_poll_does_not_void_the_poll() -> None:
    """Otherwise the notifications of many tasks would keep a run from being shown at all."""
    processes = Processes(0.0)
    [hub] = processes.hubs
    processes.source.set_response(LONG_RUNNING)
    subscription = hub.subscribe(ONE)
    read_run = processes.source.read_run

    def notify_and_read(run_key: RunKey) -> ApiResponse[Run]:
        notify(hub)
        return read_run(run_key)

    processes.source.read_run = notify_and_read  # type: ignore[method-assign]
    assert hub.step() == 0
    assert outcomes(subscription.collect()) == ["running"]


def test_notification_causes_a_poll_for_every_identity() -> None:
    processes, _ = just_polled(0.0, 0.0)
    subscription = processes.hubs[1].subscribe(ALICES)
    processes.run(3 * TICK_SECONDS)
    subscription.collect()
    processes.source.set_response(ENDED)
    processes.hubs[0].receive_notification(JOB.job_id, ONE.run_id, [])
    processes.run(SOON)
    assert have_ended([subscription]) == [True]


def test_notification_after_the_end_is_known_dispatches_it_once() -> None:
    processes, subscriptions = just_polled(0.0)
    processes.source.set_response(ENDED)
    processes.run(POLL_INTERVAL)
    assert have_ended(subscriptions) == [True]
    notify(processes.hubs[0])
    processes.run(POLL_INTERVAL)
    assert len(processes.changes) == 1


def test_notification_does_not_shorten_the_retry_after_of_the_workspace() -> None:
    processes, _ = just_polled(0.0, 0.0)
    processes.source.error = UpstreamThrottled("Slow down.", retry_after=30.0)
    processes.run(POLL_INTERVAL)
    processes.source.error = None
    processes.source.polls.clear()
    for hub in processes.hubs:
        notify(hub)
    processes.run(20.0)
    assert processes.source.polls == []
    processes.run(15.0)
    assert processes.source.polls != []


def test_notification_without_its_store_reaches_its_own_process() -> None:
    processes, subscriptions = just_polled(0.0, 0.0)
    processes.source.set_response(ENDED)
    processes.store.is_away = True
    notify(processes.hubs[0])
    processes.hubs[0].step()
    assert have_ended(subscriptions[:1]) == [True]
    processes.run(POLL_INTERVAL + 2 * TICK_SECONDS)
    assert have_ended(subscriptions[1:]) == [True]


def test_more_notifications_than_are_kept_cost_at_most_the_poll_interval() -> None:
    processes, subscriptions = just_polled(0.0, 0.0)
    processes.source.set_response(ENDED)
    notify(processes.hubs[0])
    for run_id in range(1, MAX_NOTIFICATIONS + 1):
        processes.hubs[0].receive_notification(JOB.job_id, 10_000 + run_id, [])
    processes.run(POLL_INTERVAL + 2 * TICK_SECONDS)
    assert have_ended(subscriptions) == [True, True]


@pytest.mark.parametrize(
    ("accepts_notifications", "most"),
    [(False, 0), (True, 2 * POLL_INTERVAL / CHECK_INTERVAL_SECONDS)],
)
def test_process_reads_notifications_only_if_there_may_be_some(
    accepts_notifications: bool, most: float
) -> None:
    processes = Processes()
    processes.source.set_response(LONG_RUNNING)
    hub = processes.add_hub(accepts_notifications=accepts_notifications)
    hub.subscribe(ONE)
    processes.run(2 * POLL_INTERVAL, [hub])
    reads = [key for key in processes.store.keys_read if CACHE_KEY in key]
    assert bool(reads) is accepts_notifications
    assert len(reads) <= most
