"""A poll that is going on, which the hub gives up if it no longer advances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .watched_run import WatchedRun


class PollAbandoned(Exception):
    """The hub no longer waits for this poll: its results are outdated."""


class Poll:
    """A poll of runs of one group. Its thread says when it advances; the hub counts the time.

    The SDK's calls have a deadline. The receivers of signals and the backends of the shared cache
    have none, and may never return.

    :param group_size: how many runs of the group are subscribed to and active.
    """

    def __init__(self, watched_runs: Sequence[WatchedRun], group_size: int) -> None:
        self.watched_runs = watched_runs
        self.group_size = group_size
        self.is_abandoned = False
        self._advances = 0  # written by the thread of the poll, and the others by the hub
        self._seen = 0
        self._idle = 0.0

    def advance(self) -> None:
        """Note that the poll makes progress.

        :raises PollAbandoned: it is too late.
        """
        if self.is_abandoned:
            raise PollAbandoned
        self._advances += 1

    def count_idle(self, elapsed: float) -> float:
        """Return for how many seconds the poll has not advanced.

        :param elapsed: seconds since the last call. Those in which the whole process was suspended
            do not count.
        """
        advances = self._advances
        self._idle = self._idle + elapsed if advances == self._seen else 0.0
        self._seen = advances
        return self._idle
