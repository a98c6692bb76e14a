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
from flask_lakeflow_jobs.watching import Hub, RunKey, Subscription
from flask_lakeflow_jobs.watching.schedule import FLOOR
from flask_lakeflow_jobs.watching.watched_run import WatchedRun
from tests.run_documents import FAILED, run, state_of, words
from tests.support import DEADLINE, wait_until
from tests.watching.support import (
    ENDED,
    JOB,
    ONE,
    POLL_INTERVAL,
    QUEUED,
    RUNNING,
    Watched,
    Workspace,
    is_over,
    seen,
)

# ── what a viewer is told ─────────────────────────────────────────────────────────────────────────


def test_the_first_look_comes_at_once_and_its_state_is_news(watched: Watched) -> None:
    viewer = watched.subscribe()
    assert viewer.collect() == []
    watched.look(RUNNING)
    [news] = viewer.first(0.0)
    assert news.target == ONE
    assert news.snapshot is not None
    assert news.snapshot.status.timestamp == int(watched.clock.now() * 1000)
    assert not is_over(viewer)


def test_only_what_changed_is_news(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(QUEUED)
    assert seen(viewer.collect()) == ["queued"]
    for _ in range(3):
        watched.look(QUEUED, after=POLL_INTERVAL)
        assert viewer.wait(0.0) == []
    watched.look(RUNNING, after=POLL_INTERVAL)
    assert seen(viewer.wait(0.0)) == ["running"]
    assert len(watched.workspace.looks) == 5


def test_the_end_is_the_last_news_and_the_last_look(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(RUNNING)
    watched.look(ENDED, after=POLL_INTERVAL)
    assert not is_over(viewer), "the viewer does not know yet"
    assert seen(viewer.collect()) == ["succeeded"]
    assert is_over(viewer)
    watched.look(after=3600.0)
    assert len(watched.workspace.looks) == 2
    assert viewer.wait(DEADLINE) == [], "there is nothing to wait for"


def test_a_state_between_two_waits_is_not_lost(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(QUEUED)
    viewer.first(0.0)
    watched.look(ENDED, after=POLL_INTERVAL)
    assert seen(viewer.wait(DEADLINE)) == ["succeeded"]


def test_a_slow_viewer_is_told_the_present_state_and_not_each_one_it_missed(
    watched: Watched,
) -> None:
    viewer = watched.subscribe()
    for state in (QUEUED, RUNNING, run(words("TERMINATING")), ENDED):
        watched.look(state, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["succeeded"]
    assert is_over(viewer)


@pytest.mark.parametrize(
    ("known", "expected"),
    [(None, ["running"]), (QUEUED, ["running"]), (RUNNING, []), (ENDED, [])],
)
def test_a_viewer_that_comes_back_is_told_what_it_has_not_seen_and_nothing_older(
    watched: Watched, known: Run | None, expected: list[str]
) -> None:
    viewer = watched.subscribe(seen={ONE: state_of(known)} if known else {})
    watched.look(RUNNING)
    assert seen(viewer.first(0.0)) == expected


def test_a_viewer_that_has_seen_the_end_is_told_nothing(watched: Watched) -> None:
    viewer = watched.subscribe(seen={ONE: state_of(ENDED)})
    watched.look(ENDED)
    assert viewer.first(0.0) == []
    assert is_over(viewer)


def test_a_look_that_lags_behind_takes_nothing_back(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(RUNNING)
    viewer.collect()
    watched.look(QUEUED, after=POLL_INTERVAL)
    assert viewer.collect() == []
    late = watched.subscribe()
    assert seen(late.first(0.0)) == ["running"]


@pytest.mark.parametrize(
    ("before", "after"), [("BLOCKED", "PENDING"), ("A_WORD_OF_TOMORROW", "QUEUED")]
)
def test_a_word_that_seems_to_go_down_is_told(watched: Watched, before: str, after: str) -> None:
    viewer = watched.subscribe()
    watched.look(run(words(before)))
    first = viewer.collect()
    watched.look(run(words(after)), after=POLL_INTERVAL)
    assert [news.snapshot is not None for news in [*first, *viewer.collect()]] == [True, True]
    late = watched.subscribe()
    [news] = late.first(0.0)
    assert news.snapshot is not None
    assert news.snapshot.status.status == after


def test_who_has_seen_a_repair_has_an_end_from_before_it_looked_at_anew(watched: Watched) -> None:
    watched.subscribe()
    watched.look(run(FAILED))
    repaired = run(attempt_number=1)
    viewer = watched.subscribe(seen={ONE: state_of(repaired)})
    watched.look(repaired)
    assert viewer.first(0.0) == []
    assert not viewer.is_over


def test_who_claims_to_have_seen_more_than_there_is_is_told_the_end(watched: Watched) -> None:
    viewer = watched.subscribe(seen={ONE: state_of(run(attempt_number=7))})
    watched.look(ENDED)
    assert seen(viewer.first(0.0)) == ["succeeded"]
    assert viewer.is_over


def test_later_viewers_of_a_silent_workspace_wait_no_longer_than_the_first() -> None:
    clock = SystemClock()
    feed = WatchedRun(ONE, clock.monotonic() - 5.0)
    viewer = Subscription([feed], {}, clock=clock, leave=lambda _: None)
    began = clock.monotonic()
    assert viewer.first(5.0) == []
    assert clock.monotonic() - began < 5.0


def test_several_runs_are_followed_until_the_last_has_ended(watched: Watched) -> None:
    two = RunKey(APP, JOB, 1002)
    viewer = watched.subscribe(ONE, two, ONE)
    watched.workspace.says(ENDED)
    watched.workspace.says(RUNNING, two)
    watched.look()
    news = viewer.first(0.0)
    assert {item.target: outcome for item, outcome in zip(news, seen(news), strict=True)} == {
        ONE: "succeeded",
        two: "running",
    }
    assert not is_over(viewer)
    watched.workspace.says(run(FAILED), two)
    watched.look(after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["failed"]
    assert is_over(viewer)
    assert len([look for look in watched.workspace.looks if look == ONE]) == 1


# ── trouble upstream ──────────────────────────────────────────────────────────────────────────────


def test_trouble_that_may_pass_is_told_once_and_is_not_the_end(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(RUNNING)
    viewer.collect()
    for _ in range(3):
        watched.look(UpstreamUnavailable("Not now."), after=2 * POLL_INTERVAL)
    [stale] = viewer.collect()
    assert isinstance(stale.trouble, UpstreamUnavailable)
    assert not is_over(viewer)
    watched.look(RUNNING, after=2 * POLL_INTERVAL)
    [fresh] = viewer.collect()
    assert fresh.recovered
    assert fresh.trouble is None
    watched.look(ENDED, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["succeeded"]


def test_trouble_at_the_first_look_is_told_and_then_the_state(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(UpstreamUnavailable("Not now."))
    [stale] = viewer.first(0.0)
    assert stale.trouble is not None
    watched.look(RUNNING, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["running"]


def test_a_viewer_that_comes_in_trouble_gets_the_last_state_too(watched: Watched) -> None:
    watched.subscribe()
    watched.look(RUNNING)
    watched.look(UpstreamUnavailable("Not now."), after=POLL_INTERVAL)
    news = watched.subscribe().first(0.0)
    assert seen(news) == ["running"]
    assert news[-1].trouble is not None


def test_looks_that_fail_come_less_and_less_often_up_to_the_poll_interval(
    watched: Watched,
) -> None:
    watched.subscribe()
    pauses = [watched.look(UpstreamUnavailable("Not now."))]
    for _ in range(6):
        pauses.append(watched.look(after=pauses[-1]))
    assert pauses == sorted(pauses)
    assert pauses[0] <= 2 * FLOOR
    assert pauses[-1] == POLL_INTERVAL


def test_the_wait_that_the_workspace_asks_for_is_kept(watched: Watched) -> None:
    watched.subscribe()
    assert watched.look(UpstreamThrottled("Slow down.", retry_after=30.0)) == 30.0
    watched.look(after=29.0)
    assert len(watched.workspace.looks) == 1
    watched.look(RUNNING, after=1.0)
    assert len(watched.workspace.looks) == 2


def test_what_cannot_pass_is_the_end(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(RUNNING)
    viewer.collect()
    watched.look(RunNotFound(1001, "etl"), after=POLL_INTERVAL)
    [news] = viewer.collect()
    assert isinstance(news.error, RunNotFound)
    assert is_over(viewer)
    watched.look(after=3600.0)
    assert len(watched.workspace.looks) == 2


def test_a_mistake_of_our_own_is_logged_and_does_not_stop_the_watch(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    viewer = watched.subscribe()
    with caplog.at_level(logging.ERROR):
        watched.look(KeyError("surprise"))
    assert "surprise" in caplog.text
    watched.look(RUNNING, after=1.0)
    assert seen(viewer.collect()) == ["running"]


def test_a_look_that_fails_unforeseen_stops_no_other_of_the_same_job(watched: Watched) -> None:
    first, bad, last = (RunKey(APP, JOB, number) for number in (1001, 1002, 1003))
    viewer = watched.subscribe(first, bad, last)
    watched.workspace.says(ENDED, first)
    watched.workspace.says(KeyError("surprise"), bad)
    watched.workspace.says(ENDED, last)
    watched.look()
    assert [item.target for item in viewer.collect()] == [first, last]


# ── real threads ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("others", [[], [RunKey(APP, JOB, 1002)]])
@pytest.mark.parametrize("timeout", [DEADLINE, math.inf])
def test_a_viewer_that_waits_is_woken_by_a_look(others: list[RunKey], timeout: float) -> None:
    watched = Watched(clock=SystemClock())
    for target in (ONE, *others):
        watched.workspace.says(RUNNING, target)
    viewer = watched.subscribe(ONE, *others)
    watched.hub.step()
    viewer.first(0.0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(viewer.wait, timeout)
        watched.workspace.says(ENDED)
        watched.hub.forget(ONE)
        watched.hub.step()
        assert seen(waiting.result(DEADLINE)) == ["succeeded"]


def test_a_viewer_gives_up_when_it_is_woken_for_it() -> None:
    watched = Watched(clock=SystemClock())
    watched.workspace.says(RUNNING)
    viewer = watched.subscribe()
    watched.hub.step()
    viewer.first(0.0)
    assert viewer.wait(DEADLINE, give_up=lambda: True) == []


def test_a_watch_looks_by_itself_and_ends_with_its_viewers() -> None:
    workspace = Workspace()
    workspace.says(ENDED)
    hub = Hub(
        workspace,
        lambda *_: None,
        SharedCache.of(Flask(__name__), {"CACHE_TYPE": "SimpleCache"}, None),
        SystemClock(),
        poll_interval=POLL_INTERVAL,
        settled_for=60.0,
    )
    viewer = hub.subscribe([ONE])
    assert seen(viewer.first(DEADLINE)) == ["succeeded"]
    viewer.close()
    wait_until(lambda: hub.watched == 0, "The end of the watch")
