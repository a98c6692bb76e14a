"""The state that a process keeps of a run it polls, for all its subscribers."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InvalidUserToken
from ..runs.progress_reports import Reports, merge_reports

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..errors import LakeflowJobsError
    from ..identity import Identity
    from .snapshot import Snapshot, StateId


@dataclass(frozen=True, eq=False)
class RunKey:
    """A run of a job, and the identity that it is read with.

    A state that one identity may read is never shown to another.
    """

    identity: Identity
    job: Job
    run_id: int

    @cached_property
    def group(self) -> str:
        """The name of the runs that one list read can return.

        They have one job key and one identity: two keys of a job may redact different secrets.
        """
        return f"{self.identity.key}:{self.job.key}:{self.job.job_id}"

    @property
    def ids(self) -> tuple[int, int]:
        """The job id and the run id in the workspace, the same for every identity."""
        return self.job.job_id, self.run_id

    @cached_property
    def key(self) -> str:
        """A name that is the same in every process."""
        return f"{self.group}:{self.run_id}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunKey) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class RunUpdate(NamedTuple):
    """One thing about a run that a subscriber does not know yet.

    Without any of the following, the last state is up to date again.

    :param snapshot: a new state.
    :param error: the reason why there will be no other state.
    :param transient_error: the reason why the last state may be out of date.
    """

    run_key: RunKey
    snapshot: Snapshot | None = None
    error: LakeflowJobsError | None = None
    transient_error: LakeflowJobsError | None = None


@dataclass(frozen=True)
class WatchedState:
    """The state of a run in one process; replaced as a whole, and so read without a lock.

    :param version: grows with every change; 0 before the first poll.
    :param snapshot: the last state.
    :param error: the reason why there will be no other state.
    :param transient_error: the reason why the last poll failed, if the next may succeed.
    """

    version: int = 0
    snapshot: Snapshot | None = None
    error: LakeflowJobsError | None = None
    transient_error: LakeflowJobsError | None = None

    @property
    def is_known(self) -> bool:
        return self.version > 0

    @cached_property
    def is_final(self) -> bool:
        """Return whether the run needs no other poll."""
        return self.error is not None or (self.snapshot is not None and self.snapshot.is_terminal)

    @property
    def has_expired_token(self) -> bool:
        """Return whether the workspace no longer accepts the user's token, which it has accepted
        before. The user may have a new one by now."""
        return self.snapshot is not None and isinstance(self.error, InvalidUserToken)


class PollState(Enum):
    """The activity of a watched run."""

    IDLE = auto()
    POLLING = auto()
    POLLING_AGAIN = auto()  # polled now, and once more as soon as this poll is over
    POLLING_VOID = auto()  # the same, because the run was changed; this poll does not count


#: The id of the last poll before there was one.
NO_POLL = "none"

#: The id of the last change before there was one.
NO_CHANGE = ""


@dataclass
class LeaseState:
    """The polls of a run by all processes, as this process knows them.

    The moments are of this process's monotonic clock.

    :param poll_id: the last poll.
    :param checked_at: when the shared record was last read.
    :param fresh_until: until when the last poll of another process makes one here unnecessary.
    :param held_since: since when another process has held the lease, as far as this one knows.
    :param state_stored_at: when this process last stored the run's state.
    :param change_id: the last change that there was when this process last tried to acquire the
        lease.
    :param notification_id: the notification that there was when this process last tried to acquire
        the lease.
    :param handled_notification_id: the last notification that a poll came after.
    """

    poll_id: str = NO_POLL
    checked_at: float | None = None
    fresh_until: float = -math.inf
    held_since: float | None = None
    state_stored_at: float = -math.inf
    change_id: str = NO_CHANGE
    notification_id: str | None = None
    handled_notification_id: str | None = None


#: Seconds for which the state of a run without subscribers is kept, counted from its next poll.
#: Clients that poll come back before.
KEPT_SECONDS = 10.0

#: An end that is older than the last state may be a delayed response from before a repair. It
#: counts once so many polls in a row have found it: then that state was a mistake of the workspace.
MIN_FOUND_ENDS = 10


class WatchedRun:
    """A run that this process polls for its subscribers.

    The hub changes :attr:`subscriber_count` and the poll state, under its lock.

    :param now: the moment of the first poll, by the monotonic clock.
    :param outdated: the last state that was known before; an end may have been repaired since.
    """

    def __init__(self, run_key: RunKey, now: float, outdated: WatchedState | None = None) -> None:
        self.run_key = run_key
        self.created_at = now
        self.outdated = outdated.snapshot if outdated and not outdated.is_final else None
        self.next_poll_at = now
        self.state = WatchedState()
        self.poll_state = PollState.IDLE
        self.failures = 0  # consecutive ones
        self.subscriber_count = 0
        self.notification_id: str | None = None  # of one that no poll has handled yet
        self.lease = LeaseState()
        self.reports: Reports = {}  # of progress
        self._rejected_ends = 0  # consecutive ones
        self.changed = threading.Condition()
        self._listeners: set[Callable[[], None]] = set()

    @property
    def is_needed(self) -> bool:
        """Return whether the run has subscribers, or a notification calls for a poll."""
        return self.subscriber_count > 0 or (
            self.notification_id is not None and not self.state.is_final
        )

    @property
    def is_waited_for(self) -> bool:
        """Return whether subscribers wait for another state."""
        return self.subscriber_count > 0 and not self.state.is_final

    @property
    def has_ended(self) -> bool:
        """Return whether the last state is the run's end."""
        snapshot = self.state.snapshot
        return snapshot is not None and snapshot.is_terminal

    @property
    def is_polling(self) -> bool:
        return self.poll_state is not PollState.IDLE

    @property
    def is_waiting(self) -> bool:
        """Return whether the run is to be polled when its time comes."""
        return self.is_needed and not (self.is_polling or self.state.is_final)

    @property
    def is_poll_void(self) -> bool:
        """Return whether the run was changed during the current poll."""
        return self.poll_state is PollState.POLLING_VOID

    def is_expired(self, now: float) -> bool:
        """Return whether the state is too old for a new subscriber.

        A first poll that is still under way serves it too. Otherwise viewers that come and go, as
        those of a sync worker do, would each start another one while the workspace is slow.
        """
        is_first_poll = self.is_polling and not self.state.is_known
        return not (self.is_waited_for or is_first_poll) and self.next_poll_at <= now

    def is_kept(self, now: float) -> bool:
        """Return whether the state is still of use without subscribers."""
        has_state = self.state.snapshot is not None and not self.state.is_final
        return self.next_poll_at + (KEPT_SECONDS if has_state else 0.0) > now

    def is_outdated_by(self, last_state: StateId | None) -> bool:
        """Return whether a subscriber has a state that came after the end known here."""
        end = self.state.snapshot
        return bool(last_state and end and end.is_terminal and end.id.is_before(last_state))

    def start_poll(self) -> None:
        self.poll_state = PollState.POLLING

    def finish_poll(self, now: float, min_delay: float) -> None:
        """End a poll, and make sure that there is another one unless the run has ended.

        :param min_delay: seconds until then if the poll did not decide.
        """
        if self.poll_state is not PollState.POLLING:
            self.next_poll_at = now
        elif self.next_poll_at <= now and not self.state.is_final:
            self.next_poll_at = now + min_delay
        self.poll_state = PollState.IDLE

    def poll_again(self) -> None:
        """Poll once more as soon as the current poll is over."""
        if self.poll_state is PollState.POLLING:
            self.poll_state = PollState.POLLING_AGAIN

    def notify(self, notification_id: str, now: float) -> None:
        """Have the run polled at once, because a notification says that it may have changed."""
        self.notification_id = notification_id
        if not self.failures:  # otherwise wait until the workspace may respond again
            self.next_poll_at = now
        self.poll_again()

    def invalidate(self, now: float) -> None:
        """Have the run polled at once, because it was changed."""
        self.next_poll_at = now
        if self.is_polling:
            self.poll_state = PollState.POLLING_VOID

    def publish(
        self,
        *,
        snapshot: Snapshot | None = None,
        error: LakeflowJobsError | None = None,
        transient_error: LakeflowJobsError | None = None,
    ) -> bool:
        """Replace the state by the result of a poll, and wake the subscribers if it differs.

        A snapshot that comes before the last one is ignored, unless it is an end that stays.

        :return: whether the snapshot is new.
        """
        with self.changed:
            last = self.state
            before = last.snapshot
            if snapshot is None or (before and self._is_rejected(snapshot, before)):
                snapshot = before
            is_new = snapshot is not None and (before is None or before.id != snapshot.id)
            recovers_or_fails = (transient_error is None) != (last.transient_error is None)
            is_changed = is_new or error or not last.is_known or recovers_or_fails
            if is_changed:
                self.state = WatchedState(last.version + 1, snapshot, error, transient_error)
        if is_changed:
            self.wake()
        return is_new

    def _is_rejected(self, snapshot: Snapshot, last: Snapshot) -> bool:
        is_older = snapshot.id.is_before(last.id)
        self._rejected_ends = self._rejected_ends + 1 if is_older and snapshot.is_terminal else 0
        return is_older and self._rejected_ends < MIN_FOUND_ENDS

    def add_reports(self, reports: Reports) -> None:
        """Add reports of progress, for the next state."""
        if reports:
            self.reports = merge_reports(self.reports, reports)

    def publish_progress(self, progress_of: Callable[[Snapshot], Snapshot]) -> Snapshot | None:
        """Replace an active state by the same one with other progress, and wake the subscribers.

        :param progress_of: returns the state with the progress.
        :return: the new state; ``None`` if it is the same.
        """
        while True:
            last = self.state
            if last.snapshot is None or last.is_final:
                return None
            snapshot = progress_of(last.snapshot)
            if snapshot.id == last.snapshot.id:
                return None
            with self.changed:
                if self.state is not last:  # a poll has published another state meanwhile
                    continue
                self.state = replace(last, version=last.version + 1, snapshot=snapshot)
                self.lease.state_stored_at = -math.inf  # the other processes have the state before
            self.wake()
            return snapshot

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have a function called, from any thread, when the state changes. It must be quick."""
        with self.changed:
            self._listeners.add(listener)

    def remove_listener(self, listener: Callable[[], None]) -> None:
        with self.changed:
            self._listeners.discard(listener)

    def wake(self) -> None:
        """Have every subscriber read the state."""
        with self.changed:
            self.changed.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()
