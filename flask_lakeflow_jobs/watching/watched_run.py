"""What is watched."""
# MERGED """Whose turn it is to look at a run: this process's, or that of another one that watches it.
#
# Processes need no common clock. One that has waited for a post knows its age by its own clock, to a
# tick; until it has waited for one, it asks at every tick.
# """
# MERGED """What one viewer follows: any number of runs."""
# MERGED """One watch of a run in this process, shared by all its viewers."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..errors import LakeflowJobsError
    from ..identity import Identity
    from .snapshot import Snapshot, StateId


@dataclass(frozen=True, eq=False)
class RunKey:
    """A run, and as whom it is looked at: what one identity sees is shown to no other."""

    identity: Identity
    job: Job
    run_id: int

    @cached_property
    def group(self) -> str:
        """Names the runs that can be looked at together: those of one key, since what is secret
        may differ between the keys of a job."""
        return f"{self.identity.key}:{self.job.key}:{self.job.job_id}"

    @cached_property
    def key(self) -> str:
        """Names the run and the identity, the same in every process."""
        return f"{self.group}:{self.run_id}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunKey) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


#: Before anybody has looked.
NO_LOOK = "none"


@dataclass
class LeaseState:
    """What this process knows of the looks at a run, whoever made them.

    :param number: of the last one.
    :param asked_at: when it was last asked for, by the monotonic clock.
    :param trusted_until: the moment until which another process's look makes one here needless.
    :param waits_since: the moment since which another process is said to be looking.
    :param stored_at: when this process last stored the run's state.
    :param hint: the id of the hint that there was when this process last asked whose turn it is.
    :param heeded: the id of the last hint that a look came after.
    """

    number: str = NO_LOOK
    asked_at: float | None = None
    trusted_until: float = -math.inf
    waits_since: float | None = None
    stored_at: float = -math.inf
    hint: str | None = None
    heeded: str | None = None


class RunUpdate(NamedTuple):
    """Something about a run that its viewer does not know yet; one of these.

    :param target: the run.
    :param snapshot: a new state.
    :param error: why there will be no other state.
    :param trouble: why the last state may be out of date.
    :param recovered: whether it is not any more.
    """

    run_key: RunKey
    snapshot: Snapshot | None = None
    error: LakeflowJobsError | None = None
    transient_error: LakeflowJobsError | None = None
    recovered: bool = False


class Told(NamedTuple):
    """What a viewer was told of a state: the same as any other who knew the same before.

    :param state: it.
    :param seen: what the viewer had seen.
    :param was_troubled: whether the viewer thought that it may be out of date.
    :param news: what the viewer was told.
    :param shown: what the viewer has seen now.
    """

    state: WatchedState
    seen: StateId | None
    was_troubled: bool
    news: list[RunUpdate]
    shown: StateId | None


@dataclass(frozen=True)
class WatchedState:
    """What is known of a run; replaced as a whole, so that it can be read without a lock.

    :param version: counts what viewers may want to know.
    :param snapshot: the last state seen.
    :param error: why there will be no other.
    :param trouble: why the last look failed, where the next may not.
    """

    version: int = 0
    snapshot: Snapshot | None = None
    error: LakeflowJobsError | None = None
    transient_error: LakeflowJobsError | None = None

    @property
    def is_known(self) -> bool:
        """Whether anybody has looked yet."""
        return self.version > 0

    @cached_property
    def is_final(self) -> bool:
        """Whether there is nothing more to look for."""
        return self.error is not None or (self.snapshot is not None and self.snapshot.is_terminal)


class WatchedRun:
    """The watch of a run.

    :param target: the run.
    :param due: the moment of the first look, by the monotonic clock.
    """

    def __init__(self, run_key: RunKey, due: float) -> None:
        self.run_key = run_key
        self.since = due
        self.due = due
        self.state = WatchedState()
        self.told: Told | None = None
        self.failures = 0
        self.is_being_looked_at = False
        self.is_changed_meanwhile = False  # so that the look under way is not believed
        self.is_due_again = False  # at once, when the look under way is over
        self.viewers = 0
        self.hint: str | None = None  # the id of one that no look has heeded yet
        self.lease = LeaseState()
        self.changed = threading.Condition()
        self._listeners: set[Callable[[], None]] = set()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody views the run, or there is a hint to look at it."""
        return self.viewers > 0 or (self.hint is not None and not self.state.is_final)

    def has_ended_before(self, seen: StateId | None) -> bool:
        """Whether the end that is known came before what somebody has seen since.

        :param seen: it.
        """
        end = self.state.snapshot
        return bool(seen and end and end.is_terminal and end.id.is_before(seen))

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have something called, from any thread, each time that the state changes.

        :param listener: must be quick.
        """
        with self.changed:
            self._listeners.add(listener)

    def remove_listener(self, listener: Callable[[], None]) -> None:
        """Have it called no more.

        :param listener: as given to :meth:`add_listener`.
        """
        with self.changed:
            self._listeners.discard(listener)

    def publish(
        self,
        *,
        snapshot: Snapshot | None = None,
        error: LakeflowJobsError | None = None,
        transient_error: LakeflowJobsError | None = None,
    ) -> bool:
        """Take in what a look gave.

        :return: whether that was news of the run.
        """
        known = self.state
        if snapshot is None or (known.snapshot and snapshot.id.is_before(known.snapshot.id)):
            snapshot = known.snapshot
        is_new = snapshot is not None and (
            known.snapshot is None or known.snapshot.id != snapshot.id
        )
        if (
            is_new
            or error
            or not known.is_known
            or (transient_error is None) != (known.transient_error is None)
        ):
            self.state = WatchedState(known.version + 1, snapshot, error, transient_error)
            self.wake()
        return is_new

    def wake(self) -> None:
        """Have every viewer look at the state."""
        with self.changed:
            self.changed.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()
