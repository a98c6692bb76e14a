"""Progress reaches the viewers in every process, without polls, and never comes back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from flask_lakeflow_jobs import UpstreamUnavailable
from flask_lakeflow_jobs.runs.progress import Progress
from flask_lakeflow_jobs.runs.progress_reports import WHOLE_RUN
from flask_lakeflow_jobs.watching.notifications import CHECK_INTERVAL_SECONDS
from flask_lakeflow_jobs.watching.shared_progress import MIN_UPDATE_SECONDS, SharedProgress
from flask_lakeflow_jobs.watching.subscription import Subscription
from tests.clocks import FakeClock
from tests.run_documents import run, run_state, task
from tests.watching.support import (
    ALICES,
    ENDED,
    LONG_RUNNING,
    ONE,
    OTHER_KEY,
    POLL_INTERVAL,
    TWO,
    HubHarness,
    Processes,
    process_cache,
)

SOON = CHECK_INTERVAL_SECONDS + 0.25


def report(percent: float, key: str | None = None, at: int = 10**13) -> Progress:
    return Progress(percent, "", key, at)


def percents(subscription: Subscription) -> list[float | None]:
    """The progress of the new states."""
    statuses = [update.snapshot.status for update in subscription.collect() if update.snapshot]
    return [status.progress.percent if status.progress else None for status in statuses]


# The reports in the shared cache


def test_report_replaces_the_one_of_the_same_task() -> None:
    progress = SharedProgress(process_cache(), FakeClock())
    for each in (report(1), report(2, "a"), report(3, "a"), report(4)):
        progress.add(ONE.ids, each)
    [reports, others] = progress.read([ONE.ids, TWO.ids])
    assert {key: each.percent for key, each in reports.items()} == {WHOLE_RUN: 4, "a": 3}
    assert others == {}
    progress.discard(ONE.ids)
    assert progress.read([ONE.ids]) == [{}]


def test_update_is_due_once_per_interval_and_run() -> None:
    clock = FakeClock()
    progress = SharedProgress(process_cache(), clock)
    assert [progress.is_update_due(ids) for ids in (ONE.ids, ONE.ids, TWO.ids)] == [
        True,
        False,
        True,
    ]
    clock.sleep(MIN_UPDATE_SECONDS)
    assert progress.is_update_due(ONE.ids)


# In one process


@pytest.fixture
def harness() -> HubHarness:
    harness = HubHarness()
    harness.source.set_response(LONG_RUNNING)
    return harness


def test_report_is_an_update_without_a_poll(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll()
    assert percents(subscription) == [None]
    harness.hub.report_progress(ONE.ids, report(40))
    assert percents(subscription) == [40]
    assert len(harness.source.polls) == 1
    assert [status.progress is None for _, status in harness.changes] == [True, False]


def test_equal_report_is_no_update(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll()
    for at in (1, 2):
        harness.hub.report_progress(ONE.ids, report(40, at=at))
        harness.clock.sleep(MIN_UPDATE_SECONDS)
    assert percents(subscription) == [40]


def test_report_that_follows_too_fast_comes_with_the_next_poll(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll()
    for at, percent in enumerate((1, 2, 3)):
        harness.hub.report_progress(ONE.ids, report(percent, at=at))
    assert percents(subscription) == [1]
    harness.poll(after=POLL_INTERVAL)
    assert percents(subscription) == [3]


def test_later_viewer_gets_the_last_report(harness: HubHarness) -> None:
    harness.hub.report_progress(ONE.ids, report(40))
    subscription = harness.subscribe()
    harness.poll()
    assert percents(subscription) == [40]


def test_report_reaches_every_identity_and_key_of_the_run(harness: HubHarness) -> None:
    subscriptions = [harness.subscribe(key) for key in (ONE, ALICES, OTHER_KEY, TWO)]
    harness.source.set_response(LONG_RUNNING, TWO)
    harness.poll()
    assert [percents(each) for each in subscriptions] == [[None]] * 4
    harness.hub.report_progress(ONE.ids, report(40))
    assert [percents(each) for each in subscriptions] == [[40], [40], [40], []]


def test_ended_run_drops_its_reports(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll()
    harness.hub.report_progress(ONE.ids, report(40))
    assert not harness.hub.has_ended(ONE.ids)
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert percents(subscription) == [None]
    assert harness.hub.has_ended(ONE.ids)
    assert harness.hub.read_progress(ONE.ids) == {}
    harness.hub.report_progress(ONE.ids, report(50))
    assert percents(subscription) == []


def test_repaired_run_begins_without_progress(harness: HubHarness) -> None:
    harness.hub.report_progress(ONE.ids, report(40))
    harness.hub.reset(ONE)
    subscription = harness.subscribe()
    harness.poll()
    assert percents(subscription) == [None]


def test_report_during_an_outage_keeps_the_error(harness: HubHarness) -> None:
    subscription = harness.subscribe()
    harness.poll()
    subscription.collect()
    harness.poll(UpstreamUnavailable("away"), after=POLL_INTERVAL)
    assert [update.transient_error is None for update in subscription.collect()] == [False]
    harness.hub.report_progress(ONE.ids, report(40))
    updates = subscription.collect()
    assert [each.snapshot is not None for each in updates] == [True]


def test_ended_task_drops_its_progress_with_its_state(harness: HubHarness) -> None:
    running = run(start_time=1, tasks=[task("a", run_state("RUNNING"))])
    over = run(start_time=1, tasks=[task("a", run_state("TERMINATED", "SUCCESS"))])
    subscription = harness.subscribe()
    harness.poll(running)
    harness.hub.report_progress(ONE.ids, report(40, "a"))
    assert percents(subscription) == [40]
    harness.poll(over, after=POLL_INTERVAL)
    assert percents(subscription) == [None]


# Between processes


@pytest.fixture
def processes() -> Processes:
    processes = Processes(0.0, 2.0, -2.0)
    processes.source.set_response(LONG_RUNNING)
    return processes


def collect(subscriptions: Sequence[Subscription]) -> list[list[float | None]]:
    return [percents(each)[-1:] for each in subscriptions]


def test_report_reaches_other_processes_soon_without_a_poll(processes: Processes) -> None:
    subscriptions = processes.subscribe()
    processes.run(2 * POLL_INTERVAL)
    polls = len(processes.source.polls)
    while len(processes.source.polls) == polls:
        processes.run(0.1)
    collect(subscriptions)
    polls += 1
    processes.hubs[1].report_progress(ONE.ids, report(40))
    processes.run(SOON)
    assert collect(subscriptions) == [[40], [40], [40]]
    assert len(processes.source.polls) == polls


def test_report_reaches_processes_without_notifications_within_a_poll_interval(
    processes: Processes,
) -> None:
    processes.hubs = [processes.add_hub(accepts_notifications=False) for _ in range(3)]
    subscriptions = processes.subscribe()
    processes.run(2 * POLL_INTERVAL + 1)
    collect(subscriptions)
    processes.hubs[1].report_progress(ONE.ids, report(40))
    processes.run(2 * POLL_INTERVAL)
    assert collect(subscriptions) == [[40], [40], [40]]


def test_process_that_starts_later_shows_the_report_without_a_poll() -> None:
    processes = Processes(0.0, 0.0)  # it knows the age of no poll of a clock ahead of its own
    processes.source.set_response(LONG_RUNNING)
    processes.subscribe()
    processes.run(2 * POLL_INTERVAL)
    processes.hubs[1].report_progress(ONE.ids, report(40))
    processes.run(POLL_INTERVAL + 1)
    polls = len(processes.source.polls)
    late = processes.add_hub()
    subscription = late.subscribe(ONE)
    processes.run(0.3, [late])
    assert percents(subscription) == [40]
    assert len(processes.source.polls) == polls


def test_reports_never_go_back(processes: Processes) -> None:
    subscriptions = processes.subscribe()
    processes.run(POLL_INTERVAL)
    shown: list[list[float]] = [[], [], []]
    for percent in range(1, 30):
        hub = processes.hubs[percent % 3]
        hub.report_progress(ONE.ids, report(percent, at=10**13 + percent))
        processes.run(0.7)
        for values, subscription in zip(shown, subscriptions, strict=True):
            values += [value for value in percents(subscription) if value is not None]
    for values in shown:
        assert values == sorted(values)
        assert values[-1] == 29


def test_reports_continue_when_a_clock_jumps(processes: Processes) -> None:
    """The clock of one process is an hour ahead for a while, and that of another is behind."""
    subscriptions = processes.subscribe()
    processes.run(POLL_INTERVAL)
    for percent, offset in enumerate((0, 3600, 0, -3600, 0)):
        at = 10**13 + percent + offset * 1000
        processes.hubs[percent % 3].report_progress(ONE.ids, report(percent, at=at))
        processes.run(2 * POLL_INTERVAL)
        assert collect(subscriptions) == [[percent]] * 3


def test_notification_of_progress_replaces_the_one_before(processes: Processes) -> None:
    for percent in range(5):
        processes.hubs[0].report_progress(ONE.ids, report(percent, at=percent))
        processes.hubs[0].report_progress(TWO.ids, report(percent, at=percent))
        processes.time.sleep(MIN_UPDATE_SECONDS)
    [stored] = [value for key, (_, value) in processes.store.entries.items() if "notific" in key]
    assert stored.count('"is_progress":true') == 2


def test_report_without_a_cache_is_shown_in_its_process(processes: Processes) -> None:
    subscriptions = processes.subscribe()
    processes.run(POLL_INTERVAL)
    collect(subscriptions)
    processes.store.is_away = True
    processes.hubs[0].report_progress(ONE.ids, report(40))
    processes.run(SOON)
    assert collect(subscriptions) == [[40], [], []]
