"""Subscriptions to runs: each run is polled once, for any number of subscribers.

A run is watched from its first subscriber to its last. One thread decides when the polls are due.
Each poll has a thread of its own, so a slow one delays no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..concurrency import (
    Spawn,
    run_in_each_process,
    run_in_thread,
    run_inline,
    start_thread,
)
from ..errors import UpstreamTimeout
from ..loggers import log_once
from ..runs.progress_reports import WHOLE_RUN
from .active_polls import ActivePolls, Poll, PollAbandoned
from .lease import TICK_SECONDS, LeaseCoordinator, lease_seconds
from .notifications import Notification, Notifications
from .past_durations import History
from .poller import OnChange, RunPoller, StateChangeDispatcher
from .schedule import PollSettings, is_list_cheaper
from .shared_progress import SharedProgress
from .shared_record import SharedRecords
from .subscription import SubscribedRun, Subscription, never
from .watched_run import WatchedRun

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from ..runs.progress import Progress
    from ..runs.progress_reports import Reports
    from .shared_progress import RunIds
    from .snapshot import StateId
    from .source import RunSource
    from .watched_run import RunKey

#: A thread that has started no polls for so long is taken for dead, and started again.
STALLED_SECONDS = 30.0

_log = logging.getLogger("flask_lakeflow_jobs.polling")


class Hub:
    """The watched runs of one app.

    :param on_change: called with each new state of a run, once in this process.
    :param is_closing: returns whether the process is about to end. Subscribers are then woken.
    :param spawn: runs a poll in the background; ``None``: polls are made only by :meth:`step`, in
        the thread that calls it.
    """

    def __init__(
        self,
        source: RunSource,
        on_change: OnChange,
        cache: SharedCache,
        clock: Clock,
        settings: PollSettings,
        *,
        is_closing: Callable[[], bool] = never,
        spawn: Spawn | None = run_in_thread,
    ) -> None:
        self._source = source
        self._on_change = on_change
        self._cache = cache
        self._clock = clock
        self._settings = settings
        self.is_closing = is_closing
        self._has_thread = spawn is not None
        self._spawn = spawn or run_inline
        run_in_each_process(self._initialize)

    def _initialize(self) -> None:
        """Set up the state of this process. A forked child has none of its parent's threads."""
        self._changed = threading.Condition()
        self._watched_runs: dict[RunKey, WatchedRun] = {}
        self._thread: threading.Thread | None = None
        self._stepped_at = self._clock.monotonic()
        self._polls = ActivePolls(self._settings.read_timeout)
        self._dispatcher = StateChangeDispatcher(self._on_change)
        self._notifications = Notifications(self._cache, self._clock)
        self._progress = SharedProgress(self._cache, self._clock)
        seconds = lease_seconds(self._settings.poll_interval)
        self._leases = LeaseCoordinator(
            SharedRecords(self._cache, self._source.restore, seconds),
            self._clock,
            max_wait=seconds + TICK_SECONDS,
        )
        self._poller = RunPoller(
            self._source,
            self._leases,
            History(self._source.read_ended_runs, self._cache, self._clock, self._spawn),
            self._dispatcher,
            self._progress,
            self._clock,
            self._settings,
        )

    @property
    def subscribed_run_count(self) -> int:
        with self._changed:
            return sum(run.subscriber_count > 0 for run in self._watched_runs.values())

    @property
    def seconds_since_poll(self) -> float | None:
        """Return how long no poll has succeeded; ``None`` while there is nothing to poll."""
        with self._changed:
            created_at = [
                run.created_at for run in self._watched_runs.values() if run.is_waited_for
            ]
        if not created_at:
            return None
        last = max(min(created_at), self._poller.last_success_at)
        return max(0.0, self._clock.monotonic() - last)

    def subscribe(self, run_key: RunKey, last_state: StateId | None = None) -> Subscription:
        """Subscribe to a run; close the subscription when you are done.

        :param last_state: the state that the subscriber already has.
        """
        with self._changed:
            watched_run = self._watch(run_key, last_state)
            watched_run.subscriber_count += 1
            self._changed.notify()
        self.check_thread()
        return Subscription([SubscribedRun(watched_run, last_state)], self._clock, self)

    def invalidate(self, run_ids: RunIds) -> None:
        """Poll a run again at once, for every identity, because it was changed.

        Polls under way do not count.
        """
        now = self._clock.monotonic()
        with self._changed:
            for run_key, watched_run in self._watched_runs.items():
                if run_key.ids == run_ids:
                    watched_run.invalidate(now)
            self._changed.notify()
        # After the mark in this process: a poll that misses the one finds the other.
        self._leases.invalidate(run_ids)

    def invalidate_job(self, job_id: int) -> None:
        """Poll all watched runs of a job again.

        :param job_id: the id in the workspace.
        """
        with self._changed:
            runs = {run_key.ids for run_key in self._watched_runs if run_key.job.job_id == job_id}
        for run_ids in runs:
            self.invalidate(run_ids)

    def reset(self, run_key: RunKey) -> None:
        """Poll a run that continues after its end, and call the app with its states again."""
        self._dispatcher.reset(run_key)
        self._progress.discard(run_key.ids)
        self.invalidate(run_key.ids)

    def receive_notification(self, job_id: int, run_id: int, run_keys: Sequence[RunKey]) -> None:
        """Poll a run at once, in all processes and for every identity that watches it.

        :param job_id: the id in the workspace.
        :param run_keys: the same run, as it is polled even without subscribers.
        """
        notification = self._notifications.publish(job_id, run_id)
        with self._changed:
            self._notify(notification)  # before, so that an ended run is watched from the start
            for run_key in run_keys:
                self._watch(run_key)
            self._notify(notification)
        self.check_thread()

    def report_progress(self, run_ids: RunIds, report: Progress) -> None:
        """Show subscribers in all processes what a run has reported, without a poll.

        They get at most one update per second and run in between polls.
        """
        report = self._progress.add(run_ids, report)
        with self._changed:
            for run_key, watched_run in self._watched_runs.items():
                if run_key.ids == run_ids:  # the cache may not have stored it
                    watched_run.add_reports({report.task or WHOLE_RUN: report})
        if self._progress.is_update_due(run_ids):
            notification = self._notifications.publish(*run_ids, is_progress=True)
            self._show_progress([notification])

    def _show_progress(self, notifications: Sequence[Notification]) -> None:
        with self._changed:
            watched_runs = [
                watched_run
                for run_key, watched_run in self._watched_runs.items()
                if any(notification.is_about(run_key) for notification in notifications)
            ]
        if watched_runs:
            self._poller.show_progress(watched_runs)

    def read_progress(self, run_ids: RunIds) -> Reports:
        [reports] = self._progress.read([run_ids])
        return reports

    def has_ended(self, run_ids: RunIds) -> bool:
        """Return whether this process knows that a run has ended, from a poll that is valid."""
        now = self._clock.monotonic()
        with self._changed:
            return any(
                run_key.ids == run_ids and run.has_ended and run.next_poll_at > now
                for run_key, run in self._watched_runs.items()
            )

    def _receive_notifications(self) -> None:
        """Receive those of other processes, which poll the runs that have no subscribers."""
        notifications = self._notifications.receive()
        progress = [each for each in notifications if each.is_progress]
        with self._changed:
            for notification in notifications:
                if not notification.is_progress:
                    self._notify(notification)
        if progress:
            self._show_progress(progress)

    def _notify(self, notification: Notification) -> None:
        now = self._clock.monotonic()
        for run_key, watched_run in self._watched_runs.items():
            if notification.is_about(run_key):
                watched_run.notify(notification.id, now)
        self._changed.notify()

    def _watch(self, run_key: RunKey, last_state: StateId | None = None) -> WatchedRun:
        """Return the watched run, or a new one if it is too old for a new subscriber."""
        now, watched_run = self._clock.monotonic(), self._watched_runs.get(run_key)
        if (
            watched_run is None
            or watched_run.is_expired(now)
            or (watched_run.has_ended and self._leases.is_shared)  # others may have repaired it
        ):
            outdated = None if watched_run is None else watched_run.state
            watched_run = self._watched_runs[run_key] = WatchedRun(run_key, now, outdated)
        elif watched_run.is_outdated_by(last_state):
            # Poll when the end expires: a subscriber may claim any last state.
            poll_at = watched_run.next_poll_at
            watched_run = self._watched_runs[run_key] = WatchedRun(run_key, poll_at)
        return watched_run

    def leave(self, watched_runs: Sequence[WatchedRun]) -> None:
        """Count one subscriber of each run less."""
        with self._changed:
            for watched_run in watched_runs:
                watched_run.subscriber_count -= 1
            self._changed.notify()

    def wait_for_polls(self) -> None:
        """Wait until no poll is under way, and with it no call of the app with a run's state."""
        with self._changed:
            while self._polls.has_any:
                self._changed.wait(TICK_SECONDS)

    def check_thread(self) -> None:
        """Start the thread that starts the polls, unless it runs. Without one, poll here."""
        if self._has_thread and not self._start_thread():
            self.step()

    def _start_thread(self) -> bool:
        """Start the thread, unless it runs. Return whether it does."""
        failure: RuntimeError | None = None
        with self._changed:
            elapsed = self._clock.monotonic() - self._stepped_at
            stalls = self._thread is not None
            if stalls and elapsed <= STALLED_SECONDS:
                return True
            self._stepped_at += elapsed
            try:
                self._thread = start_thread(self._run, "lakeflow-watch")
            except RuntimeError as error:  # the system has no more
                self._thread, failure = None, error
        # Without the lock: another thread may hold that of a log's handler, and need this one.
        if stalls:
            _log.error("No polls were started for %.0f s. Starting again.", elapsed)
        if failure is not None:
            log_once(_log.name, f"Requests poll, because no thread can be started: {failure}.")
        return failure is None

    def _run(self) -> None:
        while True:
            try:
                delay = self.step()
            except Exception:
                _log.exception("Unexpected error while starting the polls that are due.")
                delay = TICK_SECONDS
            with self._changed:
                if self._thread is not threading.current_thread():
                    return  # another one was started while this process was paused
                if not self._watched_runs:
                    self._thread = None
                    return
                self._changed.wait(min(delay, TICK_SECONDS))
            if self.is_closing():
                self._wake_all()

    def _wake_all(self) -> None:
        with self._changed:
            watched_runs = list(self._watched_runs.values())
        for watched_run in watched_runs:
            watched_run.wake()

    def step(self) -> float:
        """Start the polls that are due.

        :return: seconds until the next one is.
        """
        now = self._clock.monotonic()
        elapsed, self._stepped_at = now - self._stepped_at, now
        self._abandon_stuck(elapsed)
        if self._settings.accepts_notifications and self._notifications.is_due:
            self._spawn(self._receive_notifications)
        for poll in self._take_due(now):
            self._spawn(partial(self._poll, poll))
        with self._changed:
            if self._polls.is_full:
                return self._settings.poll_interval  # the end of a poll comes first
            next_poll_at = min(
                (run.next_poll_at for run in self._watched_runs.values() if run.is_waiting),
                default=now + self._settings.poll_interval,
            )
        return max(0.0, next_poll_at - self._clock.monotonic())

    def _abandon_stuck(self, elapsed: float) -> None:
        with self._changed:
            stuck = self._polls.abandon_stuck(elapsed, self._clock.monotonic())
        for poll in stuck:
            _log.error("A poll of %d runs hangs. They are polled again.", len(poll.watched_runs))
            for watched_run in poll.watched_runs:
                watched_run.publish(transient_error=UpstreamTimeout("A poll of the run hangs."))

    def _take_due(self, now: float) -> list[Poll]:
        """Start the polls of the runs that are due, grouped."""
        with self._changed:
            self._drop_unneeded(now)
            groups: dict[str, list[WatchedRun]] = {}
            for watched_run in self._watched_runs.values():
                if watched_run.is_waiting:
                    groups.setdefault(watched_run.run_key.group, []).append(watched_run)
            taken: list[Poll] = []
            for group, waiting in groups.items():
                due = [run for run in waiting if run.next_poll_at <= now]
                if due and not self._polls.is_full:
                    polled = waiting if is_list_cheaper(len(waiting), len(due)) else due
                    taken.append(self._polls.start(polled, self._group_size(group)))
            return taken

    def _drop_unneeded(self, now: float) -> None:
        """Drop runs without subscribers, which serve new ones for a while."""
        for run_key, watched_run in list(self._watched_runs.items()):
            is_unneeded = not (watched_run.is_needed or watched_run.is_polling)
            if is_unneeded and not watched_run.is_kept(now):
                del self._watched_runs[run_key]

    def _group_size(self, group: str) -> int:
        """Return how many runs of a group are subscribed to and active."""
        return sum(
            run_key.group == group and run.is_waited_for
            for run_key, run in self._watched_runs.items()
        )

    def _poll(self, poll: Poll) -> None:
        try:
            self._poller.poll(poll)
        except PollAbandoned:
            _log.warning("A poll that was abandoned no longer hangs.")
        except Exception:
            _log.exception("Unexpected error while polling %d runs.", len(poll.watched_runs))
        finally:
            with self._changed:
                self._polls.end(poll, self._clock.monotonic())
                self._changed.notify_all()
