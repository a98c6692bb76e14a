"""The lease on a run: which of the processes that watch it polls next.

The processes need no common clock. A process that sees a new record appear knows its age by its own
clock, to a tick. To see one appear, it reads the record at every tick.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .shared_record import RECORD_TTL_SECONDS, PollRecord, new_id
from .watched_run import NO_CHANGE

if TYPE_CHECKING:
    from ..clock import Clock
    from .shared_progress import RunIds
    from .shared_record import SharedRecords
    from .snapshot import Snapshot
    from .watched_run import RunKey, WatchedRun

#: Seconds between two reads of what other processes have published.
TICK_SECONDS = 0.25

MIN_LEASE_SECONDS = 2.0


def lease_seconds(poll_interval: float) -> float:
    """Return how long a lease is held at most, if its process does not publish a poll before."""
    return max(MIN_LEASE_SECONDS, poll_interval)


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


class PollResult(NamedTuple):
    """The result of a poll of this process, for the others.

    :param ttl: seconds until the next poll.
    :param is_new: the state differs from the last one of this process.
    """

    watched_run: WatchedRun
    snapshot: Snapshot
    ttl: float
    is_new: bool


class LeaseCoordinator:
    """Decides, with the other processes of the app, which of them polls runs.

    The runs of one poll share their accesses to the cache: with a slow cache, a round trip for each
    run would take too long.

    :param max_wait: seconds after which this process polls though another one holds the lease.
    """

    def __init__(self, records: SharedRecords, clock: Clock, max_wait: float) -> None:
        self._records = records
        self._clock = clock
        self._max_wait = max_wait

    @property
    def is_shared(self) -> bool:
        """Return whether other processes see what this one publishes."""
        return self._records.is_shared

    def acquire(
        self, due: Sequence[WatchedRun]
    ) -> tuple[list[WatchedRun], Mapping[RunKey, Snapshot]]:
        """Acquire the leases on those runs that are due and that no other process polls.

        A run that another process has just polled gets the time of its next poll from there.

        :return: the runs whose leases this process has acquired, and the states of others that
            another process has published since the last attempt.
        """
        for watched_run in due:
            watched_run.lease.notification_id = watched_run.notification_id
        if not self._records.is_shared:
            return list(due), {}
        now = self._clock.monotonic()
        watched_runs = sorted(due, key=lambda run: run.run_key.key)
        records = self._records.read([run.run_key for run in watched_runs])
        snapshots = self._accept_new(watched_runs, records, now)
        needed = []
        for watched_run, record in zip(watched_runs, records, strict=True):
            if needs_poll(
                watched_run.lease.fresh_until,
                now,
                has_notification=watched_run.notification_id is not None,
                is_throttled=record is not None and record.is_throttled,
            ):
                needed.append(watched_run)
                snapshots.pop(watched_run.run_key, None)
        return self._acquire(needed, now), snapshots

    def _accept_new(
        self, watched_runs: Sequence[WatchedRun], records: Sequence[PollRecord | None], now: float
    ) -> dict[RunKey, Snapshot]:
        """Accept the polls of other processes until their TTL expires, if their states can be read.

        :return: the states.
        """
        new = []
        for watched_run, record in zip(watched_runs, records, strict=True):
            lease = watched_run.lease
            max_age = math.inf if lease.checked_at is None else now - lease.checked_at
            lease.checked_at = now
            lease.change_id = NO_CHANGE if record is None else record.change_id
            if record is None:
                lease.fresh_until = lease.state_stored_at = -math.inf
            elif record.poll_id != lease.poll_id:
                lease.poll_id, lease.held_since = record.poll_id, None
                self._handle_notification(watched_run, record.notification_id)
                new.append((watched_run, record, max_age))
        snapshots = self._read_snapshots([(watched_run, record) for watched_run, record, _ in new])
        for watched_run, record, max_age in new:
            if record.state_id is None or watched_run.run_key in snapshots:
                ttl = remaining_ttl(record, self._clock.now(), max_age)
                watched_run.lease.fresh_until = now + ttl
                if is_new(max_age):
                    watched_run.next_poll_at = now + ttl - TICK_SECONDS / 2
        return snapshots

    def _read_snapshots(
        self, records: Sequence[tuple[WatchedRun, PollRecord]]
    ) -> dict[RunKey, Snapshot]:
        """Return the states of records, as far as they are stored."""
        snapshots, unknown = {}, {}
        for watched_run, record in records:
            last = watched_run.state.snapshot
            if last is not None and str(last.id) == record.state_id:
                snapshots[watched_run.run_key] = last
            elif record.state_id is not None:
                unknown[watched_run.run_key] = record.state_id
        stored = self._records.read_snapshots([*unknown])
        for (run_key, state_id), snapshot in zip(unknown.items(), stored, strict=True):
            if snapshot is not None and str(snapshot.id) == state_id:
                snapshots[run_key] = snapshot
        return snapshots

    def _acquire(self, needed: Sequence[WatchedRun], now: float) -> list[WatchedRun]:
        if not needed:
            return []
        acquired = self._records.acquire(_leases_of(needed))
        polled = []
        for watched_run, is_acquired in zip(needed, acquired, strict=True):
            lease = watched_run.lease
            if is_acquired:
                lease.held_since = None
            elif lease.held_since is None:
                lease.held_since = now
            if lease.held_since is None or now - lease.held_since >= self._max_wait:
                polled.append(watched_run)
        return polled

    def catch_up(
        self, watched_runs: Sequence[WatchedRun]
    ) -> tuple[set[RunKey], Mapping[RunKey, Snapshot]]:
        """Read what other processes have published since our polls of runs began.

        The same round trip brings the progress that the runs have reported.

        :return: the runs that were changed, whose polls do not count, and new states of others: if
            our process was stopped meanwhile, its results may be older.
        """
        void = {run.run_key for run in watched_runs if run.is_poll_void}
        new = []
        stored = self._records.read_with_reports([run.run_key for run in watched_runs])
        for run, (record, reports) in zip(watched_runs, stored, strict=True):
            run.add_reports(reports)
            if record is None:
                continue
            if record.change_id != run.lease.change_id:
                void.add(run.run_key)
            elif record.poll_id != run.lease.poll_id:
                new.append((run, record))
        return void, self._read_snapshots(new)

    def publish(self, results: Sequence[PollResult]) -> None:
        """Publish the results of our polls for the other processes."""
        for watched_run, *_ in results:
            if watched_run.lease.notification_id is not None:
                self._handle_notification(watched_run, watched_run.lease.notification_id)
        if not self._records.is_shared:
            return
        records, snapshots = {}, {}
        now = self._clock.monotonic()
        for watched_run, snapshot, ttl, is_new in results:
            lease = watched_run.lease
            records[watched_run] = self._create_record(watched_run, snapshot, ttl)
            if is_new or now - lease.state_stored_at > RECORD_TTL_SECONDS / 2:
                snapshots[watched_run.run_key] = snapshot
                lease.state_stored_at = now
        self._publish(records, snapshots)

    def publish_failures(self, failures: Mapping[WatchedRun, float | None]) -> None:
        """Release the leases after our polls failed, unless the workspace asked for a delay.

        :param failures: the seconds that it asked for, if it did, by run.
        """
        if not self._records.is_shared:
            return
        delays = {run: delay for run, delay in failures.items() if delay is not None}
        self._publish(
            {run: self._create_record(run, None, delay) for run, delay in delays.items()}, {}
        )
        self._records.release(_leases_of([run for run in failures if run not in delays]))

    def invalidate(self, run_ids: RunIds) -> None:
        """Have all processes poll a run again for every identity, because it was changed."""
        self._records.invalidate(run_ids)

    def _create_record(
        self, watched_run: WatchedRun, snapshot: Snapshot | None, ttl: float
    ) -> PollRecord:
        lease = watched_run.lease
        return PollRecord(
            new_id(),
            None if snapshot is None else str(snapshot.id),
            ttl,
            self._clock.now(),
            lease.change_id,
            lease.handled_notification_id,
        )

    def _publish(
        self, records: Mapping[WatchedRun, PollRecord], snapshots: Mapping[RunKey, Snapshot]
    ) -> None:
        self._records.publish({run.run_key: record for run, record in records.items()}, snapshots)
        for watched_run, record in records.items():
            lease = watched_run.lease
            lease.poll_id, lease.held_since, lease.fresh_until = record.poll_id, None, -math.inf

    @staticmethod
    def _handle_notification(watched_run: WatchedRun, notification_id: str | None) -> None:
        """Note that a poll came after a notification."""
        watched_run.lease.handled_notification_id = notification_id
        if watched_run.notification_id == notification_id:
            watched_run.notification_id = None


def _leases_of(watched_runs: Sequence[WatchedRun]) -> list[tuple[RunKey, str]]:
    return [(run.run_key, run.lease.poll_id) for run in watched_runs]
