"""What a viewer of runs is told, in order and in trouble, and what wakes it."""

from __future__ import annotations

import logging
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from databricks.sdk.service.jobs import Run
from flask import Flask

from flask_lakeflow_jobs import RunNotFound, UpstreamThrottled, UpstreamUnavailable
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.schedule import FLOOR
from flask_lakeflow_jobs.watching.subscription import Subscription
from flask_lakeflow_jobs.watching.watched_run import RunKey, WatchedRun
from tests.run_documents import FAILED, run, state_of, words
from tests.support import DEADLINE, wait_until
from tests.watching.support import (
    ENDED,
    JOB,
    ONE,
    POLL_INTERVAL,
    QUEUED,
    RUNNING,
    FakeSource,
    HubHarness,
    is_finished,
    seen,
)

# ── what a viewer is told ─────────────────────────────────────────────────────────────────────────


def test_the_first_look_comes_at_once_and_its_state_is_news(watched: HubHarness) -> None:
    viewer = watched.subscribe()
    assert viewer.collect() == []
    watched.poll(RUNNING)
    [news] = viewer.wait_for_first(0.0)
    assert news.run_key == ONE
    assert news.snapshot is not None
    assert news.snapshot.status.timestamp == int(watched.clock.now() * 1000)
    assert not is_finished(viewer)


def test_only_what_changed_is_news(watched: HubHarness) -> None:
    viewer = watched.subscribe()
    watched.poll(QUEUED)
    assert seen(viewer.collect()) == ["queued"]
    for _ in range(3):
        watched.poll(QUEUED, after=POLL_INTERVAL)
        assert viewer.wait(0.0) == []
    watched.poll(RUNNING, after=POLL_INTERVAL)
    assert seen(viewer.wait(0.0)) == ["running"]
    assert len(watched.source.polls) == 5


def test_the_end_is_the_last_news_and_the_last_look(watched: HubHarness) -> None:
    viewer = watched.subscribe()
    watched.poll(RUNNING)
    watched.poll(ENDED, after=POLL_INTERVAL)
    assert not is_finished(viewer), "the viewer does not know yet"
    assert seen(viewer.collect()) == ["succeeded"]
    assert is_finished(viewer)
    watched.poll(after=3600.0)
    assert len(watched.source.polls) == 2
    assert viewer.wait(DEADLINE) == [], "there is nothing to wait for"


def test_a_state_between_two_waits_is_not_lost(watched: HubHarness) -> None:
    viewer = watched.subscribe()
    watched.poll(QUEUED)
    viewer.wait_for_first(0.0)
    watched.poll(ENDED, after=POLL_INTERVAL)
    assert seen(viewer.wait(DEADLINE)) == ["succeeded"]


def test_a_slow_viewer_is_told_the_present_state_and_not_each_one_it_missed(
    watched: HubHarness,
) -> None:
    viewer = watched.subscribe()
    for state in (QUEUED, RUNNING, run(words("TERMINATING")), ENDED):
        watched.poll(state, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["succeeded"]
    assert is_finished(viewer)


@pytest.mark.parametrize(
    ("known", "expected"),
    [(None, ["running"]), (QUEUED, ["running"]), (RUNNING, []), (ENDED, [])],
)
def test_a_viewer_that_comes_back_is_told_what_it_has_not_seen_and_nothing_older(
    watched: HubHarness, known: Run | None, expected: list[str]
) -> None:
    viewer = watched.subscribe(seen={ONE: state_of(known)} if known else {})
    watched.poll(RUNNING)
    assert seen(viewer.wait_for_first(0.0)) == expected


def test_a_viewer_that_has_seen_the_end_is_told_nothing(watched: HubHarness) -> None:
    viewer = watched.subscribe(seen={ONE: state_of(ENDED)})
    watched.poll(ENDED)
    assert viewer.wait_for_first(0.0) == []
    assert is_finished(viewer)


def test_a_look_that_lags_behind_takes_nothing_back(watched: HubHarness) -> None:
    viewer = watched.subscribe()
    watched.poll(RUNNING)
    viewer.collect()
    watched.poll(QUEUED, after=POLL_INTERVAL)
    assert viewer.collect() == []
    late = watched.subscribe()
    assert seen(late.wait_for_first(0.0)) == ["running"]


@pytest.mark.parametrize(
    ("before", "after"), [("BLOCKED", "PENDING"), ("A_WORD_OF_TOMORROW", "QUEUED")]
)
def test_a_word_that_seems_to_go_down_is_told(watched: HubHarness, before: str, after: str) -> None:
    viewer = watched.subscribe()
    watched.poll(run(words(before)))
    first = viewer.collect()
    watched.poll(run(words(after)), after=POLL_INTERVAL)
    assert [news.snapshot is not None for news in [*first, *viewer.collect()]] == [True, True]
    late = watched.subscribe()
    [news] = late.wait_for_first(0.0)
    assert news.snapshot is not None
    assert news.snapshot.status.status == after


def test_who_has_seen_a_repair_has_an_end_from_before_it_looked_at_anew(
    watched: HubHarness,
) -> None:
    watched.subscribe()
    watched.poll(run(FAILED))
    repaired = run(attempt_number=1)
    viewer = watched.subscribe(seen={ONE: state_of(repaired)})
    watched.poll(repaired)
    assert viewer.wait_for_first(0.0) == []
    assert not viewer.is_finished


def test_who_claims_to_have_seen_more_than_there_is_is_told_the_end(watched: HubHarness) -> None:
    viewer = watched.subscribe(seen={ONE: state_of(run(attempt_number=7))})
    watched.poll(ENDED)
    assert seen(viewer.wait_for_first(0.0)) == ["succeeded"]
    assert viewer.is_finished


def test_later_viewers_of_a_silent_workspace_wait_no_longer_than_the_first() -> None:
    clock = SystemClock()
    watched_run = WatchedRun(ONE, clock.monotonic() - 5.0)
    viewer = Subscription([watched_run], {}, clock=clock, leave=lambda _: None)
    began = clock.monotonic()
    assert viewer.wait_for_first(5.0) == []
    assert clock.monotonic() - began < 5.0


def test_several_runs_are_followed_until_the_last_has_ended(watched: HubHarness) -> None:
    two = RunKey(APP, JOB, 1002)
    viewer = watched.subscribe(ONE, two, ONE)
    watched.source.set_response(ENDED)
    watched.source.set_response(RUNNING, two)
    watched.poll()
    news = viewer.wait_for_first(0.0)
    assert {item.run_key: outcome for item, outcome in zip(news, seen(news), strict=True)} == {
        ONE: "succeeded",
        two: "running",
    }
    assert not is_finished(viewer)
    watched.source.set_response(run(FAILED), two)
    watched.poll(after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["failed"]
    assert is_finished(viewer)
    assert len([look for look in watched.source.polls if look == ONE]) == 1


# ── trouble upstream ──────────────────────────────────────────────────────────────────────────────


def test_trouble_that_may_pass_is_told_once_and_is_not_the_end(watched: HubHarness) -> None:
    viewer = watched.subscribe()
    watched.poll(RUNNING)
    viewer.collect()
    for _ in range(3):
        watched.poll(UpstreamUnavailable("Not now."), after=2 * POLL_INTERVAL)
    [stale] = viewer.collect()
    assert isinstance(stale.transient_error, UpstreamUnavailable)
    assert not is_finished(viewer)
    watched.poll(RUNNING, after=2 * POLL_INTERVAL)
    [fresh] = viewer.collect()
    assert fresh.recovered
    assert fresh.transient_error is None
    watched.poll(ENDED, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["succeeded"]


def test_trouble_at_the_first_look_is_told_and_then_the_state(watched: HubHarness) -> None:
    viewer = watched.subscribe()
    watched.poll(UpstreamUnavailable("Not now."))
    [stale] = viewer.wait_for_first(0.0)
    assert stale.transient_error is not None
    watched.poll(RUNNING, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["running"]


def test_a_viewer_that_comes_in_trouble_gets_the_last_state_too(watched: HubHarness) -> None:
    watched.subscribe()
    watched.poll(RUNNING)
    watched.poll(UpstreamUnavailable("Not now."), after=POLL_INTERVAL)
    news = watched.subscribe().wait_for_first(0.0)
    assert seen(news) == ["running"]
    assert news[-1].transient_error is not None


def test_looks_that_fail_come_less_and_less_often_up_to_the_poll_interval(
    watched: HubHarness,
) -> None:
    watched.subscribe()
    delays = [watched.poll(UpstreamUnavailable("Not now."))]
    for _ in range(6):
        delays.append(watched.poll(after=delays[-1]))
    assert delays == sorted(delays)
    assert delays[0] <= 2 * FLOOR
    assert delays[-1] == POLL_INTERVAL


def test_the_wait_that_the_workspace_asks_for_is_kept(watched: HubHarness) -> None:
    watched.subscribe()
    assert watched.poll(UpstreamThrottled("Slow down.", retry_after=30.0)) == 30.0
    watched.poll(after=29.0)
    assert len(watched.source.polls) == 1
    watched.poll(RUNNING, after=1.0)
    assert len(watched.source.polls) == 2


def test_what_cannot_pass_is_the_end(watched: HubHarness) -> None:
    viewer = watched.subscribe()
    watched.poll(RUNNING)
    viewer.collect()
    watched.poll(RunNotFound(1001, "etl"), after=POLL_INTERVAL)
    [news] = viewer.collect()
    assert isinstance(news.error, RunNotFound)
    assert is_finished(viewer)
    watched.poll(after=3600.0)
    assert len(watched.source.polls) == 2


def test_a_mistake_of_our_own_is_logged_and_does_not_stop_the_watch(
    watched: HubHarness, caplog: pytest.LogCaptureFixture
) -> None:
    viewer = watched.subscribe()
    with caplog.at_level(logging.ERROR):
        watched.poll(KeyError("surprise"))
    assert "surprise" in caplog.text
    watched.poll(RUNNING, after=1.0)
    assert seen(viewer.collect()) == ["running"]


def test_a_look_that_fails_unforeseen_stops_no_other_of_the_same_job(watched: HubHarness) -> None:
    first, bad, last = (RunKey(APP, JOB, number) for number in (1001, 1002, 1003))
    viewer = watched.subscribe(first, bad, last)
    watched.source.set_response(ENDED, first)
    watched.source.set_response(KeyError("surprise"), bad)
    watched.source.set_response(ENDED, last)
    watched.poll()
    assert [item.run_key for item in viewer.collect()] == [first, last]


# ── real threads ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("others", [[], [RunKey(APP, JOB, 1002)]])
@pytest.mark.parametrize("timeout", [DEADLINE, math.inf])
def test_a_viewer_that_waits_is_woken_by_a_look(others: list[RunKey], timeout: float) -> None:
    watched = HubHarness(clock=SystemClock())
    for run_key in (ONE, *others):
        watched.source.set_response(RUNNING, run_key)
    viewer = watched.subscribe(ONE, *others)
    watched.hub.step()
    viewer.wait_for_first(0.0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(viewer.wait, timeout)
        watched.source.set_response(ENDED)
        watched.hub.invalidate(ONE)
        watched.hub.step()
        assert seen(waiting.result(DEADLINE)) == ["succeeded"]


def test_a_viewer_gives_up_when_it_is_woken_for_it() -> None:
    watched = HubHarness(clock=SystemClock())
    watched.source.set_response(RUNNING)
    viewer = watched.subscribe()
    watched.hub.step()
    viewer.wait_for_first(0.0)
    assert viewer.wait(DEADLINE, should_stop=lambda: True) == []


def test_a_watch_looks_by_itself_and_ends_with_its_viewers() -> None:
    source = FakeSource()
    source.set_response(ENDED)
    hub = Hub(
        source,
        lambda *_: None,
        SharedCache.from_config(Flask(__name__), {"CACHE_TYPE": "SimpleCache"}, None),
        SystemClock(),
        poll_interval=POLL_INTERVAL,
        terminal_ttl=60.0,
    )
    viewer = hub.subscribe([ONE])
    assert seen(viewer.wait_for_first(DEADLINE)) == ["succeeded"]
    viewer.close()
    wait_until(lambda: hub.subscribed_run_count == 0, "The end of the watch")
