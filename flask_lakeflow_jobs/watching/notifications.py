"""Hints that there is news of a run. They come from outside, and nothing but a look is believed."""

from __future__ import annotations

import threading
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from .watched_run import RunKey

#: Seconds between two questions for hints that other processes were given.
PAUSE = 0.5

#: How many hints are kept for the other processes, and for how many seconds after the last.
MOST = 100

KEPT = 60.0
NAME = "hints"


@dataclass(frozen=True)
class Notification:
    """That there may be news.

    :param id: names the hint.
    :param job_id: the id of the job in the workspace.
    :param run_id: the run.
    """

    id: str
    job_id: int
    run_id: int

    def is_about(self, run_key: RunKey) -> bool:
        """Whether it is this run that may have news, as whomever it is looked at.

        :param target: the run.
        """
        return (run_key.job.job_id, run_key.run_id) == (self.job_id, self.run_id)


class Notifications:
    """Those that the processes of an app pass on to each other.

    They are a list that is read and written as a whole: of two that come at the very same moment to
    two processes one may be lost, and costs its watchers the rest of a poll interval.

    :param shared: the store.
    :param clock: the time.
    """

    def __init__(self, shared: SharedCache, clock: Clock) -> None:
        self._shared = shared
        self._clock = clock
        self._lock = threading.Lock()
        self._heard: set[str] = set()
        self._asked_at = clock.monotonic()

    def publish(self, job_id: int, run_id: int) -> Notification:
        """Let the other processes know of a hint.

        :param job_id: the id of the job in the workspace.
        :param run_id: the run.
        """
        hint = Notification(uuid.uuid4().hex[:12], job_id, run_id)
        if self._shared.is_cross_process:
            with self._lock:
                self._heard.add(hint.id)
                hints = [*self._given(), hint][-MOST:]
                self._shared.set(NAME, [asdict(each) for each in hints], KEPT)
        return hint

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask for those of the other processes."""
        since = self._clock.monotonic() - self._asked_at
        return self._shared.is_cross_process and since >= PAUSE

    def receive(self) -> list[Notification]:
        """Those that this process has not had yet."""
        with self._lock:
            self._asked_at = self._clock.monotonic()
            given = self._given()
            receive = [hint for hint in given if hint.id not in self._heard]
            self._heard = {hint.id for hint in given}
        return receive

    def _given(self) -> list[Notification]:
        return [Notification(**stored) for stored in self._shared.get(NAME) or []]
