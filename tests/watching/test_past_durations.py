"""The durations of past runs and their phases are read once per job and identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.service.jobs import BaseRun, Run
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import UpstreamUnavailable
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.concurrency import run_inline
from flask_lakeflow_jobs.identity import Identity
from flask_lakeflow_jobs.runs.phases import Phase
from flask_lakeflow_jobs.watching.past_durations import (
    FORMAT_VERSION,
    HISTORY_RETRY_SECONDS,
    HISTORY_TTL_SECONDS,
    MAX_DURATIONS,
    MAX_JOBS,
    MAX_PHASES,
    History,
    add_phases,
)
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.run_documents import FAILED, SUCCEEDED, ended, task
from tests.watching.support import ALICES, JOB, ONE, TWO

CACHE_KEY = f"history:{FORMAT_VERSION}:{ONE.group}"


class PastRuns:
    """Lists past runs, and counts the reads."""

    def __init__(self, *durations: float) -> None:
        self.set_durations(*durations)
        self.reads = 0
        self.fails = False

    def set_durations(self, *durations: float) -> None:
        """Set the runs, the newest last."""
        self.runs = [BaseRun.from_dict(ended(duration)) for duration in reversed(durations)]

    def read(self, run_key: RunKey) -> list[BaseRun]:
        self.reads += 1
        if self.fails:
            raise UpstreamUnavailable("Not now.")
        return self.runs


@pytest.fixture
def cache() -> SharedCache:
    return SharedCache(SimpleCache())


@pytest.fixture
def past() -> PastRuns:
    return PastRuns(10.0, 30.0, 20.0)


@pytest.fixture
def history(past: PastRuns, cache: SharedCache, clock: FakeClock) -> History:
    return History(past.read, cache, clock, run_inline)


def durations(history: History, run_key: RunKey = ONE) -> list[float]:
    """Return the durations of whole runs."""
    return list(history.durations(run_key).get("run", []))


def refreshed(history: History, run_key: RunKey = ONE) -> list[float]:
    assert history.start_refresh(run_key).is_set()
    return durations(history, run_key)


def test_durations_are_empty_until_they_are_read(history: History, past: PastRuns) -> None:
    assert durations(history) == []
    assert past.reads == 0


def test_one_read_serves_all_runs_of_a_job_until_it_expires(
    history: History, past: PastRuns, cache: SharedCache, clock: FakeClock
) -> None:
    assert refreshed(history, ONE) == refreshed(history, TWO) == [10.0, 30.0, 20.0]
    clock.sleep(HISTORY_TTL_SECONDS - 1)
    past.set_durations(5.0)
    assert refreshed(history) == [10.0, 30.0, 20.0]
    assert past.reads == 1
    clock.sleep(1)
    cache.delete(CACHE_KEY)
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
    assert durations(history) == [10.0, 30.0, 20.0]


def test_processes_share_one_read(past: PastRuns, cache: SharedCache, clock: FakeClock) -> None:
    for _ in range(4):
        history = History(past.read, cache, clock, run_inline)
        assert refreshed(history) == [10.0, 30.0, 20.0]
    assert past.reads == 1


@pytest.mark.parametrize(
    "stored",
    [
        None,
        1,
        [1.0],  # of an earlier version
        {"run": 1.0},
        {"run": ["text"]},
        {"run": [1.0, None]},
        {"run": [-1.0]},
        {"run": [float("nan")]},
        {"run": [float("inf")]},
        {"run": [1.0], "queue": None},
    ],
)
def test_entry_of_another_shape_is_missing(
    history: History, past: PastRuns, cache: SharedCache, stored: Any
) -> None:
    cache.set(CACHE_KEY, stored, 60)
    assert refreshed(history) == [10.0, 30.0, 20.0]
    assert past.reads == 1


def test_failed_read_is_repeated_later_and_keeps_the_durations(
    history: History, past: PastRuns, cache: SharedCache, clock: FakeClock
) -> None:
    refreshed(history)
    cache.delete(CACHE_KEY)
    clock.sleep(HISTORY_TTL_SECONDS)
    past.fails = True
    for _ in range(2):
        assert refreshed(history) == [10.0, 30.0, 20.0]
    assert past.reads == 2
    clock.sleep(HISTORY_RETRY_SECONDS)
    past.fails = False
    past.set_durations(5.0)
    assert refreshed(history) == [5.0]


def test_run_that_ended_is_added_to_durations_that_were_read(history: History) -> None:
    run = Run.from_dict(ended(15.0))
    history.add(ONE, run)
    assert durations(history) == [], "the next refresh reads it"
    refreshed(history)
    active = Run.from_dict({"start_time": 1000, "queue_duration": 9000})
    for each in (run, Run.from_dict(ended(1.0, FAILED)), Run.from_dict({**SUCCEEDED}), active):
        history.add(ONE, each)
    assert durations(history) == [10.0, 30.0, 20.0, 15.0]


def test_phases_of_the_tasks_are_remembered(history: History, past: PastRuns) -> None:
    load = ended(7.0, task("load", SUCCEEDED), setup_duration=4000)
    past.runs = [BaseRun.from_dict(ended(9.0, queue_duration=2000, tasks=[load]))]
    refreshed(history)
    history.add(ONE, Run.from_dict(ended(8.0, tasks=[{**load, "setup_duration": 5000}])))
    assert history.durations(ONE) == {
        "run": [7.0, 8.0],
        "queue": [2.0],
        "setup load": [4.0, 5.0],
        "execution load": [3.0, 2.0],
    }


def test_only_the_newest_durations_of_the_first_phases_are_kept() -> None:
    full = {f"execution {number}": [1.0] for number in range(MAX_PHASES)}
    assert add_phases(full, [Phase("execution more", 1.0)]) == full
    some = add_phases({}, [Phase("run", float(number)) for number in range(MAX_DURATIONS + 2)])
    assert some == {"run": [float(number) for number in range(2, MAX_DURATIONS + 2)]}


def test_no_more_jobs_are_remembered_than_the_limit(history: History) -> None:
    refreshed(history, ONE)
    for number in range(MAX_JOBS):
        refreshed(history, RunKey(Identity(f"token {number}"), JOB, 1))
    assert durations(history, ONE) == []
    assert durations(history, RunKey(Identity("token 0"), JOB, 1)) == [10.0, 30.0, 20.0]
