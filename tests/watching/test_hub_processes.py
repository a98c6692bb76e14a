"""Hubs of several processes that share a cache: one poll for all, whatever else goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flask_lakeflow_jobs import UpstreamThrottled, UpstreamUnavailable
from flask_lakeflow_jobs.watching.lease import TICK_SECONDS
from flask_lakeflow_jobs.watching.notifications import CHECK_INTERVAL_SECONDS
from flask_lakeflow_jobs.watching.schedule import LONGEST_DELAY_SHARE
from tests.watching.support import (
    ENDED,
    LONG_RUNNING,
    ONE,
    POLL_INTERVAL,
    QUEUED,
    TERMINATING,
    Processes,
    is_finished,
    outcomes,
    run_keys,
    subscribe,
)

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run

    from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
    from flask_lakeflow_jobs.watching.watched_run import RunKey

SKEWS = [(0.0,) * 4, (0.0, 30.0), (0.0, 30.0, -30.0, 2.0), (0.0, -2.0, 4.0), (0.0, 0.05, -3600.0)]

LONGEST_DELAY = POLL_INTERVAL * LONGEST_DELAY_SHARE


@pytest.mark.parametrize("skews", SKEWS)
def test_processes_poll_once_per_interval_whatever_their_clocks(skews: tuple[float, ...]) -> None:
    processes = Processes(*skews)
    processes.source.set_response(LONG_RUNNING)
    processes.subscribe()
    processes.run(4 * POLL_INTERVAL)
    processes.source.polls.clear()
    processes.run(20 * LONGEST_DELAY)
    assert 19 <= len(processes.source.polls) <= 21


@pytest.mark.parametrize("skews", SKEWS)
@pytest.mark.parametrize("phase", [0.5, 2.0, 3.5, 4.75])
def test_all_processes_get_the_end_within_a_poll_interval(
    skews: tuple[float, ...], phase: float
) -> None:
    processes = Processes(*skews)
    processes.source.set_response(LONG_RUNNING)
    subscriptions = []
    for hub in processes.hubs:
        subscriptions.append(hub.subscribe(ONE))
        processes.run(phase)
    processes.run(4 * POLL_INTERVAL)
    processes.source.set_response(ENDED)
    for subscription in subscriptions:
        subscription.collect()
    processes.run(POLL_INTERVAL + 2 * TICK_SECONDS)
    assert [outcomes(each.collect()) for each in subscriptions] == [["succeeded"]] * len(skews)
    assert all(each.is_finished for each in subscriptions)


def test_process_that_joins_gets_the_state_at_once_without_a_poll() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    first, second = processes.hubs
    first.subscribe(ONE)
    processes.run(1.0, [first])
    subscription = second.subscribe(ONE)
    second.step()
    assert outcomes(subscription.collect()) == ["running"]
    assert len(processes.source.polls) == 1


def test_state_that_lasts_for_hours_stays_shared() -> None:
    processes = Processes(0.0, 0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    subscriptions = processes.subscribe()
    hours = 3 * 3600.0
    while processes.time.elapsed < hours:
        processes.time.sleep(min(hub.step() for hub in processes.hubs) or TICK_SECONDS)
    assert len(processes.source.polls) <= 1.2 * hours / POLL_INTERVAL
    assert [outcomes(each.collect()) for each in subscriptions] == [["running"]] * 3


def test_hundred_runs_on_four_processes_cost_the_pages_of_a_list() -> None:
    processes = Processes(*(0.0,) * 4)
    keys = run_keys(*range(1, 101))
    processes.source.set_response(LONG_RUNNING, *keys)
    subscriptions = processes.subscribe(*keys)
    processes.run(4 * POLL_INTERVAL)
    processes.source.read_times.clear()
    processes.run(20 * POLL_INTERVAL)
    assert 4 * 19 <= len(processes.source.read_times) <= 4 * 22
    processes.source.set_response(ENDED, *keys[:10])
    for subscription in subscriptions:
        subscription.collect()
    processes.run(POLL_INTERVAL + 2 * TICK_SECONDS)
    assert [len(each.collect()) for each in subscriptions] == [10] * 4


@pytest.mark.parametrize("count", [1, 20, 100])
def test_poll_of_a_job_costs_the_round_trips_of_one_run(count: int) -> None:
    processes = Processes(0.0)
    keys = run_keys(*range(1, count + 1))
    processes.source.set_response(LONG_RUNNING, *keys)
    processes.subscribe(*keys)
    processes.run(POLL_INTERVAL - 2 * TICK_SECONDS)
    processes.store.round_trips = 0
    ten_polls = 10 * LONGEST_DELAY
    processes.run(ten_polls)
    assert processes.store.round_trips <= 10 * 6 + ten_polls / CHECK_INTERVAL_SECONDS


@pytest.mark.parametrize(("round_trip", "late"), [(0.09, 1.0), (0.3, 2.0), (1.5, 2.0)])
def test_slow_store_delays_the_end_of_no_run_for_long(round_trip: float, late: float) -> None:
    processes = Processes(0.0, round_trip=round_trip)
    keys = run_keys(*range(1, 21))
    processes.source.set_response(LONG_RUNNING, *keys)
    [subscription] = processes.subscribe(*keys)
    processes.run(6 * POLL_INTERVAL)
    subscription.collect()
    processes.source.set_response(ENDED, *keys)
    ended_at = processes.time.elapsed
    while not is_finished(subscription):
        processes.run(TICK_SECONDS / 5)
        subscription.collect()
    assert processes.time.elapsed - ended_at <= POLL_INTERVAL + late


def test_process_that_holds_the_first_lease_of_a_job_polls_its_other_runs() -> None:
    processes = Processes(0.0, 0.0)
    keys = run_keys(*range(1, 21))
    processes.source.set_response(LONG_RUNNING, *keys)
    subscriptions = processes.subscribe(*keys)
    first, second = processes.hubs
    add = processes.store.add

    def add_and_step_the_second(key: str, value: str, timeout: Any = None) -> bool:
        processes.store.add = add  # type: ignore[method-assign]
        is_added = add(key, value, timeout)
        second.step()
        return is_added

    processes.store.add = add_and_step_the_second  # type: ignore[method-assign]
    first.step()
    assert len(processes.source.read_times) == 1
    processes.run(2 * TICK_SECONDS)
    assert len(processes.source.read_times) == 1
    assert [len(each.collect()) for each in subscriptions] == [20, 20]


def test_processes_that_watch_different_runs_of_a_job_wait_for_none() -> None:
    processes = Processes(0.0, 0.0)
    left, right = run_keys(*range(1, 21)), run_keys(*range(11, 31))
    processes.source.set_response(LONG_RUNNING, *left, *right)
    subscriptions = [
        subscribe(hub, *keys) for hub, keys in zip(processes.hubs, (left, right), strict=True)
    ]
    processes.run(4 * POLL_INTERVAL)
    processes.source.set_response(ENDED, *left, *right)
    for subscription in subscriptions:
        subscription.collect()
    processes.run(POLL_INTERVAL + 4 * TICK_SECONDS)
    assert [len(each.collect()) for each in subscriptions] == [20, 20]


# Failures


def test_process_that_dies_while_polling_delays_others_by_its_lease() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    dying, living = processes.hubs
    dying.subscribe(ONE)
    subscription = living.subscribe(ONE)
    processes.source.error = SystemExit()
    with pytest.raises(SystemExit):
        dying.step()
    processes.source.error = None
    living.step()
    assert subscription.collect() == [], "the other process holds the lease"
    processes.run(POLL_INTERVAL + 2 * TICK_SECONDS, [living])
    assert outcomes(subscription.collect()) == ["running"]


def test_lease_that_never_expires_stops_no_process() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    dying, living = processes.hubs
    dying.subscribe(ONE)
    subscription = living.subscribe(ONE)
    processes.store.never_expires_added = True
    processes.source.error = SystemExit()
    with pytest.raises(SystemExit):
        dying.step()
    processes.source.error = None
    processes.store.never_expires_added = False
    processes.run(2 * POLL_INTERVAL, [living])
    assert outcomes(subscription.collect()) == ["running"]
    processes.source.polls.clear()
    processes.run(10 * POLL_INTERVAL, [living])
    assert 9 <= len(processes.source.polls) <= 11


def test_store_that_goes_away_costs_polls_and_no_update(caplog: pytest.LogCaptureFixture) -> None:
    processes = Processes(0.0, 0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    subscriptions = processes.subscribe()
    processes.run(2 * POLL_INTERVAL)
    processes.store.is_away = True
    processes.source.set_response(TERMINATING)
    for subscription in subscriptions:
        subscription.collect()
    processes.run(2 * POLL_INTERVAL)
    assert [outcomes(each.collect()) for each in subscriptions] == [["terminating"]] * 3
    warnings = [record for record in caplog.records if record.name == "flask_lakeflow_jobs"]
    assert len(warnings) == 3, "one per process"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_store_that_comes_back_empty_is_shared_again() -> None:
    processes = Processes(0.0, 0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    processes.subscribe()
    processes.run(2 * POLL_INTERVAL)
    processes.store.is_away = True
    processes.run(4 * POLL_INTERVAL)
    processes.store.is_away = False
    processes.store.entries.clear()
    processes.run(4 * POLL_INTERVAL)
    processes.source.polls.clear()
    processes.run(10 * POLL_INTERVAL)
    assert 9 <= len(processes.source.polls) <= 11
    processes.source.polls.clear()
    late = processes.add_hub()
    late.subscribe(ONE)
    late.step()
    assert processes.source.polls == [], "the state is in the store again"


def test_process_that_was_stopped_during_a_poll_shares_no_older_state() -> None:
    processes = Processes(0.0, 0.0)
    stopped, other = processes.hubs
    processes.source.set_response(LONG_RUNNING)
    subscription = stopped.subscribe(ONE)
    read_run = processes.source.read_run

    def read_and_stop(run_key: RunKey) -> ApiResponse[Run]:
        outdated = read_run(run_key)
        processes.source.read_run = read_run  # type: ignore[method-assign]
        processes.source.set_response(ENDED)
        other.subscribe(ONE)
        processes.run(2 * POLL_INTERVAL, [other])
        return outdated

    processes.source.read_run = read_and_stop  # type: ignore[method-assign]
    stopped.step()
    late_process = processes.add_hub()
    late = late_process.subscribe(ONE)
    processes.run(TICK_SECONDS, [late_process])
    assert [outcomes(each.collect()) for each in (subscription, late)] == [["succeeded"]] * 2
    assert len(processes.source.polls) == 2


def test_retry_after_of_one_process_is_respected_by_all() -> None:
    processes = Processes(0.0, 0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    subscriptions = processes.subscribe()
    processes.run(2 * POLL_INTERVAL)
    processes.source.error = UpstreamThrottled("Slow down.", retry_after=30.0)
    processes.run(POLL_INTERVAL)
    processes.source.error = None
    processes.source.set_response(ENDED)
    processes.source.polls.clear()
    processes.run(20.0)
    assert processes.source.polls == []
    processes.run(15.0)
    assert all(each.collect() and each.is_finished for each in subscriptions)


def test_process_that_reaches_no_workspace_delays_no_other() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    cut_off, other = processes.hubs
    subscription = other.subscribe(ONE)
    cut_off.subscribe(ONE)
    processes.source.error = UpstreamUnavailable("No way there.")
    cut_off.step()
    processes.source.error = None
    other.step()
    assert outcomes(subscription.collect()) == ["running"]


def test_viewers_of_a_known_end_cost_no_poll() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(ENDED)
    for _ in range(10):
        late = processes.subscribe()
        processes.run(2 * TICK_SECONDS)
        assert [outcomes(each.collect()) for each in late] == [["succeeded"]] * 2
    assert len(processes.source.polls) == 1


def test_delayed_response_is_not_shared_with_a_later_process() -> None:
    processes = Processes(0.0)
    processes.source.set_response(LONG_RUNNING)
    processes.subscribe()
    processes.run(4 * POLL_INTERVAL)
    processes.source.set_response(QUEUED)
    processes.run(4 * POLL_INTERVAL)
    polls = len(processes.source.polls)
    hub = processes.add_hub()
    later = subscribe(hub)
    processes.run(TICK_SECONDS, [hub])
    assert outcomes(later.collect()) == ["running"]
    assert len(processes.source.polls) == polls
