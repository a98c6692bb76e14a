"""What the processes that watch the same run share: its state, the last poll, and a lease on the
next one.

The process that acquires the lease polls the run. It then publishes a record of the poll under a
new poll id. A lease names the poll that it follows, so no common clock is needed. It expires, so
a process that dies during a poll delays the others only for a while.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

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

    def read(self, run_key: RunKey) -> PollRecord | None:
        return PollRecord.parse(self._cache.get(f"poll:{run_key.key}"))

    def read_snapshot(self, run_key: RunKey) -> Snapshot | None:
        match self._cache.get(f"state:{run_key.key}"):
            case {"id": str(id_text), "data": str(data)}:
                state_id = StateId.parse(id_text)
                return None if state_id is None else Snapshot(state_id, data, self._restore)
        return None

    def store_snapshot(self, run_key: RunKey, snapshot: Snapshot) -> None:
        """Store the state of a run in place of the one before."""
        entry = {"id": str(snapshot.id), "data": snapshot.data}
        self._cache.set(f"state:{run_key.key}", entry, RECORD_TTL_SECONDS)

    def publish(
        self,
        run_key: RunKey,
        snapshot: Snapshot | None,
        ttl: float,
        notification_id: str | None = None,
    ) -> str:
        """Publish a record of a poll.

        :param snapshot: the state, which is stored already; ``None`` if there is none to rely on.
        :param ttl: seconds until the next poll.
        :param notification_id: the last notification that the poll came after.
        :return: the id of the poll.
        """
        poll_id, state_id = uuid.uuid4().hex[:12], None if snapshot is None else str(snapshot.id)
        record = PollRecord(poll_id, state_id, ttl, self._clock.now(), notification_id)
        self._cache.set(f"poll:{run_key.key}", asdict(record), RECORD_TTL_SECONDS)
        return poll_id

    def acquire(self, run_key: RunKey, after: str) -> bool:
        """Acquire the lease on the next poll, unless another process holds it.

        :param after: the id of the last poll.
        """
        return self._cache.add(self._lease_key(run_key, after), True, self._lease_seconds)

    def release(self, run_key: RunKey, after: str) -> None:
        """Let another process acquire the lease."""
        self._cache.delete(self._lease_key(run_key, after))

    def invalidate(self, run_key: RunKey) -> None:
        """Have all processes poll a run again, because it was changed.

        The record of it also voids the polls that are going on, and the lease on the poll after it
        is free.
        """
        if self.is_shared:
            self.publish(run_key, None, 0.0)

    @staticmethod
    def _lease_key(run_key: RunKey, after: str) -> str:
        return f"lease:{run_key.key}:{after}"
