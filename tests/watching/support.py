"""Hubs whose time stands still, in front of a source that returns what a test sets."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cachelib import BaseCache
from databricks.sdk.service.jobs import BaseRun, Run
from flask import Flask
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.cache import SharedCache, create_backend
from flask_lakeflow_jobs.clock import Clock
from flask_lakeflow_jobs.concurrency import Spawn
from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.runs import RUNS_PER_PAGE
from flask_lakeflow_jobs.runs.outcome import has_ended
from flask_lakeflow_jobs.runs.progress import RunProgress
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.lease import TICK_SECONDS
from flask_lakeflow_jobs.watching.schedule import PollSettings
from flask_lakeflow_jobs.watching.snapshot import StateId
from flask_lakeflow_jobs.watching.source import RunSource
from flask_lakeflow_jobs.watching.subscription import Subscription
from flask_lakeflow_jobs.watching.watched_run import RunKey, RunUpdate
from tests.clocks import FakeClock
from tests.run_documents import SUCCEEDED, api_response, build_job, run, run_state

POLL_INTERVAL = 5.0
TERMINAL_TTL = 60.0

QUEUED = run(run_state("QUEUED"))
RUNNING = run(run_state("RUNNING"))
TERMINATING = run(run_state("TERMINATING"), start_time=1)
ENDED = run(SUCCEEDED)
#: A run that has been running for so long that it is polled once per poll interval.
LONG_RUNNING = run(start_time=1)

JOB = build_job()
ONE = RunKey(APP, JOB, 1001)
TWO = RunKey(APP, JOB, 1002)
ALICES = RunKey(Identity("token-of-alice"), JOB, 1001)
OTHER_KEY = RunKey(APP, build_job("other"), 1001)


def run_keys(*run_ids: int) -> list[RunKey]:
    return [RunKey(APP, JOB, run_id) for run_id in run_ids]


class FakeSource(RunSource):
    """A source that returns what a test sets, and records what it is asked for.

    :param elapsed: the time of a read.
    """

    def __init__(self, elapsed: Callable[[], float] = lambda: 0.0) -> None:
        self._elapsed = elapsed
        self.responses: dict[int, Run | BaseException] = {}
        self.error: BaseException | None = None
        self.past_runs: list[BaseRun] = []
        self.polls: list[RunKey] = []
        self.list_calls = 0
        self.read_times: list[float] = []

    def set_response(self, response: Run | BaseException, *keys: RunKey) -> None:
        for key in keys or [ONE]:
            self.responses[key.run_id] = (
                Run.from_dict({**response.as_dict(), "run_id": key.run_id})
                if isinstance(response, Run)
                else response
            )

    def read_run(self, run_key: RunKey) -> ApiResponse[Run]:
        self.polls.append(run_key)
        self._record_read()
        response = self.responses[run_key.run_id]
        if isinstance(response, BaseException):
            raise response
        return api_response(response)

    def read_active_runs(self, run_key: RunKey, limit: int) -> list[ApiResponse[Run]]:
        self.list_calls += 1
        active = [
            response
            for response in self.responses.values()
            if isinstance(response, Run) and not has_ended(response)
        ][:limit]
        for _ in range(0, max(1, len(active)), RUNS_PER_PAGE):
            self._record_read()
        return [api_response(response) for response in active]

    def read_ended_runs(self, run_key: RunKey) -> list[BaseRun]:
        return self.past_runs

    def restore(self, stored: dict[str, Any]) -> RunStatus:
        run, progress = Run.from_dict(stored["run"]), RunProgress.parse(stored.get("progress"))
        return RunStatus(stored["timestamp"], run, stored.get("eta"), progress=progress)

    def _record_read(self) -> None:
        self.read_times.append(self._elapsed())
        if self.error is not None:
            raise self.error


def process_cache() -> SharedCache:
    """A cache that no other process sees."""
    return SharedCache(create_backend(Flask(__name__), {"CACHE_TYPE": "SimpleCache"}, None))


def subscribe(
    hub: Hub, *keys: RunKey, seen: Mapping[RunKey, StateId] | None = None
) -> Subscription:
    """Subscribe to several runs, by default to the first one."""
    seen = seen or {}
    return Subscription.join([hub.subscribe(key, seen.get(key)) for key in keys or [ONE]])


class HubHarness:
    """A hub that polls only in :meth:`poll`, and whose time stands still in between."""

    def __init__(
        self,
        cache: SharedCache | None = None,
        clock: Clock | None = None,
        spawn: Spawn | None = None,
    ) -> None:
        self.clock = clock if isinstance(clock, FakeClock) else FakeClock()
        self.source = FakeSource(self.clock.monotonic)
        self.changes: list[tuple[RunKey, RunStatus]] = []
        self.hub = Hub(
            self.source,
            lambda run_key, snapshot: self.changes.append((run_key, snapshot.status)),
            cache or process_cache(),
            clock or self.clock,
            PollSettings(POLL_INTERVAL, TERMINAL_TTL),
            spawn=spawn,
        )

    def subscribe(
        self, *keys: RunKey, seen: Mapping[RunKey, StateId] | None = None
    ) -> Subscription:
        return subscribe(self.hub, *keys, seen=seen)

    def poll(self, response: Run | BaseException | None = None, *, after: float = 0.0) -> float:
        """Make the polls that are due.

        :param response: of the source, for the first run.
        :param after: seconds that pass before.
        :return: seconds until the next poll.
        """
        if response is not None:
            self.source.set_response(response)
        self.clock.sleep(after)
        return self.hub.step()


def outcomes(updates: Sequence[RunUpdate]) -> list[str]:
    """The outcomes of the new states."""
    return [update.snapshot.status.outcome.value for update in updates if update.snapshot]


def is_finished(subscription: Subscription) -> bool:
    """The property, in a form that mypy does not remember the value of."""
    return subscription.is_finished


class ProcessClock:
    """The clock of one process.

    :param time: passes in all processes.
    :param skew: seconds that this clock is ahead.
    """

    def __init__(self, time: FakeClock, skew: float) -> None:
        self._time = time
        self._skew = skew

    def now(self) -> float:
        return self._time.now() + self._skew

    def monotonic(self) -> float:
        return self._time.monotonic() + 100 * self._skew

    def sleep(self, seconds: float) -> None:
        self._time.sleep(seconds)


class FakeStore(BaseCache):
    """A cache backend between processes, whose entries expire by the time of the test.

    :param round_trip: seconds that an access takes, which :meth:`get_many` and :meth:`set_many`
        make once for all keys.
    """

    def __init__(self, time: FakeClock, round_trip: float = 0.0) -> None:
        super().__init__()
        self._time = time
        self._round_trip = round_trip
        self.round_trips = 0
        self.entries: dict[str, tuple[float, str]] = {}
        self.keys_read: list[str] = []
        self.is_away = False
        self.never_expires_added = False

    def get(self, key: str) -> str | None:
        return self.get_many(key)[0]

    def get_many(self, *keys: str) -> list[str | None]:
        self._make_round_trip()
        return [self._get(key) for key in keys]

    def set(self, key: str, value: str, timeout: Any = None) -> bool:
        return bool(self.set_many({key: value}, timeout))

    def set_many(self, mapping: dict[str, str], timeout: Any = None) -> list[str]:
        self._make_round_trip()
        expiry = self._time.elapsed + timeout
        self.entries.update({key: (expiry, value) for key, value in mapping.items()})
        return [*mapping]

    def add(self, key: str, value: str, timeout: Any = None) -> bool:
        """Like that of cachelib for Redis, which may fail before it sets the expiry."""
        self._make_round_trip()
        if self._get(key) is not None:
            return False
        expiry = 10**9 if self.never_expires_added else self._time.elapsed + timeout
        self.entries[key] = expiry, value
        return True

    def delete_many(self, *keys: str) -> list[str]:
        self._make_round_trip()
        return [key for key in keys if self.entries.pop(key, None)]

    def _get(self, key: str) -> str | None:
        self.keys_read.append(key)
        expiry, value = self.entries.get(key, (0.0, None))
        return value if self._time.elapsed < expiry else None

    def _make_round_trip(self) -> None:
        self.round_trips += 1
        self._time.sleep(self._round_trip)
        if self.is_away:
            raise ConnectionError("The store is away.")


class Processes:
    """Hubs of several processes that share a store, in front of one source.

    :param skews: the seconds that the clock of each process is ahead.
    :param seed: of the order in which the processes poll.
    :param round_trip: seconds that an access to the store takes.
    """

    def __init__(self, *skews: float, seed: int = 1, round_trip: float = 0.0) -> None:
        self._random = random.Random(seed)
        self.time = FakeClock()
        self.store = FakeStore(self.time, round_trip)
        self.source = FakeSource(self.time.monotonic)
        self.changes: list[tuple[RunKey, RunStatus]] = []
        self.hubs = [self.add_hub(skew) for skew in skews]

    def add_hub(
        self, skew: float = 0.0, *, is_sharing: bool = True, accepts_notifications: bool = True
    ) -> Hub:
        """Start another process, which :meth:`run` steps only if it is asked to."""
        clock = ProcessClock(self.time, skew)
        return Hub(
            self.source,
            lambda run_key, snapshot: self.changes.append((run_key, snapshot.status)),
            SharedCache(self.store if is_sharing else SimpleCache(), clock),
            clock,
            PollSettings(POLL_INTERVAL, TERMINAL_TTL, accepts_notifications),
            spawn=None,
        )

    def subscribe(self, *keys: RunKey) -> list[Subscription]:
        """Subscribe to runs in each process."""
        return [subscribe(hub, *keys) for hub in self.hubs]

    def run(self, seconds: float, hubs: Sequence[Hub] | None = None) -> None:
        """Let time pass. Each process polls what is due there, in random order."""
        hubs = list(self.hubs if hubs is None else hubs)
        until = self.time.elapsed + seconds
        while self.time.elapsed < until:
            self._random.shuffle(hubs)
            for hub in hubs:
                hub.step()
            self.time.sleep(TICK_SECONDS / 5)
