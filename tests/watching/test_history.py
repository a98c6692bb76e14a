"""The durations of past runs are read once per job and identity, in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.service.jobs import BaseRun, Run
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import UpstreamUnavailable
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.concurrency import run_inline
from flask_lakeflow_jobs.watching.history import (
    HISTORY_RETRY_SECONDS,
    HISTORY_TTL_SECONDS,
    History,
    successful_durations,
)
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.run_documents import FAILED, SUCCEEDED, Document, run_state
from tests.watching.support import ALICES, ONE, TWO


def ended(seconds: float, doing: Document = SUCCEEDED, queued: float = 0.0) -> Document:
    return {
        **doing,
        "start_time": 1000,
        "end_time": 1000 + int((queued + seconds) * 1000),
        "queue_duration": int(queued * 1000),
    }


class PastRuns:
    """Lists past runs, and counts the reads."""

    def __init__(self, *durations: float) -> None:
        self.set_durations(*durations)
        self.reads = 0
        self.fails = False

    def set_durations(self, *durations: float) -> None:
        self.runs = [BaseRun.from_dict(ended(duration)) for duration in durations]

    def read(self, run_key: RunKey) -> list[BaseRun]:
        self.reads += 1
        if self.fails:
            raise UpstreamUnavailable("Not now.")
        return self.runs


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache() -> SharedCache:
    return SharedCache(SimpleCache())


@pytest.fixture
def past() -> PastRuns:
    return PastRuns(30.0, 10.0, 20.0)


@pytest.fixture
def history(past: PastRuns, cache: SharedCache, clock: FakeClock) -> History:
    return History(past.read, cache, clock, run_inline)


def refreshed(history: History, run_key: RunKey = ONE) -> list[float]:
    assert history.start_refresh(run_key).is_set()
    return history.durations(run_key)


def test_durations_are_empty_until_they_are_read(history: History, past: PastRuns) -> None:
    assert history.durations(ONE) == []
    assert past.reads == 0


def test_one_read_serves_all_runs_of_a_job_until_it_expires(
    history: History, past: PastRuns, cache: SharedCache, clock: FakeClock
) -> None:
    assert refreshed(history, ONE) == refreshed(history, TWO) == [10.0, 20.0, 30.0]
    clock.sleep(HISTORY_TTL_SECONDS - 1)
    past.set_durations(5.0)
    assert refreshed(history) == [10.0, 20.0, 30.0]
    assert past.reads == 1
    clock.sleep(1)
    cache.delete(f"history:{ONE.group}")
    assert refreshed(history) == [5.0]


def test_one_identity_never_gets_the_history_of_another(history: History, past: PastRuns) -> None:
    refreshed(history)
    past.set_durations()
    assert refreshed(history, ALICES) == []
    assert past.reads == 2


def test_refresh_runs_once_in_the_background(past: PastRuns, clock: FakeClock) -> None:
    spawned: list[Callable[[], None]] = []
    history = History(past.read, SharedCache(SimpleCache()), clock, spawned.append)
    first, *others = [history.start_refresh(ONE) for _ in range(3)]
    assert [each.is_set() for each in (first, *others)] == [False, True, True]
    [refresh] = spawned
    refresh()
    assert first.is_set()
    assert history.durations(ONE) == [10.0, 20.0, 30.0]


def test_processes_share_one_read(past: PastRuns, cache: SharedCache, clock: FakeClock) -> None:
    for _ in range(4):
        history = History(past.read, cache, clock, run_inline)
        assert refreshed(history) == [10.0, 20.0, 30.0]
    assert past.reads == 1


@pytest.mark.parametrize("stored", [None, 1, {}, ["text"], [1.0, None]])
def test_entry_of_another_shape_is_missing(
    history: History, past: PastRuns, cache: SharedCache, stored: Any
) -> None:
    cache.set(f"history:{ONE.group}", stored, 60)
    assert refreshed(history) == [10.0, 20.0, 30.0]
    assert past.reads == 1


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (ended(1.0), [1.0]),
        (ended(10.0, queued=3600.0), [10.0]),  # time in the queue does not count
        (ended(1.0, FAILED), []),
        (ended(1.0, run_state("TERMINATED", "CANCELED")), []),
        (ended(1.0, run_state("SKIPPED")), []),
        (ended(1.0, run_state("INTERNAL_ERROR")), []),
        ({**SUCCEEDED}, []),
    ],
)
def test_only_successful_runs_have_a_duration(run: Document, expected: list[float]) -> None:
    assert successful_durations([BaseRun.from_dict(run)]) == expected


def test_failed_read_is_repeated_later_and_keeps_the_durations(
    history: History, past: PastRuns, cache: SharedCache, clock: FakeClock
) -> None:
    refreshed(history)
    cache.delete(f"history:{ONE.group}")
    clock.sleep(HISTORY_TTL_SECONDS)
    past.fails = True
    for _ in range(2):
        assert refreshed(history) == [10.0, 20.0, 30.0]
    assert past.reads == 2
    clock.sleep(HISTORY_RETRY_SECONDS)
    past.fails = False
    past.set_durations(5.0)
    assert refreshed(history) == [5.0]


def test_run_that_ended_is_added_to_durations_that_were_read(history: History) -> None:
    run = Run.from_dict(ended(15.0))
    history.add(ONE, run)
    assert history.durations(ONE) == [], "the next refresh reads it"
    refreshed(history)
    for each in (run, Run.from_dict(ended(1.0, FAILED)), Run.from_dict({**SUCCEEDED})):
        history.add(ONE, each)
    assert history.durations(ONE) == [10.0, 15.0, 20.0, 30.0]
