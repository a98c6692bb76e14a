"""A hub whose time stands still, in front of a workspace that says what it is told to."""

from __future__ import annotations

from typing import Any

from databricks.sdk.service.jobs import BaseRun, Run
from flask import Flask

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.clock import Clock
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.runs.outcome import has_ended
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.subscription import Subscription
from flask_lakeflow_jobs.watching.watched_run import RunKey, RunUpdate
from tests.clocks import FakeClock
from tests.run_documents import SUCCEEDED, answered, named_job, run, words

POLL_INTERVAL = 5.0

QUEUED = run(words("QUEUED"))
RUNNING = run(words("RUNNING"))
ENDED = run(SUCCEEDED)

JOB = named_job()
ONE = RunKey(APP, JOB, 1001)


class FakeSource:
    """Answers looks with what it is told to, and counts them."""

    def __init__(self) -> None:
        self.answers: dict[int, Run | BaseException] = {}
        self.past: list[BaseRun] = []
        self.list_calls = 0
        self.polls: list[RunKey] = []

    def set_response(self, answer: Run | BaseException, run_key: RunKey = ONE) -> None:
        self.answers[run_key.run_id] = answer

    def read_run(self, run_key: RunKey) -> ApiResponse[Run]:
        self.polls.append(run_key)
        answer = self.answers[run_key.run_id]
        if isinstance(answer, BaseException):
            raise answer
        return answered(answer)

    def read_active_runs(self, run_key: RunKey, limit: int) -> list[ApiResponse[Run]]:
        self.list_calls += 1
        return [
            answered(answer)
            for answer in self.answers.values()
            if isinstance(answer, Run) and not has_ended(answer)
        ][:limit]

    def read_ended_runs(self, run_key: RunKey) -> list[BaseRun]:
        return self.past

    def restore(self, stored: dict[str, Any]) -> RunStatus:
        return RunStatus(stored["timestamp"], Run.from_dict(stored["run"]), stored.get("eta"))


class HubHarness:
    """A hub whose looks are made by :meth:`look` only, and whose time stands still."""

    def __init__(
        self,
        shared: SharedCache | None = None,
        clock: Clock | None = None,
        source: FakeSource | None = None,
    ) -> None:
        self.clock = clock if isinstance(clock, FakeClock) else FakeClock()
        self.source = source or FakeSource()
        self.told: list[tuple[RunKey, RunStatus]] = []
        self.hub = Hub(
            self.source,
            lambda run_key, status: self.told.append((run_key, status)),
            shared or SharedCache.from_config(Flask(__name__), {"CACHE_TYPE": "SimpleCache"}, None),
            clock or self.clock,
            poll_interval=POLL_INTERVAL,
            terminal_ttl=60.0,
            spawn=None,
        )

    def subscribe(self, *run_keys: RunKey, **seen: Any) -> Subscription:
        return self.hub.subscribe(run_keys or [ONE], **seen)

    def poll(self, answer: Run | BaseException | None = None, *, after: float = 0.0) -> float:
        """Have the looks made that are due; the time until the next."""
        if answer is not None:
            self.source.set_response(answer)
        self.clock.sleep(after)
        return self.hub.step()


def is_finished(viewer: Subscription) -> bool:
    return viewer.is_finished


def seen(news: list[RunUpdate]) -> list[str]:
    """The outcomes of the new states."""
    return [item.snapshot.status.outcome.value for item in news if item.snapshot is not None]
