"""What one viewer follows: any number of runs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..clock import Clock
    from ..errors import LakeflowJobsError
    from .feed import Feed, FeedState
    from .snapshot import Snapshot, StateId
    from .target import Target


@dataclass(frozen=True)
class News:
    """Something about a run that its viewer does not know yet; one of these.

    :param target: the run.
    :param snapshot: a new state.
    :param error: why there will be no other state.
    :param trouble: why the last state may be out of date.
    :param recovered: whether it is not any more.
    """

    target: Target
    snapshot: Snapshot | None = None
    error: LakeflowJobsError | None = None
    trouble: LakeflowJobsError | None = None
    recovered: bool = False


class Slot:
    """Wakes one waiting viewer; a call that comes before the wait is not lost."""

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


class Subscription:
    """The runs that one viewer follows. For one thread at a time.

    :param feeds: the watches of the runs.
    :param seen: the states that the viewer already has.
    :param clock: the time.
    :param leave: is called once when the viewer leaves.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        seen: Mapping[Target, StateId],
        *,
        clock: Clock,
        leave: Callable[[Sequence[Feed]], None],
    ) -> None:
        self._feeds = list(feeds)
        self._versions = dict.fromkeys(feeds, 0)
        self._seen = dict(seen)
        self._troubled: set[Feed] = set()
        self._clock = clock
        self._leave = leave
        self._slot: Slot | None = None
        if len(self._feeds) > 1 or _runs_on_gevent():
            self._slot = Slot()
            self.listen(self._slot)

    @property
    def is_over(self) -> bool:
        """Whether the viewer knows all there will be to know."""
        return all(
            feed.state.is_final and self._versions[feed] == feed.state.version
            for feed in self._feeds
        )

    def first(self, timeout: float) -> list[News]:
        """Wait until every run was looked at, well or not.

        :param timeout: seconds.
        """
        self._wait_until(lambda: all(feed.state.is_known for feed in self._feeds), timeout)
        return self.collect()

    def wait(self, timeout: float, give_up: Callable[[], bool] = lambda: False) -> list[News]:
        """Wait for news.

        :param timeout: seconds.
        :param give_up: whether to wait no longer; asked whenever something wakes the viewers.
        :return: the news; none when the time is up.
        """
        self._wait_until(lambda: self._has_unread() or give_up(), timeout)
        return self.collect()

    def collect(self) -> list[News]:
        """The news that there are now."""
        news = []
        for feed in self._feeds:
            state = feed.state
            if state.version != self._versions[feed]:
                self._versions[feed] = state.version
                news += self._news(feed, state)
        return news

    def listen(self, listener: Callable[[], None]) -> None:
        """Have something called, from any thread, each time that there may be news.

        :param listener: must be quick.
        """
        for feed in self._feeds:
            feed.listen(listener)

    def ignore(self, listener: Callable[[], None]) -> None:
        """Have it called no more.

        :param listener: as given to :meth:`listen`.
        """
        for feed in self._feeds:
            feed.ignore(listener)

    def close(self) -> None:
        """Leave; may be called again."""
        feeds, self._feeds = self._feeds, []
        if self._slot is not None:
            for feed in feeds:
                feed.ignore(self._slot)
        if feeds:
            self._leave(feeds)

    def _has_unread(self) -> bool:
        return any(feed.state.version != self._versions[feed] for feed in self._feeds)

    def _wait_until(self, is_so: Callable[[], bool], timeout: float) -> None:
        deadline = self._clock.monotonic() + timeout
        while not (is_so() or self.is_over):
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return
            if self._slot is not None:
                self._slot.wait(left)
            else:
                (feed,) = self._feeds
                with feed.changed:
                    if not is_so():
                        feed.changed.wait(left)

    def _news(self, feed: Feed, state: FeedState) -> list[News]:
        target, news = feed.target, []
        snapshot, seen = state.snapshot, self._seen.get(feed.target)
        if snapshot and snapshot.id != seen and not (seen and snapshot.id.is_before(seen)):
            self._seen[target] = snapshot.id
            news.append(News(target, snapshot=snapshot))
        if state.error is not None:
            news.append(News(target, error=state.error))
        elif state.trouble is not None and feed not in self._troubled:
            self._troubled.add(feed)
            news.append(News(target, trouble=state.trouble))
        elif state.trouble is None and feed in self._troubled:
            self._troubled.discard(feed)
            news.append(News(target, recovered=True))
        return news


def _runs_on_gevent() -> bool:
    """Whether threads are greenlets, for which a lock each is cheaper than one condition."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
