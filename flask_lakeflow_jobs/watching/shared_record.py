"""The data about a run that processes share: its state, its last change, the last poll, and the
lease on the next one.

The process that acquires the lease polls the run. It then publishes a record of the poll under a
new poll id. A lease names the poll that it follows, so no common clock is needed. It expires, so
a process that dies during a poll delays the others only for a while.

A change, such as a repair, has an id. A record names the change that its poll came after, and
counts only while that is the last one. So a record from before a change may be written after it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..memo import Memo
from ..runs.progress_reports import Reports, parse_reports
from .schedule import MAX_RETRY_AFTER_SECONDS
from .shared_progress import progress_key
from .snapshot import Restore, Snapshot, StateId
from .watched_run import NO_CHANGE

if TYPE_CHECKING:
    from ..cache import SharedCache
    from .shared_progress import RunIds
    from .watched_run import RunKey

#: How long records, states and changes are kept. A state that lasts longer is stored again in time.
RECORD_TTL_SECONDS = 3600.0

#: Changes that a process remembers because the cache did not store them.
MAX_UNSTORED_CHANGES = 1_000


@dataclass(frozen=True)
class PollRecord:
    """The last poll of a run.

    :param state_id: the state; ``None`` if the workspace asked for a delay, or if the run was
        changed and has to be polled again.
    :param ttl: seconds until the next poll.
    :param published_at: seconds since the epoch, by the clock of the process that polled.
    :param change_id: the last change that this poll came after.
    :param notification_id: the last notification that this poll, or one before it, came after.
    """

    poll_id: str
    state_id: str | None
    ttl: float
    published_at: float
    change_id: str = NO_CHANGE
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
                "change_id": str(change_id),
                "notification_id": str() | None as notification_id,
            }:
                # The app writes no record that lasts longer: the run would not be polled again.
                limit = MAX_RETRY_AFTER_SECONDS if state_id is None else RECORD_TTL_SECONDS
                ttl = ttl if ttl < limit else limit
                return cls(poll_id, state_id, ttl, published_at, change_id, notification_id)
        return None

    @property
    def is_throttled(self) -> bool:
        """Return whether the workspace asked for a delay."""
        return self.state_id is None and self.ttl > 0


def choose_record(record: PollRecord | None, change_id: str | None) -> PollRecord | None:
    """Return the record of a run, unless its poll began before the last change.

    In this case, return a record that calls for a poll, with a free lease on the next one.

    :param change_id: the last change; ``None`` if there is none.
    """
    if change_id is None or (record is not None and record.change_id == change_id):
        return record
    return PollRecord(change_id, None, 0.0, 0.0, change_id)


class SharedRecords:
    """The poll records, states, leases and changes of an app's runs.

    :param restore: rebuilds a stored status.
    :param lease_seconds: how long a lease is held at most.
    """

    def __init__(self, cache: SharedCache, restore: Restore, lease_seconds: float) -> None:
        self._cache = cache
        self._restore = restore
        self._lease_seconds = lease_seconds
        # A cache that is full, or was unavailable, still has old records. These changes void them
        # in this process until the cache can store others in their place.
        self._unstored: Memo[RunIds, str] = Memo(MAX_UNSTORED_CHANGES)

    @property
    def is_shared(self) -> bool:
        return self._cache.is_cross_process

    def read(self, run_keys: Sequence[RunKey]) -> list[PollRecord | None]:
        """Return the records of runs; see :func:`choose_record`."""
        return [record for record, _ in self._read(run_keys, ())]

    def read_with_reports(
        self, run_keys: Sequence[RunKey]
    ) -> list[tuple[PollRecord | None, Reports]]:
        """Return the records of runs, and the progress that they have reported."""
        keys = [progress_key(run_key.ids) for run_key in run_keys]
        return [(record, parse_reports(entry)) for record, entry in self._read(run_keys, keys)]

    def _read(
        self, run_keys: Sequence[RunKey], others: Sequence[str]
    ) -> list[tuple[PollRecord | None, Any]]:
        """Return the records of runs, each with another entry, in one round trip."""
        all_ids = [run_key.ids for run_key in run_keys]
        polls = [f"poll:{run_key.key}" for run_key in run_keys]
        changes = [_change_key(ids) for ids in all_ids]
        stored = iter(self._cache.get_many([*polls, *changes, *others]))
        records = [PollRecord.parse(next(stored)) for _ in polls]
        change_ids = [self._choose_change(ids, next(stored)) for ids in all_ids]
        return [
            (choose_record(record, change_id), next(stored, None))
            for record, change_id in zip(records, change_ids, strict=True)
        ]

    def _choose_change(self, run_ids: RunIds, stored: Any) -> str | None:
        """Return the last change of a run, and store one if that was not possible before."""
        unstored = self._unstored.get(run_ids)
        if not unstored:
            return stored if isinstance(stored, str) and stored else None
        # Not the same one: another process may have made a later one since.
        change_id = new_id()
        if not self._store_change(run_ids, change_id):
            return unstored
        if self._unstored.get(run_ids) == unstored:
            self._unstored.put(run_ids, "")
        return change_id

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

    def invalidate(self, run_ids: RunIds) -> None:
        """Have all processes poll a run again for every identity, because it was changed.

        This also voids the polls under way.
        """
        if self.is_shared:
            change_id = new_id()
            is_stored = self._store_change(run_ids, change_id)
            self._unstored.put(run_ids, "" if is_stored else change_id)

    def _store_change(self, run_ids: RunIds, change_id: str) -> bool:
        return bool(self._cache.set(_change_key(run_ids), change_id, RECORD_TTL_SECONDS))

    @staticmethod
    def _lease_key(run_key: RunKey, after: str) -> str:
        return f"lease:{run_key.key}:{after}"


def _change_key(run_ids: RunIds) -> str:
    job_id, run_id = run_ids
    return f"change:{job_id}:{run_id}"


def new_id() -> str:
    return uuid.uuid4().hex[:12]
