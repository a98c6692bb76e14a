"""What one viewer follows: any number of runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..concurrency import runs_on_gevent
from .watched_run import RunUpdate, Told

if TYPE_CHECKING:
    from ..clock import Clock
    from .snapshot import StateId
    from .watched_run import FeedState, RunKey, WatchedRun


def never() -> bool:
    """Whether to wait no longer: as long as there is time."""
    return False


class Slot:
    """Wakes one waiting viewer; a call that comes before the wait is not lost."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self, timeout: float) -> None:
        self._lock.acquire(timeout=timeout)

    def __call__(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:  # it is awake already
            return


class Followed:
    """One run that a viewer follows, and what the viewer knows of it."""

    __slots__ = ("feed", "is_troubled", "seen", "version")

    def __init__(self, feed: WatchedRun, seen: StateId | None) -> None:
        self.feed = feed
        self.seen = seen
        self.version = 0
        self.is_troubled = False

    @property
    def has_unread(self) -> bool:
        return self.version != self.feed.state.version

    @property
    def is_over(self) -> bool:
        state = self.feed.state
        return state.is_final and self.version == state.version

    def collect(self) -> list[RunUpdate]:
        """The news since the last call."""
        state = self.feed.state
        if self.version == state.version:
            return []
        self.version = state.version
        told = self.feed.told
        if (
            told is None
            or told.state is not state
            or told.seen is not self.seen
            or told.was_troubled is not self.is_troubled
        ):
            told = self.feed.told = self._news(state)
        self.seen = told.shown
        if state.error is None:
            self.is_troubled = state.trouble is not None
        return told.news

    def _news(self, state: FeedState) -> Told:
        target, news = self.feed.target, []
        snapshot, seen = state.snapshot, self.seen
        shown = seen
        is_old = snapshot and seen and not snapshot.is_terminal and snapshot.id.is_before(seen)
        if snapshot and snapshot.id != seen and not is_old:
            shown = snapshot.id
            news.append(RunUpdate(target, snapshot=snapshot))
        if state.error is not None:
            news.append(RunUpdate(target, error=state.error))
        elif (state.trouble is not None) != self.is_troubled:
            news.append(RunUpdate(target, trouble=state.trouble, recovered=self.is_troubled))
        return Told(state, seen, self.is_troubled, news, shown)


class Subscription:
    """The runs that one viewer follows. For one thread at a time.

    There are many of these, so they are kept small.

    :param feeds: the watches of the runs.
    :param seen: the states that the viewer already has.
    :param clock: the time.
    :param leave: is called once when the viewer leaves.
    """

    __slots__ = ("_clock", "_followed", "_leave", "_slot")

    def __init__(
        self,
        feeds: Sequence[WatchedRun],
        seen: Mapping[RunKey, StateId],
        *,
        clock: Clock,
        leave: Callable[[Sequence[WatchedRun]], None],
    ) -> None:
        self._followed = tuple(Followed(feed, seen.get(feed.target)) for feed in feeds)
        self._clock = clock
        self._leave = leave
        self._slot: Slot | None = None

    @property
    def feeds(self) -> list[WatchedRun]:
        """The watches of the runs that are followed."""
        return [followed.feed for followed in self._followed]

    @property
    def is_over(self) -> bool:
        """Whether the viewer knows all there will be to know."""
        if len(self._followed) == 1:  # as it mostly is, and this is asked for each viewer
            return self._followed[0].is_over
        return all(followed.is_over for followed in self._followed)

    def first(self, timeout: float) -> list[RunUpdate]:
        """Wait until every run was looked at, well or not.

        :param timeout: seconds, counted from the moment that the first viewer began to wait: many
            who wait one after the other would hold up a server with few threads.
        """
        since = max(feed.since for feed in self.feeds)
        left = since + timeout - self._clock.monotonic()
        self._wait_until(Subscription._is_known, left)
        return self.collect()

    def wait(self, timeout: float, give_up: Callable[[], bool] = never) -> list[RunUpdate]:
        """Wait for news.

        :param timeout: seconds.
        :param give_up: whether to wait no longer; asked whenever something wakes the viewers.
        :return: the news; none when the time is up.
        """
        self._wait_until(Subscription._has_unread, timeout, give_up)
        return self.collect()

    def collect(self) -> list[RunUpdate]:
        """The news that there are now."""
        if len(self._followed) == 1:
            return self._followed[0].collect()
        return [news for followed in self._followed for news in followed.collect()]

    def close(self) -> None:
        """Leave; may be called again."""
        feeds, self._followed = self.feeds, ()
        if self._slot is not None:
            for feed in feeds:
                feed.ignore(self._slot)
        if feeds:
            self._leave(feeds)

    def _has_unread(self) -> bool:
        return any(followed.has_unread for followed in self._followed)

    def _is_known(self) -> bool:
        return all(followed.feed.state.is_known for followed in self._followed)

    def _wait_until(
        self,
        is_so: Callable[[Subscription], bool],  # no closure: thousands wait at once
        timeout: float,
        give_up: Callable[[], bool] = never,
    ) -> None:
        deadline = self._clock.monotonic() + timeout
        while not (is_so(self) or give_up() or self.is_over):
            left = min(deadline - self._clock.monotonic(), threading.TIMEOUT_MAX)
            if left <= 0:
                return
            if len(self._followed) > 1 or runs_on_gevent():  # whose locks are the cheaper
                self._own_slot().wait(left)
            else:
                (followed,) = self._followed
                with followed.feed.changed:
                    if not (is_so(self) or give_up()):
                        followed.feed.changed.wait(left)

    def _own_slot(self) -> Slot:
        if self._slot is None:
            self._slot = Slot()
            for feed in self.feeds:
                feed.listen(self._slot)
            self._slot()  # something may have changed before it listened
        return self._slot
