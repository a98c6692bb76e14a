"""Polls of runs that are due, one by one or by a list, and what follows from their results."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Union
from weakref import WeakSet

from ..errors import LakeflowJobsError, RunNotFound, UpstreamThrottled
from ..memo import Memo
from ..runs.outcome import RunStatus
from ..runs.progress_reports import reports_of, select_progress
from .lease import TICK_SECONDS, PollResult
from .schedule import (
    ERROR_DELAY_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    MIN_GROUP_SIZE,
    delay_after_failures,
    is_list_cheaper,
    plan_next_poll,
)
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..clock import Clock
    from ..runs.progress_reports import Reports
    from ..sdk_types import Run
    from ..upstream.jobs_api import ApiResponse
    from .active_polls import Poll
    from .lease import LeaseCoordinator
    from .past_durations import History
    from .schedule import PollSettings
    from .shared_progress import SharedProgress
    from .snapshot import StateId
    from .source import RunSource
    from .watched_run import RunKey, WatchedRun

#: How long a poll waits for the job's history, which is read at the same time.
HISTORY_TIMEOUT_SECONDS = 1.0

#: Results of single reads that arrive within this time are published together.
MAX_BATCH_SECONDS = TICK_SECONDS

#: How many runs the dispatcher remembers the last state of.
MAX_DISPATCHED_RUNS = 10_000

OnChange = Callable[["RunKey", Snapshot], None]

#: The result of reading a run.
Result = Union["ApiResponse[Run]", LakeflowJobsError]

_log = logging.getLogger("flask_lakeflow_jobs.polling")


class RunPoller:
    """Polls the runs of one app."""

    def __init__(
        self,
        source: RunSource,
        leases: LeaseCoordinator,
        history: History,
        dispatcher: StateChangeDispatcher,
        progress: SharedProgress,
        clock: Clock,
        settings: PollSettings,
    ) -> None:
        self._source = source
        self._leases = leases
        self._history = history
        self._dispatcher = dispatcher
        self._progress = progress
        self._clock = clock
        self._settings = settings
        self.last_success_at = -math.inf  # by the monotonic clock; here or in another process
        self._lock = threading.Lock()
        self._group_poll_at: dict[str, float] = {}
        self._failing: WeakSet[WatchedRun] = WeakSet()  # those without subscribers disappear

    def poll(self, poll: Poll) -> None:
        """Poll runs of one group, unless another process does, and set when each is polled next.

        A list read also updates those of the runs that are not due.

        :raises PollAbandoned: the hub no longer waits for this poll.
        """
        watched_runs, group_size = poll.watched_runs, poll.group_size
        acquired = self._acquire(watched_runs)
        if not acquired:
            return
        group_poll_at = (
            self._next_group_poll(acquired[0].run_key.group)
            if group_size >= MIN_GROUP_SIZE
            else None
        )
        poll.advance()
        history_refreshed = self._history.start_refresh(acquired[0].run_key)
        listed = self._read_group(acquired, watched_runs, group_size)
        batch = [
            (run, listed[run_id])
            for run in watched_runs
            if (run_id := run.run_key.run_id) in listed
        ]
        unlisted = [run for run in acquired if run.run_key.run_id not in listed]
        history_refreshed.wait(HISTORY_TIMEOUT_SECONDS)
        began = self._clock.monotonic()
        for watched_run in unlisted:
            poll.advance()
            with _log_unexpected_error(watched_run):
                batch.append((watched_run, self._read_one(watched_run)))
            if self._clock.monotonic() - began > MAX_BATCH_SECONDS:
                self._handle(poll, batch, group_poll_at)
                batch, began = [], self._clock.monotonic()
        self._handle(poll, batch, group_poll_at)

    def _acquire(self, watched_runs: Sequence[WatchedRun]) -> list[WatchedRun]:
        """Return the runs that are due and whose lease this process has acquired.

        For the others, publish what another process has published.
        """
        now = self._clock.monotonic()
        due = [run for run in watched_runs if run.next_poll_at <= now]
        acquired, snapshots = self._leases.acquire(due)
        for watched_run in due:
            with _log_unexpected_error(watched_run):
                self._publish_shared(watched_run, snapshots)
        return acquired

    def _publish_shared(
        self, watched_run: WatchedRun, snapshots: Mapping[RunKey, Snapshot]
    ) -> None:
        """Publish another process's state, if there is one, with the reports that have arrived here
        since."""
        snapshot = snapshots.get(watched_run.run_key)
        if snapshot is None:
            return
        watched_run.failures = 0
        if watched_run.reports and not snapshot.is_terminal:
            watched_run.add_reports(reports_of(snapshot.status.progress))
            snapshot = _add_progress(watched_run.reports, snapshot)
        self._publish(watched_run, snapshot)

    def _read_group(
        self, acquired: Sequence[WatchedRun], watched_runs: Sequence[WatchedRun], group_size: int
    ) -> Mapping[int, Result]:
        """List the active runs of a group, if that is cheaper than reading each run.

        :return: the results by run id; empty if each run has to be read.
        """
        size = max(len(watched_runs), group_size)
        if len(watched_runs) < MIN_GROUP_SIZE or not is_list_cheaper(size, len(acquired)):
            return {}
        try:
            runs = self._source.read_active_runs(acquired[0].run_key, size)
        except LakeflowJobsError as error:
            failed = acquired if error.retryable else []
            return {run.run_key.run_id: error for run in failed}
        return {int(run.value.run_id or 0): run for run in runs}

    def _read_one(self, watched_run: WatchedRun) -> Result:
        try:
            return self._source.read_run(watched_run.run_key)
        except LakeflowJobsError as error:
            return error

    def _handle(
        self,
        poll: Poll,
        batch: Sequence[tuple[WatchedRun, Result]],
        group_poll_at: float | None,
    ) -> None:
        """Publish the results of reads to the subscribers and to the other processes.

        :param group_poll_at: the moment at which all runs of the group are polled next.
        """
        if not batch:
            return
        poll.advance()
        void, snapshots = self._leases.catch_up([watched_run for watched_run, _ in batch])
        polls: list[PollResult] = []
        failures: dict[WatchedRun, float | None] = {}
        for watched_run, result in batch:
            poll.advance()
            with _log_unexpected_error(watched_run):
                if watched_run.run_key in void:
                    watched_run.poll_again()
                    continue
                self._publish_shared(watched_run, snapshots)
                if isinstance(result, LakeflowJobsError):
                    failures[watched_run] = throttled_seconds(result)
                    self._handle_error(watched_run, result)
                else:
                    polls.append(self._handle_run(watched_run, result, group_poll_at))
        poll.advance()
        self._leases.publish(polls)
        self._leases.publish_failures(failures)

    def _handle_run(
        self, watched_run: WatchedRun, response: ApiResponse[Run], group_poll_at: float | None
    ) -> PollResult:
        now, run_key, run = self._clock.monotonic(), watched_run.run_key, response.value
        self._log_recovery(watched_run)
        watched_run.failures = 0
        delay, eta = plan_next_poll(
            run,
            self._history.durations(run_key),
            self._settings.longest_delay,
            self._clock.now(),
            now - watched_run.created_at,
        )
        if watched_run.state.snapshot is not None:
            self._history.add(run_key, run)
        timestamp = int(self._clock.now() * 1000)
        progress = select_progress(response.document, watched_run.reports)
        snapshot = Snapshot.from_status(RunStatus(timestamp, run, eta, response.document, progress))
        if snapshot.is_terminal and watched_run.reports:
            watched_run.reports = {}
            self._progress.discard(run_key.ids)
        is_new = self._publish(watched_run, snapshot)
        newest = watched_run.state.snapshot or snapshot
        watched_run.next_poll_at = now + delay
        if group_poll_at is not None and not snapshot.is_terminal:
            watched_run.next_poll_at = group_poll_at
        ttl = watched_run.next_poll_at - now
        if newest.is_terminal:
            ttl = self._settings.terminal_ttl
        return PollResult(watched_run, newest, ttl, is_new)

    def show_progress(self, watched_runs: Sequence[WatchedRun]) -> None:
        """Show the subscribers what the runs have reported, without a poll."""
        read = self._progress.read([run.run_key.ids for run in watched_runs])
        for watched_run, reports in zip(watched_runs, read, strict=True):
            watched_run.add_reports(reports)
            with _log_unexpected_error(watched_run):
                snapshot = watched_run.publish_progress(partial(_add_progress, watched_run.reports))
                if snapshot is not None:
                    self._dispatcher.dispatch(watched_run.run_key, snapshot)

    def _next_group_poll(self, group: str) -> float:
        """Return the moment at which all runs of a group are polled next."""
        now = self._clock.monotonic()
        with self._lock:
            self._group_poll_at = {name: at for name, at in self._group_poll_at.items() if at > now}
            return self._group_poll_at.setdefault(group, now + self._settings.longest_delay)

    def _handle_error(self, watched_run: WatchedRun, error: LakeflowJobsError) -> None:
        now, interval = self._clock.monotonic(), self._settings.poll_interval
        if not error.retryable:
            if not (isinstance(error, RunNotFound) or watched_run.run_key.identity.is_user):
                self._log_outage(watched_run, error)
            watched_run.publish(error=error)
            watched_run.next_poll_at = now + min(ERROR_DELAY_SECONDS, interval)
            return
        self._log_outage(watched_run, error)
        watched_run.failures += 1
        watched_run.publish(transient_error=error)
        watched_run.next_poll_at = now + delay_after_failures(
            watched_run.failures, error.retry_seconds, interval
        )

    def _log_outage(self, watched_run: WatchedRun, error: LakeflowJobsError) -> None:
        """Log the first of the runs that cannot be polled now. An outage concerns all of them."""
        with self._lock:
            is_first = not self._failing
            self._failing.add(watched_run)
        if is_first:
            _log.warning(
                "Run %s could not be polled, and %s: %s",
                watched_run.run_key.run_id,
                "will be polled again, as will others"
                if error.retryable
                else "its streams end, as do those of others",
                error,
            )

    def _log_recovery(self, watched_run: WatchedRun) -> None:
        with self._lock:
            was_failing = watched_run in self._failing
            self._failing.discard(watched_run)
            is_over = was_failing and not self._failing
        if is_over:
            _log.warning("All runs can be polled again.")

    def _publish(self, watched_run: WatchedRun, snapshot: Snapshot) -> bool:
        self.last_success_at = self._clock.monotonic()
        last = watched_run.state.snapshot
        is_new = watched_run.publish(snapshot=snapshot)
        if is_new and last is not None and snapshot.id.is_before(last.id):
            self._dispatcher.reset(watched_run.run_key)
        if is_new:
            self._dispatcher.dispatch(watched_run.run_key, snapshot)
        return is_new


def _add_progress(reports: Reports, snapshot: Snapshot) -> Snapshot:
    status = snapshot.status
    return snapshot.with_progress(select_progress(status.to_dict()["run"], reports))


def throttled_seconds(error: LakeflowJobsError) -> float | None:
    """Return the delay that the workspace asked all processes for, if it did."""
    if isinstance(error, UpstreamThrottled) and error.retry_seconds:
        return min(error.retry_seconds, MAX_RETRY_AFTER_SECONDS)
    return None


@contextmanager
def _log_unexpected_error(watched_run: WatchedRun) -> Iterator[None]:
    """Keep an unexpected error at one run from the others that are polled with it."""
    try:
        yield
    except Exception:
        _log.exception("Unexpected error while polling run %s.", watched_run.run_key.run_id)


class StateChangeDispatcher:
    """Calls the app once per new state of a run in this process.

    A run may be watched under several identities, and in several watches one after the other.
    """

    def __init__(self, on_change: OnChange) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._last: Memo[tuple[str, int], StateId | None] = Memo(MAX_DISPATCHED_RUNS)

    def dispatch(self, run_key: RunKey, snapshot: Snapshot) -> None:
        """Call the app with a state, unless it had this one or a later one."""
        run = run_key.job.key, run_key.run_id
        with self._lock:
            last = self._last.get(run)
            if last == snapshot.id or (last and snapshot.id.is_before(last)):
                return
            self._last.put(run, snapshot.id)
        self._on_change(run_key, snapshot)

    def reset(self, run_key: RunKey) -> None:
        """Call the app with the run's next state, even if the app had that state before."""
        with self._lock:
            self._last.put((run_key.job.key, run_key.run_id), None)
