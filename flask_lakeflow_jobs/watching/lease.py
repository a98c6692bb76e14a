"""Whose turn it is to look at a run: this process's, or that of another one that watches it.

Processes need no common clock. One that has waited for a post knows its age by its own clock, to a
tick; until it has waited for one, it asks at every tick.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import TYPE_CHECKING

from ..errors import UpstreamThrottled
from .shared_record import KEPT, Board

if TYPE_CHECKING:
    from ..clock import Clock
    from ..errors import LakeflowJobsError
    from .shared_record import Post
    from .snapshot import Snapshot
    from .watched_run import WatchedRun

#: Seconds between two glances at what other processes have posted.
TICK = 0.25


class Turn(Enum):
    """Who makes the look that is due at a run."""

    OURS = auto()
    MADE = auto()  # another process has made it
    TAKEN = auto()  # another process is making it


class Turns:
    """Settles between the processes of an app who looks at a run.

    :param board: where they meet.
    :param clock: the time.
    :param patience: seconds after which another process's look is not waited for any more.
    """

    def __init__(self, board: Board, clock: Clock, patience: float) -> None:
        self._board = board
        self._clock = clock
        self._patience = patience

    def next(self, feed: WatchedRun) -> tuple[Turn, Snapshot | None]:
        """Whose turn it is, and the state if another process has just seen it.

        :param feed: the watch of the run; if another process has made the look, it tells when the
            next one is due.
        """
        following, now = feed.following, self._clock.monotonic()
        following.hint = feed.hint
        if not self._board.is_shared:
            return Turn.OURS, None
        asked_at, following.asked_at = following.asked_at, now
        post = self._board.post(feed.target)
        if post is None:
            following.trusted_until = following.stored_at = -math.inf
        elif post.number != following.number:
            following.number, following.waits_since = post.number, None
            self._heed(feed, post.heeded)
            snapshot = self._state(feed, post)
            if snapshot is not None or post.state is None:
                self._trust(feed, post, now, math.inf if asked_at is None else now - asked_at)
            if self._is_needless(feed, post, now):
                return Turn.MADE, snapshot
        if self._is_needless(feed, post, now):
            return Turn.MADE, None
        return self._claim(feed, now), None

    def _is_needless(self, feed: WatchedRun, post: Post | None, now: float) -> bool:
        """Whether a look would tell no more than that of another process."""
        wants_rest = post is not None and post.state is None
        return now < feed.following.trusted_until and (feed.hint is None or wants_rest)

    def _heed(self, feed: WatchedRun, hint: str | None) -> None:
        """Note that a look came after a hint."""
        feed.following.heeded = hint
        if feed.hint == hint:
            feed.hint = None

    def _state(self, feed: WatchedRun, post: Post) -> Snapshot | None:
        known = feed.state.snapshot
        if known is not None and str(known.id) == post.state:
            return known
        stored = self._board.state(feed.target) if post.state is not None else None
        return stored if stored is not None and str(stored.id) == post.state else None

    def _trust(self, feed: WatchedRun, post: Post, now: float, most: float) -> None:
        """Rely on a look for as long as whoever made it does.

        :param most: seconds that can have passed since the look.
        """
        age = self._clock.now() - post.at
        is_just_made = most <= 2 * TICK
        if not -TICK <= age <= most + TICK:  # the clocks differ
            if most == math.inf:
                feed.following.trusted_until = now
                return
            age = most if is_just_made else 0.0
        feed.following.trusted_until = now + post.pause - max(0.0, age)
        if is_just_made:
            feed.due = feed.following.trusted_until - TICK / 2

    def _claim(self, feed: WatchedRun, now: float) -> Turn:
        following = feed.following
        if self._board.claim(feed.target, following.number):
            following.waits_since = None
            return Turn.OURS
        if following.waits_since is None:
            following.waits_since = now
        return Turn.TAKEN if now - following.waits_since < self._patience else Turn.OURS

    def is_void(self, feed: WatchedRun) -> bool:
        """Whether the run was changed, by another process perhaps, since our look began.

        :param feed: the watch of the run.
        """
        if feed.is_changed_meanwhile or not self._board.is_shared:
            return feed.is_changed_meanwhile
        post = self._board.post(feed.target)
        return post is not None and post.is_of_change and post.number != feed.following.number

    def made(self, feed: WatchedRun, snapshot: Snapshot, pause: float, *, is_new: bool) -> None:
        """Tell the others what our look gave.

        :param feed: the watch of the run.
        :param snapshot: the state seen.
        :param pause: seconds until the next look.
        :param is_new: whether it differs from what was known here.
        """
        following, now = feed.following, self._clock.monotonic()
        if following.hint is not None:
            self._heed(feed, following.hint)
        if not self._board.is_shared:
            return
        if is_new or now - following.stored_at > KEPT / 2:
            self._board.store(feed.target, snapshot)
            following.stored_at = now
        self._told(feed, self._board.tell(feed.target, snapshot, pause, following.heeded))

    def failed(self, feed: WatchedRun, error: LakeflowJobsError) -> None:
        """Let the others try, unless the workspace has asked for a pause.

        :param feed: the watch of the run.
        :param error: why our look gave nothing.
        """
        if not self._board.is_shared:
            return
        following = feed.following
        if isinstance(error, UpstreamThrottled) and error.retry_seconds:
            rest = error.retry_seconds
            self._told(feed, self._board.tell(feed.target, None, rest, following.heeded))
        else:
            self._board.release(feed.target, following.number)

    def _told(self, feed: WatchedRun, number: str) -> None:
        following = feed.following
        following.number = number
        following.waits_since = None
        following.trusted_until = -math.inf
