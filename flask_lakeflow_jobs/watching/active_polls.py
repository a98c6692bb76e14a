"""The polls that are under way, and which of them are given up because they hang."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .lease import TICK_SECONDS

if TYPE_CHECKING:
    from .watched_run import WatchedRun

#: Three quarters of the calls that an app makes at once; the others are left to its requests.
MAX_CONCURRENT_POLLS = 48

#: A poll that has not advanced for so long, besides the timeout of a read, is abandoned.
STUCK_SECONDS = 60.0

#: The longest time between two steps. If more has passed, the process was suspended.
MAX_STEP_SECONDS = 4 * TICK_SECONDS

#: Abandoned polls that have not ended. Each keeps its thread, so their number is limited.
MAX_ABANDONED_POLLS = 48


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


class ActivePolls:
    """The polls of one process that are under way. The hub calls it under its lock.

    :param read_timeout: seconds that one read takes at most.
    """

    def __init__(self, read_timeout: float) -> None:
        self._max_idle = read_timeout + STUCK_SECONDS
        self._polls: set[Poll] = set()
        self._abandoned = 0

    @property
    def has_any(self) -> bool:
        return bool(self._polls)

    @property
    def is_full(self) -> bool:
        return len(self._polls) >= MAX_CONCURRENT_POLLS

    def start(self, watched_runs: Sequence[WatchedRun], group_size: int) -> Poll:
        for watched_run in watched_runs:
            watched_run.start_poll()
        poll = Poll(watched_runs, group_size)
        self._polls.add(poll)
        return poll

    def end(self, poll: Poll, now: float) -> None:
        if poll.is_abandoned:
            self._abandoned -= 1
        else:
            self._finish(poll, now)

    def abandon_stuck(self, elapsed: float, now: float) -> list[Poll]:
        """Give up polls that no longer advance, so that their runs are polled again.

        :param elapsed: seconds since the last call.
        """
        elapsed = min(elapsed, MAX_STEP_SECONDS)
        stuck = [poll for poll in self._polls if poll.count_idle(elapsed) > self._max_idle]
        stuck = stuck[: MAX_ABANDONED_POLLS - self._abandoned]
        self._abandoned += len(stuck)
        for poll in stuck:
            poll.is_abandoned = True
            self._finish(poll, now)
        return stuck

    def _finish(self, poll: Poll, now: float) -> None:
        for watched_run in poll.watched_runs:
            watched_run.finish_poll(now, min_delay=TICK_SECONDS)
        self._polls.discard(poll)
