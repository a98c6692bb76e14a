"""Processes of one app that share a store, in a time that passes only when it is told to."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from databricks.sdk.service.jobs import Run
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.lease import TICK
from flask_lakeflow_jobs.watching.subscription import Subscription
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.run_documents import SUCCEEDED, answered, named_job, run

POLL_INTERVAL = 5.0

JOB = named_job()
ONE = RunKey(APP, JOB, 1001)


GOING = run(start_time=1)
ENDED = run(SUCCEEDED, start_time=1, end_time=2)


class Time:
    """The time that all processes live in, though their clocks may not show the same."""

    def __init__(self) -> None:
        self.elapsed = 0.0


class ProcessClock:
    """The clock of one process.

    :param time: what passes in all of them.
    :param skew: seconds that it is ahead.
    """

    def __init__(self, time: Time, skew: float) -> None:
        self._time = time
        self._skew = skew

    def now(self) -> float:
        return 1_764_000_000.0 + self._time.elapsed + self._skew

    def monotonic(self) -> float:
        return self._time.elapsed + 100 * self._skew

    def sleep(self, seconds: float) -> None:
        self._time.elapsed += seconds


class Store:
    """A store whose entries expire by the time that passes; it may be away.

    :param time: that time.
    """

    def __init__(self, time: Time) -> None:
        self._time = time
        self.entries: dict[str, tuple[float, str]] = {}
        self.is_away = False
        self.forgets_to_expire = False

    def get(self, key: str) -> str | None:
        self._check()
        expires, value = self.entries.get(key, (0.0, None))
        return value if self._time.elapsed < expires else None

    def set(self, key: str, value: str, timeout: float) -> bool:
        self._check()
        self.entries[key] = self._time.elapsed + timeout, value
        return True

    def add(self, key: str, value: str, timeout: float) -> bool:
        """Like cachelib's for Redis, which may fail between keeping and letting expire."""
        if self.get(key) is not None:
            return False
        return self.set(key, value, 10**9 if self.forgets_to_expire else timeout)

    def delete(self, key: str) -> bool:
        self._check()
        return self.entries.pop(key, None) is not None

    def _check(self) -> None:
        if self.is_away:
            raise ConnectionError("The store is away.")


class FakeSource:
    """Answers looks, and remembers when there were any."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.answers: dict[int, Run] = {}
        self.error: Exception | None = None
        self.polls: list[float] = []

    def set_response(self, answer: Run, *run_keys: RunKey) -> None:
        for run_key in run_keys or [ONE]:
            document = {**answer.as_dict(), "run_id": run_key.run_id}
            self.answers[run_key.run_id] = Run.from_dict(document)

    def read_run(self, run_key: RunKey) -> ApiResponse[Run]:
        self._record_poll()
        return answered(self.answers[run_key.run_id])

    def read_active_runs(self, run_key: RunKey, limit: int) -> list[ApiResponse[Run]]:
        going = [answer for answer in self.answers.values() if not answer.end_time]
        for _ in range(0, len(going[:limit]), 25):
            self._record_poll()
        return [answered(run) for run in going[:limit]]

    def read_ended_runs(self, run_key: RunKey) -> list[Any]:
        return []

    def restore(self, stored: dict[str, Any]) -> RunStatus:
        return RunStatus(stored["timestamp"], Run.from_dict(stored["run"]), stored.get("eta"))

    def _record_poll(self) -> None:
        self.polls.append(self._time.elapsed)
        if self.error is not None:
            raise self.error


class Processes:
    """Hubs that share a store and a workspace, each with a viewer of its own.

    :param skews: of each process, the seconds that its clock is ahead.
    :param seed: of the order in which they do what is due.
    """

    def __init__(self, *skews: float, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self.time = Time()
        self.store = Store(self.time)
        self.source = FakeSource(self.time)
        self.told: list[tuple[RunKey, RunStatus]] = []
        self.hubs = [self._hub(ProcessClock(self.time, skew)) for skew in skews]

    def _hub(
        self,
        clock: ProcessClock,
        shared: SharedCache | None = None,
        *,
        accepts_notifications: bool = True,
    ) -> Hub:
        return Hub(
            self.source,
            lambda run_key, status: self.told.append((run_key, status)),
            shared or SharedCache(self.store, clock),
            clock,
            poll_interval=POLL_INTERVAL,
            terminal_ttl=60.0,
            accepts_notifications=accepts_notifications,
            spawn=None,
        )

    def alone(self) -> Hub:
        """A process that shares nothing."""
        return self._hub(ProcessClock(self.time, 0.0), SharedCache(SimpleCache()))

    def bystander(self) -> Hub:
        """Another process, without viewers."""
        return self._hub(ProcessClock(self.time, 0.0))

    def deaf(self) -> Hub:
        """Another process, of an app that is set up for no hints."""
        return self._hub(ProcessClock(self.time, 0.0), accepts_notifications=False)

    def join(self) -> Hub:
        """Another process, with a viewer of the run."""
        hub = self.bystander()
        hub.subscribe([ONE])
        return hub

    def watch(self, *run_keys: RunKey) -> list[Subscription]:
        return [hub.subscribe(run_keys or [ONE]) for hub in self.hubs]

    def run(self, seconds: float, hubs: Sequence[Hub] | None = None) -> None:
        """Let time pass, in which each process does what is due there, in no set order."""
        hubs = list(self.hubs if hubs is None else hubs)
        until = self.time.elapsed + seconds
        while self.time.elapsed < until:
            self._random.shuffle(hubs)
            for hub in hubs:
                hub.step()
            self.time.elapsed += TICK / 5
