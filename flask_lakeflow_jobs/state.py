"""The state of one app: its settings, clock, cache, upstream and hub."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, cast

from . import signals, telemetry
from .concurrency import load_module, run_in_each_process
from .following.ends import EndRecorder, EndSender
from .following.follower import LEASE_SECONDS, Follower
from .following.notifier import Notifier
from .following.receivers import OwnReceivers
from .following.root_causes import RootCauseRecorder
from .following.run_finder import RunFinder
from .identity import APP
from .memo import Memo
from .record.recording import Recording
from .record.requesters import Requesters
from .watching.hub import Hub
from .watching.schedule import PollSettings
from .watching.snapshot import Snapshot
from .watching.source import RunSource
from .watching.watched_run import RunKey

if TYPE_CHECKING:
    from flask import Flask

    from .cache import SharedCache
    from .clock import Clock
    from .config.job_config import Policy
    from .config.settings import AppSettings
    from .identity import UserLoader
    from .record.store import Record
    from .runs.matrix import MatrixCell
    from .runs.progress_token import RunFacts
    from .upstream.gateway import Upstream

#: The key of the state in ``app.extensions``.
EXTENSION_KEY = "lakeflow_jobs"

#: Polls are late if none has succeeded for so many poll intervals and the timeout of a read.
LATE_INTERVALS = 3

#: Cells of matrices in the memory of one process.
MAX_MATRIX_CELLS = 50_000

#: Runs that report progress, which a process knows.
MAX_RUN_FACTS = 10_000


class AppState:
    """The state of one app. It holds nothing that belongs to an interface.

    :param connect: opens the upstream, which imports the SDK; called on first use.
    :param is_closing: whether this process is about to exit.
    """

    def __init__(
        self,
        app: Flask,
        settings: AppSettings,
        *,
        connect: Callable[[], Upstream],
        cache: SharedCache,
        clock: Clock,
        is_closing: Callable[[], bool],
        policy: Policy | None,
        user_loader: UserLoader | None,
        record: Record | None,
    ) -> None:
        self.app = app
        self.settings = settings
        self.cache = cache
        self.clock = clock
        self.policy = policy
        self.user_loader = user_loader
        #: The record of runs and actions, if the app has one.
        self.record = record
        #: Who started, canceled and repaired each run.
        self.requesters = Requesters(cache, record, clock)
        #: Announces ends and repairs of runs, and records them if the app has a record.
        self.ends = EndSender(app)
        source = RunSource(lambda: self.upstream)
        if record is not None:
            own: list[OwnReceivers] = [
                RootCauseRecorder(record, lambda: self.upstream, settings.jobs),
                Notifier(app, record, lambda: self.upstream, settings.jobs, clock),
            ]
            self.ends = EndRecorder(
                *(app, record, settings.jobs, clock, source.restore),
                lambda job: self.upstream.bind(APP, job).get_job(),
                own_receivers=own,
            )
        self.recording = Recording(record, clock, self.ends.defer)
        self.hub = Hub(
            source,
            self._send_changed,
            cache,
            clock,
            PollSettings(
                poll_interval=settings.poll_interval,
                terminal_ttl=settings.cache_ttl,
                accepts_notifications=(
                    settings.accepts_notifications or settings.progress_parameter is not None
                ),
                read_timeout=settings.read_timeout,
            ),
            is_closing=is_closing,
        )
        #: Returns the numbers of the event streams, if the app serves any.
        self.read_streams: Callable[[], dict[str, Any]] = dict
        #: The tasks of ended runs in matrices, by identity, job, run and end.
        self.matrix_columns: Memo[Hashable, Sequence[MatrixCell]] = Memo(MAX_MATRIX_CELLS)
        #: What a report about a run is checked against, with the moment at which it expires. Not in
        #: the shared cache: without it, each report would read the run.
        self.run_facts: Memo[Hashable, tuple[float, RunFacts]] = Memo(MAX_RUN_FACTS)
        self._connect = connect
        self._upstream: Upstream | None = None
        run_in_each_process(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()

    @property
    def signing_keys(self) -> list[str | bytes]:
        """The keys that sign the app's tokens, the current one last."""
        config = self.app.config
        return [*(config.get("SECRET_KEY_FALLBACKS") or ()), config["SECRET_KEY"]]

    @property
    def is_circuit_open(self) -> bool:
        """True while the workspace does not respond to this process."""
        return self._upstream is not None and self._upstream.call_resources.breaker.is_open

    @property
    def are_credentials_refused(self) -> bool:
        """Return whether the workspace does not accept the app's credentials any more."""
        upstream = self._upstream
        return upstream is not None and upstream.call_resources.are_credentials_refused

    @property
    def upstream(self) -> Upstream:
        """The calls to the workspace."""
        # Connect without the lock: while the SDK is loaded, other greenlets may ask too.
        return self._upstream or self._keep_first(self._connect())

    def _keep_first(self, upstream: Upstream) -> Upstream:
        with self._lock:
            if self._upstream is None:
                self._upstream = upstream
                telemetry.observe_health(self)
            return self._upstream

    def health(self) -> dict[str, Any]:
        """Return how the extension is doing in this process. This makes no call."""
        is_circuit_open, seconds_since_poll = self.is_circuit_open, self.hub.seconds_since_poll
        latest = self.settings.read_timeout + LATE_INTERVALS * self.settings.poll_interval
        is_late = seconds_since_poll is not None and seconds_since_poll > latest
        is_refused = self.are_credentials_refused
        is_degraded = is_circuit_open or is_refused or is_late or self.cache.is_failing
        record = {}
        if self.record is not None:
            is_degraded = is_degraded or self.record.is_failing
            record = {
                "recordAvailable": not self.record.is_failing,
                "recordFailures": self.record.failed_writes,
            }
        no_streams = {"pushed": 0, "onThreads": 0, "limit": None, "free": None, "sentToPoll": 0}
        return {
            "status": "degraded" if is_degraded else "ok",
            "streams": {**no_streams, **self.read_streams()},
            "watchedRuns": self.hub.subscribed_run_count,
            "secondsSincePoll": seconds_since_poll,
            "circuitBreakerOpen": is_circuit_open,
            "credentialsRefused": is_refused,
            "cacheAvailable": not self.cache.is_failing,
            **record,
        }

    def warm_up(self) -> None:
        """Load the SDK and OpenTelemetry; if any calls are made as the app, log in and connect.

        :raises LakeflowJobsError: the login or the connection failed.
        """
        for kind in telemetry.COUNTED:
            telemetry.instruments_for(kind)
        upstream = self.upstream
        if any(job.run_as == "app" for job in self.settings.jobs.values()):
            upstream.open_connection()

    def receive_notification(self, job_id: int, run_id: int) -> bool:
        """Poll a run at once, because a notification says that it may have changed.

        The run is polled even without subscribers, unless its job runs as its users: only a
        subscriber brings the user's token.

        :param job_id: the id in the workspace.
        :return: whether this app has such a job; runs of other jobs are not polled.
        """
        jobs = [job for job in self.settings.jobs.values() if job.job_id == job_id]
        if not jobs:
            return False
        self.upstream.cache.invalidate(jobs[0])
        run_keys = [RunKey(APP, job, run_id) for job in jobs if job.run_as == "app"]
        self.hub.receive_notification(job_id, run_id, run_keys)
        return True

    def _send_changed(self, run_key: RunKey, snapshot: Snapshot) -> None:
        changed = signals.run_changed
        with self.app.app_context():
            try:
                # A status needs the SDK, whose import would delay the next states of the run.
                if changed.has_receivers_for(self.app):
                    payload = {"job": run_key.job.key, "run_id": run_key.run_id}
                    signals.send(changed, self.app, **payload, status=snapshot.status)
            finally:  # a receiver may have been interrupted
                if snapshot.is_terminal:
                    status = snapshot.status
                    telemetry.count_finished_run(run_key.job.key, status.outcome.value)
                    self.ends.finish(run_key, status)

    def _poll_again(self, run_key: RunKey) -> None:
        """Poll a run that was repaired elsewhere: caches and the hub may know it as ended."""
        self.upstream.cache.invalidate(run_key.job)
        self.hub.reset(run_key)

    def build_follower(self, lease_seconds: float = LEASE_SECONDS) -> Follower:
        """Return what follows the unfinished runs of the record in this process.

        :param lease_seconds: how long another process waits after this one has died.
        """
        # The settings require a record, and so does the command that follows.
        record, ends = cast("Record", self.record), cast("EndRecorder", self.ends)
        finder = RunFinder(
            record, lambda: self.upstream, self.settings.jobs, self.clock, self._poll_again
        )
        return Follower(
            record,
            self.hub,
            self.settings.jobs,
            self.clock,
            ends,
            finder,
            poll_interval=self.settings.poll_interval,
            lease_seconds=lease_seconds,
        )


def database_credentials(app: Flask, lakebase: str | bool | None) -> Callable[[], str] | None:
    """Return a function that creates a password of Lakebase; ``None`` if the app does not use it.

    :param lakebase: as in :class:`.AppSettings`.
    """
    if not lakebase:
        return None

    def create() -> str:
        # It imports the SDK: not at the start of the app.
        load_module("flask_lakeflow_jobs.upstream.lakebase")
        from .upstream.lakebase import create_password

        state: AppState = app.extensions[EXTENSION_KEY]
        return create_password(state.upstream, lakebase)

    return create
