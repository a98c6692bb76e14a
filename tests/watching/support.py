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
from flask_lakeflow_jobs.watching import Hub, RunKey, RunUpdate, Subscription
from tests.clocks import FakeClock
from tests.run_documents import SUCCEEDED, answered, named_job, run, words

POLL_INTERVAL = 5.0

QUEUED = run(words("QUEUED"))
RUNNING = run(words("RUNNING"))
ENDED = run(SUCCEEDED)

JOB = named_job()
ONE = RunKey(APP, JOB, 1001)


class Workspace:
    """Answers looks with what it is told to, and counts them."""

    def __init__(self) -> None:
        self.answers: dict[int, Run | BaseException] = {}
        self.past: list[BaseRun] = []
        self.lists = 0
        self.looks: list[RunKey] = []

    def says(self, answer: Run | BaseException, target: RunKey = ONE) -> None:
        self.answers[target.run_id] = answer

    def run(self, target: RunKey) -> ApiResponse[Run]:
        self.looks.append(target)
        answer = self.answers[target.run_id]
        if isinstance(answer, BaseException):
            raise answer
        return answered(answer)

    def active_runs(self, target: RunKey, most: int) -> list[ApiResponse[Run]]:
        self.lists += 1
        return [
            answered(answer)
            for answer in self.answers.values()
            if isinstance(answer, Run) and not has_ended(answer)
        ][:most]

    def ended_runs(self, target: RunKey) -> list[BaseRun]:
        return self.past

    def restore(self, stored: dict[str, Any]) -> RunStatus:
        return RunStatus(stored["timestamp"], Run.from_dict(stored["run"]), stored.get("eta"))


class Watched:
    """A hub whose looks are made by :meth:`look` only, and whose time stands still."""

    def __init__(
        self,
        shared: SharedCache | None = None,
        clock: Clock | None = None,
        workspace: Workspace | None = None,
    ) -> None:
        self.clock = clock if isinstance(clock, FakeClock) else FakeClock()
        self.workspace = workspace or Workspace()
        self.told: list[tuple[RunKey, RunStatus]] = []
        self.hub = Hub(
            self.workspace,
            lambda target, status: self.told.append((target, status)),
            shared or SharedCache.of(Flask(__name__), {"CACHE_TYPE": "SimpleCache"}, None),
            clock or self.clock,
            poll_interval=POLL_INTERVAL,
            settled_for=60.0,
            spawn=None,
        )

    def subscribe(self, *targets: RunKey, **seen: Any) -> Subscription:
        return self.hub.subscribe(targets or [ONE], **seen)

    def look(self, answer: Run | BaseException | None = None, *, after: float = 0.0) -> float:
        """Have the looks made that are due; the time until the next."""
        if answer is not None:
            self.workspace.says(answer)
        self.clock.sleep(after)
        return self.hub.step()


def is_over(viewer: Subscription) -> bool:
    return viewer.is_over


def seen(news: list[RunUpdate]) -> list[str]:
    """The outcomes of the new states."""
    return [item.snapshot.status.outcome.value for item in news if item.snapshot is not None]
