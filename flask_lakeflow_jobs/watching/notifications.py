"""Notifications about runs, passed on between the processes of an app.

Most say that a run may have changed. They come from outside and are not signed, so they only cause
a poll. Their content is not used. The others say that a run has reported progress, which each
process reads from the shared cache.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from .watched_run import RunKey

CHECK_INTERVAL_SECONDS = 0.5

#: How many notifications are kept for the other processes, and how long after the last one.
MAX_NOTIFICATIONS = 100
NOTIFICATIONS_TTL_SECONDS = 60.0

CACHE_KEY = "notifications"


@dataclass(frozen=True)
class Notification:
    """The message that a run of a job, by its id in the workspace, may have changed.

    :param is_progress: only its progress has changed, so no poll is needed.
    """

    id: str
    job_id: int
    run_id: int
    is_progress: bool = False

    @classmethod
    def parse(cls, stored: Any) -> Notification | None:
        """Read an entry of the shared cache; ``None`` if it has another shape."""
        match stored:
            case {"id": str(id), "job_id": int(job_id), "run_id": int(run_id)}:
                return cls(id, job_id, run_id, stored.get("is_progress") is True)
        return None

    def replaces(self, other: Notification) -> bool:
        """Return whether both say that the same run has reported progress."""
        is_same_run = (self.job_id, self.run_id) == (other.job_id, other.run_id)
        return self.is_progress and other.is_progress and is_same_run

    def is_about(self, run_key: RunKey) -> bool:
        """Return whether this is the run that may have changed, for any key and identity."""
        return run_key.ids == (self.job_id, self.run_id)


class Notifications:
    """The notifications of an app's processes.

    They are one list in the shared cache, read and written as a whole. If two processes publish at
    the same moment, one notification may be lost. Its run is then polled within the poll interval.
    """

    def __init__(self, cache: SharedCache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._lock = threading.Lock()
        self._received: set[str] = set()
        self._checked_at = clock.monotonic()

    @property
    def is_due(self) -> bool:
        """Return whether it is time to receive those of the other processes."""
        elapsed = self._clock.monotonic() - self._checked_at
        is_idle = not self._lock.locked()  # a cache that hangs must not collect threads
        return self._cache.is_cross_process and is_idle and elapsed >= CHECK_INTERVAL_SECONDS

    def publish(self, job_id: int, run_id: int, *, is_progress: bool = False) -> Notification:
        """Pass a notification on to the other processes.

        A run has one notification of progress at a time, which takes the place of the one before.

        :param job_id: the id in the workspace.
        """
        notification = Notification(uuid.uuid4().hex[:12], job_id, run_id, is_progress)
        if self._cache.is_cross_process:
            with self._lock:
                others = [each for each in self._read() if not notification.replaces(each)]
                notifications = [*others, notification][-MAX_NOTIFICATIONS:]
                # Without a watched run, this process receives none, and would keep all ids.
                self._received &= {each.id for each in others}
                self._received.add(notification.id)
                self._cache.set(
                    CACHE_KEY, [asdict(each) for each in notifications], NOTIFICATIONS_TTL_SECONDS
                )
        return notification

    def receive(self) -> list[Notification]:
        """Return those that this process has neither received nor published before."""
        with self._lock:
            self._checked_at = self._clock.monotonic()
            notifications = self._read()
            new = [each for each in notifications if each.id not in self._received]
            self._received = {each.id for each in notifications}
        return new

    def _read(self) -> list[Notification]:
        stored = self._cache.get(CACHE_KEY)
        parsed = [Notification.parse(entry) for entry in stored] if isinstance(stored, list) else []
        return [notification for notification in parsed if notification is not None]
