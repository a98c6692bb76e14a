"""The data that the processes that watch a run share: its state, the last poll, and a lease on the
next one.

The process that acquires the lease polls the run. It then publishes a record of the poll under a
new poll id. A lease names the poll that it follows, so no common clock is needed. It expires, so
a process that dies during a poll delays the others only for a while.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..runs.reports import Reports, parse_reports
from .progress import progress_key
from .snapshot import Restore, Snapshot, StateId

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from .watched_run import RunKey

#: How long records and states are kept. A state that lasts longer is stored again in time.
RECORD_TTL_SECONDS = 3600.0


@dataclass(frozen=True)
class PollRecord:
    """The last poll of a run.

    :param state_id: the state; ``None`` if the workspace asked for a delay, or if the run was
        changed and has to be polled again.
    :param ttl: seconds until the next poll.
    :param published_at: seconds since the epoch, by the clock of the process that polled.
    :param notification_id: the last notification that this poll, or one before it, came after.
    """

    poll_id: str
    state_id: str | None
    ttl: float
    published_at: float
    notification_id: str | None = None

    @classmethod
    def create(
        cls,
        snapshot: Snapshot | None,
        ttl: float,
        now: float,
        notification_id: str | None = None,
    ) -> PollRecord:
        """Create the record of a new poll.

        :param snapshot: the state; ``None`` if there is none to rely on.
        :param now: seconds since the epoch.
        """
        state_id = None if snapshot is None else str(snapshot.id)
        return cls(uuid.uuid4().hex[:12], state_id, ttl, now, notification_id)

    @classmethod
    def parse(cls, stored: Any) -> PollRecord | None:
        """Read an entry of the shared cache; ``None`` if it has another shape."""
        match stored:
            case {
                "poll_id": str(poll_id),
                "state_id": str() | None as state_id,
                "ttl": int() | float() as ttl,
                "published_at": int() | float() as published_at,
                "notification_id": str() | None as notification_id,
            }:
                return cls(poll_id, state_id, ttl, published_at, notification_id)
        return None

    @property
    def is_invalidation(self) -> bool:
        """Return whether the run was changed, so that polls that began before do not count."""
        return self.state_id is None and self.ttl == 0

    @property
    def is_throttled(self) -> bool:
        """Return whether the workspace asked for a delay."""
        return self.state_id is None and self.ttl > 0


class SharedRecords:
    """The poll records, states and leases of an app's runs.

    :param restore: rebuilds a stored status.
    :param lease_seconds: how long a lease is held at most.
    """

    def __init__(
        self, cache: SharedCache, restore: Restore, clock: Clock, lease_seconds: float
    ) -> None:
        self._cache = cache
        self._restore = restore
        self._clock = clock
        self._lease_seconds = lease_seconds

    @property
    def is_shared(self) -> bool:
        return self._cache.is_cross_process

    def read(self, run_keys: Sequence[RunKey]) -> list[PollRecord | None]:
        stored = self._cache.get_many([f"poll:{run_key.key}" for run_key in run_keys])
        return [PollRecord.parse(entry) for entry in stored]

    def read_with_reports(
        self, run_keys: Sequence[RunKey]
    ) -> list[tuple[PollRecord | None, Reports]]:
        """Return the records of runs, and the progress that they have reported."""
        keys = [f"poll:{run_key.key}" for run_key in run_keys]
        keys += [progress_key(run_key.ids) for run_key in run_keys]
        stored = self._cache.get_many(keys)
        records, reports = stored[: len(run_keys)], stored[len(run_keys) :]
        return [
            (PollRecord.parse(record), parse_reports(entry))
            for record, entry in zip(records, reports, strict=True)
        ]

    def read_snapshots(self, run_keys: Sequence[RunKey]) -> list[Snapshot | None]:
        stored = self._cache.get_many([f"state:{run_key.key}" for run_key in run_keys])
        return [self._parse_snapshot(entry) for entry in stored]

    def _parse_snapshot(self, stored: Any) -> Snapshot | None:
        match stored:
            case {"id": str(id_text), "data": str(data)}:
                state_id = StateId.parse(id_text)
                return None if state_id is None else Snapshot(state_id, data, self._restore)
        return None

    def publish(
        self, records: Mapping[RunKey, PollRecord], snapshots: Mapping[RunKey, Snapshot]
    ) -> None:
        """Publish records of polls.

        :param snapshots: the states that differ from those stored before.
        """
        entries: dict[str, Any] = {
            f"state:{run_key.key}": {"id": str(snapshot.id), "data": snapshot.data}
            for run_key, snapshot in snapshots.items()
        }
        entries |= {f"poll:{run_key.key}": asdict(record) for run_key, record in records.items()}
        self._cache.set_many(entries, RECORD_TTL_SECONDS)

    def acquire(self, leases: Sequence[tuple[RunKey, str]]) -> list[bool]:
        """Acquire leases on the next polls of runs, unless other processes hold them.

        Without the first one, no other is acquired: its holder is about to acquire them too. Two
        processes that begin with different runs at the same moment may both acquire a later one,
        which then is polled twice.

        :param leases: each with the id of the run's last poll; at least one.
        """
        first, *others = [self._lease_key(*lease) for lease in leases]
        if not self._cache.add(first, True, self._lease_seconds):
            return [False] * len(leases)
        are_free = [lease is None for lease in self._cache.get_many(others)]
        free = [key for key, is_free in zip(others, are_free, strict=True) if is_free]
        self._cache.set_many(dict.fromkeys(free, True), self._lease_seconds)
        return [True, *are_free]

    def release(self, leases: Sequence[tuple[RunKey, str]]) -> None:
        """Let other processes acquire leases."""
        self._cache.delete(*[self._lease_key(*lease) for lease in leases])

    def invalidate(self, run_key: RunKey) -> None:
        """Have all processes poll a run again, because it was changed.

        The record of it also voids the polls that are going on, and the lease on the poll after it
        is free.
        """
        if self.is_shared:
            self.publish({run_key: PollRecord.create(None, 0.0, self._clock.now())}, {})

    @staticmethod
    def _lease_key(run_key: RunKey, after: str) -> str:
        return f"lease:{run_key.key}:{after}"
