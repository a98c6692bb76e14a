"""Whose turn it is to look at a run: this process's, or that of another one that watches it.

Processes need no common clock. One that has waited for a post knows its age by its own clock, to a
tick; until it has waited for one, it asks at every tick.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import TYPE_CHECKING

from ..errors import UpstreamThrottled
from .shared_record import KEPT, SharedRecords

if TYPE_CHECKING:
    from ..clock import Clock
    from ..errors import LakeflowJobsError
    from .shared_record import PollRecord
    from .snapshot import Snapshot
    from .watched_run import WatchedRun

#: Seconds between two glances at what other processes have posted.
TICK = 0.25


class Lease(Enum):
    """Who makes the look that is due at a run."""

    ACQUIRED = auto()
    FRESH = auto()  # another process has made it
    HELD = auto()  # another process is making it


class LeaseCoordinator:
    """Settles between the processes of an app who looks at a run.

    :param board: where they meet.
    :param clock: the time.
    :param patience: seconds after which another process's look is not waited for any more.
    """

    def __init__(self, records: SharedRecords, clock: Clock, patience: float) -> None:
        self._records = records
        self._clock = clock
        self._patience = patience

    def next(self, watched_run: WatchedRun) -> tuple[Lease, Snapshot | None]:
        """Whose turn it is, and the state if another process has just seen it.

        :param feed: the watch of the run; if another process has made the look, it tells when the
            next one is due.
        """
        lease, now = watched_run.lease, self._clock.monotonic()
        lease.hint = watched_run.hint
        if not self._records.is_shared:
            return Lease.ACQUIRED, None
        asked_at, lease.asked_at = lease.asked_at, now
        post = self._records.post(watched_run.run_key)
        if post is None:
            lease.trusted_until = lease.stored_at = -math.inf
        elif post.number != lease.number:
            lease.number, lease.waits_since = post.number, None
            self._heed(watched_run, post.heeded)
            snapshot = self._state(watched_run, post)
            if snapshot is not None or post.state is None:
                self._trust(
                    watched_run, post, now, math.inf if asked_at is None else now - asked_at
                )
            if self._is_needless(watched_run, post, now):
                return Lease.FRESH, snapshot
        if self._is_needless(watched_run, post, now):
            return Lease.FRESH, None
        return self._claim(watched_run, now), None

    def _is_needless(self, watched_run: WatchedRun, post: PollRecord | None, now: float) -> bool:
        """Whether a look would tell no more than that of another process."""
        wants_rest = post is not None and post.state is None
        return now < watched_run.lease.trusted_until and (watched_run.hint is None or wants_rest)

    def _heed(self, watched_run: WatchedRun, hint: str | None) -> None:
        """Note that a look came after a hint."""
        watched_run.lease.heeded = hint
        if watched_run.hint == hint:
            watched_run.hint = None

    def _state(self, watched_run: WatchedRun, post: PollRecord) -> Snapshot | None:
        known = watched_run.state.snapshot
        if known is not None and str(known.id) == post.state:
            return known
        stored = self._records.state(watched_run.run_key) if post.state is not None else None
        return stored if stored is not None and str(stored.id) == post.state else None

    def _trust(self, watched_run: WatchedRun, post: PollRecord, now: float, most: float) -> None:
        """Rely on a look for as long as whoever made it does.

        :param most: seconds that can have passed since the look.
        """
        age = self._clock.now() - post.at
        is_just_made = most <= 2 * TICK
        if not -TICK <= age <= most + TICK:  # the clocks differ
            if most == math.inf:
                watched_run.lease.trusted_until = now
                return
            age = most if is_just_made else 0.0
        watched_run.lease.trusted_until = now + post.delay - max(0.0, age)
        if is_just_made:
            watched_run.due = watched_run.lease.trusted_until - TICK / 2

    def _claim(self, watched_run: WatchedRun, now: float) -> Lease:
        lease = watched_run.lease
        if self._records.claim(watched_run.run_key, lease.number):
            lease.waits_since = None
            return Lease.ACQUIRED
        if lease.waits_since is None:
            lease.waits_since = now
        return Lease.HELD if now - lease.waits_since < self._patience else Lease.ACQUIRED

    def is_void(self, watched_run: WatchedRun) -> bool:
        """Whether the run was changed, by another process perhaps, since our look began.

        :param feed: the watch of the run.
        """
        if watched_run.is_changed_meanwhile or not self._records.is_shared:
            return watched_run.is_changed_meanwhile
        post = self._records.post(watched_run.run_key)
        return post is not None and post.is_of_change and post.number != watched_run.lease.number

    def made(
        self, watched_run: WatchedRun, snapshot: Snapshot, delay: float, *, is_new: bool
    ) -> None:
        """Tell the others what our look gave.

        :param feed: the watch of the run.
        :param snapshot: the state seen.
        :param pause: seconds until the next look.
        :param is_new: whether it differs from what was known here.
        """
        lease, now = watched_run.lease, self._clock.monotonic()
        if lease.hint is not None:
            self._heed(watched_run, lease.hint)
        if not self._records.is_shared:
            return
        if is_new or now - lease.stored_at > KEPT / 2:
            self._records.store(watched_run.run_key, snapshot)
            lease.stored_at = now
        self._told(
            watched_run, self._records.tell(watched_run.run_key, snapshot, delay, lease.heeded)
        )

    def failed(self, watched_run: WatchedRun, error: LakeflowJobsError) -> None:
        """Let the others try, unless the workspace has asked for a pause.

        :param feed: the watch of the run.
        :param error: why our look gave nothing.
        """
        if not self._records.is_shared:
            return
        lease = watched_run.lease
        if isinstance(error, UpstreamThrottled) and error.retry_seconds:
            rest = error.retry_seconds
            self._told(
                watched_run, self._records.tell(watched_run.run_key, None, rest, lease.heeded)
            )
        else:
            self._records.release(watched_run.run_key, lease.number)

    def _told(self, watched_run: WatchedRun, number: str) -> None:
        lease = watched_run.lease
        lease.number = number
        lease.waits_since = None
        lease.trusted_until = -math.inf
