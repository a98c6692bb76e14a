"""The jobs of an app by key: the mapping behind ``current_jobs``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from . import signals
from .errors import UnknownJob
from .handle import JobHandle
from .identity import APP
from .runs.outcome import RunStatus
from .watching import Hub, Target, UpstreamReader

if TYPE_CHECKING:
    from flask import Flask

    from .cache import Shared
    from .clock import Clock
    from .config.settings import Settings
    from .upstream import Upstream


class Jobs(Mapping[str, JobHandle]):
    """The jobs of one app by key, read-only.

    :param app: the app.
    :param settings: its settings.
    :param connect: makes the upstream room, which is expensive; called once, at the first call.
    :param shared: what the app's processes share.
    :param clock: the time.
    :param is_closing: whether this process is about to end.
    """

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        *,
        connect: Callable[[], Upstream],
        shared: Shared,
        clock: Clock,
        is_closing: Callable[[], bool],
    ) -> None:
        self.app = app
        self.settings = settings
        self.shared = shared
        self.clock = clock
        self.hub = Hub(
            UpstreamReader(lambda: self.upstream),
            self._tell,
            shared,
            clock,
            poll_interval=settings.poll_interval,
            settled_for=settings.cache_ttl,
            takes_hints=settings.takes_notifications,
            is_closing=is_closing,
        )
        self._connect = connect
        self._upstream: Upstream | None = None
        self._lock = threading.Lock()

    def __getitem__(self, key: str) -> JobHandle:
        job = self.settings.jobs.get(key)
        if job is None:
            raise UnknownJob(key, self.settings.jobs)
        return JobHandle(self, job, APP)

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings.jobs)

    def __len__(self) -> int:
        return len(self.settings.jobs)

    def __repr__(self) -> str:
        return f"<Jobs {', '.join(self)}>"

    @property
    def upstream(self) -> Upstream:
        with self._lock:
            if self._upstream is None:
                self._upstream = self._connect()
            return self._upstream

    def take_hint(self, job_id: int, run_id: int) -> bool:
        """Look at a run at once, since somebody says that there is news of it.

        It is looked at even if nobody watches it, unless its job runs as its users: as whom is
        known of watchers alone.

        :param job_id: the id of its job in the workspace.
        :param run_id: the run.
        :return: whether this app has such a job; of another nothing is looked at.
        """
        jobs = [job for job in self.settings.jobs.values() if job.job_id == job_id]
        if not jobs:
            return False
        self.upstream.forget(jobs[0])
        targets = [Target(APP, job, run_id) for job in jobs if job.run_as == "app"]
        self.hub.take_hint(job_id, run_id, targets)
        return True

    def _tell(self, target: Target, status: RunStatus) -> None:
        payload = {"job": target.job.key, "run_id": target.run_id, "status": status}
        with self.app.app_context():
            signals.send(signals.run_changed, self.app, **payload)
            if status.is_terminal:
                signals.send(signals.run_finished, self.app, **payload)
