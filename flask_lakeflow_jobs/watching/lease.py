"""The lease on a run: which of the processes that watch it polls next.

The processes need no common clock. One that has waited for a record knows its age by its own clock,
to a tick. Until it has waited for one, it reads the record at every tick.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import TYPE_CHECKING

from ..errors import UpstreamThrottled
from .shared_record import RECORD_TTL_SECONDS

if TYPE_CHECKING:
    from ..clock import Clock
    from ..errors import LakeflowJobsError
    from .shared_record import PollRecord, SharedRecords
    from .snapshot import Snapshot
    from .watched_run import RunKey, WatchedRun

#: Seconds between two reads of what other processes have published.
TICK_SECONDS = 0.25


class Lease(Enum):
    """The result of an attempt to acquire the lease on a run that is due."""

    ACQUIRED = auto()  # this process polls the run
    FRESH = auto()  # another process has polled the run recently
    HELD = auto()  # another process is polling the run


def record_age(published_at: float, now: float, max_age: float) -> float | None:
    """Estimate the age of a record in seconds, though its process may have another clock.

    :param published_at: seconds since the epoch, by the clock of the process that published.
    :param now: seconds since the epoch, by the clock of this process.
    :param max_age: seconds since this process last read another record or none; infinite if never.
    :return: ``None`` if the age is unknown.
    """
    age = now - published_at
    if -TICK_SECONDS <= age <= max_age + TICK_SECONDS:
        return max(0.0, age)
    if max_age == math.inf:
        return None
    return max_age if is_new(max_age) else 0.0


def is_new(max_age: float) -> bool:
    """Return whether the publication of a record of at most this age is known to a tick."""
    return max_age <= 2 * TICK_SECONDS


def remaining_ttl(record: PollRecord, now: float, max_age: float) -> float:
    """Return for how many seconds a record is fresh; see :func:`record_age`."""
    age = record_age(record.published_at, now, max_age)
    return 0.0 if age is None else record.ttl - age


def needs_poll(
    fresh_until: float, now: float, *, has_notification: bool, is_throttled: bool
) -> bool:
    """Return whether a run that is due needs a poll in spite of that of another process.

    :param fresh_until: the moment at which that poll expires.
    :param has_notification: that poll came before a notification.
    :param is_throttled: that poll was answered by the request for a delay, which holds for all.
    """
    return now >= fresh_until or (has_notification and not is_throttled)


class LeaseCoordinator:
    """Decides, with the other processes of the app, which of them polls a run.

    :param max_wait: seconds after which this process polls though another one holds the lease.
    """

    def __init__(self, records: SharedRecords, clock: Clock, max_wait: float) -> None:
        self._records = records
        self._clock = clock
        self._max_wait = max_wait

    def acquire(self, watched_run: WatchedRun) -> tuple[Lease, Snapshot | None]:
        """Try to acquire the lease on a run that is due.

        A run that another process has just polled gets the time of its next poll from there.

        :return: the result, and the state that another process has published since the last time.
        """
        lease, now = watched_run.lease, self._clock.monotonic()
        lease.notification_id = watched_run.notification_id
        if not self._records.is_shared:
            return Lease.ACQUIRED, None
        max_age = math.inf if lease.checked_at is None else now - lease.checked_at
        lease.checked_at = now
        record, snapshot = self._records.read(watched_run.run_key), None
        if record is None:
            lease.fresh_until = lease.state_stored_at = -math.inf
        elif record.poll_id != lease.poll_id:
            snapshot = self._accept(watched_run, record, now, max_age)
        if needs_poll(
            lease.fresh_until,
            now,
            has_notification=watched_run.notification_id is not None,
            is_throttled=record is not None and record.is_throttled,
        ):
            return self._acquire(watched_run, now), None
        return Lease.FRESH, snapshot

    def _accept(
        self, watched_run: WatchedRun, record: PollRecord, now: float, max_age: float
    ) -> Snapshot | None:
        """Accept another process's poll until its TTL expires, if its state can be read."""
        lease = watched_run.lease
        lease.poll_id, lease.held_since = record.poll_id, None
        self._handle_notification(watched_run, record.notification_id)
        snapshot = self._read_snapshot(watched_run, record)
        if snapshot is not None or record.state_id is None:
            lease.fresh_until = now + remaining_ttl(record, self._clock.now(), max_age)
            if is_new(max_age):
                watched_run.next_poll_at = lease.fresh_until - TICK_SECONDS / 2
        return snapshot

    def _read_snapshot(self, watched_run: WatchedRun, record: PollRecord) -> Snapshot | None:
        last = watched_run.state.snapshot
        if last is not None and str(last.id) == record.state_id:
            return last
        stored = (
            self._records.read_snapshot(watched_run.run_key)
            if record.state_id is not None
            else None
        )
        return stored if stored is not None and str(stored.id) == record.state_id else None

    def _acquire(self, watched_run: WatchedRun, now: float) -> Lease:
        lease = watched_run.lease
        if self._records.acquire(watched_run.run_key, lease.poll_id):
            lease.held_since = None
            return Lease.ACQUIRED
        if lease.held_since is None:
            lease.held_since = now
        return Lease.HELD if now - lease.held_since < self._max_wait else Lease.ACQUIRED

    def is_void(self, watched_run: WatchedRun) -> bool:
        """Return whether a process has changed the run since our poll of it began."""
        if watched_run.is_poll_void or not self._records.is_shared:
            return watched_run.is_poll_void
        record = self._records.read(watched_run.run_key)
        return (
            record is not None
            and record.is_invalidation
            and record.poll_id != watched_run.lease.poll_id
        )

    def publish(
        self, watched_run: WatchedRun, snapshot: Snapshot, ttl: float, *, is_new: bool
    ) -> None:
        """Publish the result of our poll for the other processes.

        :param ttl: seconds until the next poll.
        :param is_new: the state differs from the last one of this process.
        """
        lease, now = watched_run.lease, self._clock.monotonic()
        if lease.notification_id is not None:
            self._handle_notification(watched_run, lease.notification_id)
        if not self._records.is_shared:
            return
        if is_new or now - lease.state_stored_at > RECORD_TTL_SECONDS / 2:
            self._records.store_snapshot(watched_run.run_key, snapshot)
            lease.state_stored_at = now
        self._publish(watched_run, snapshot, ttl)

    def publish_failure(self, watched_run: WatchedRun, error: LakeflowJobsError) -> None:
        """Release the lease after our poll failed, unless the workspace asked for a delay."""
        if not self._records.is_shared:
            return
        if isinstance(error, UpstreamThrottled) and error.retry_seconds:
            self._publish(watched_run, None, error.retry_seconds)
        else:
            self._records.release(watched_run.run_key, watched_run.lease.poll_id)

    def invalidate(self, run_key: RunKey) -> None:
        """Have all processes poll a run again, because it was changed."""
        self._records.invalidate(run_key)

    def _publish(self, watched_run: WatchedRun, snapshot: Snapshot | None, ttl: float) -> None:
        lease = watched_run.lease
        lease.poll_id = self._records.publish(
            watched_run.run_key, snapshot, ttl, lease.handled_notification_id
        )
        lease.held_since, lease.fresh_until = None, -math.inf

    @staticmethod
    def _handle_notification(watched_run: WatchedRun, notification_id: str | None) -> None:
        """Note that a poll came after a notification."""
        watched_run.lease.handled_notification_id = notification_id
        if watched_run.notification_id == notification_id:
            watched_run.notification_id = None
