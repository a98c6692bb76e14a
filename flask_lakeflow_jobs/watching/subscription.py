"""What one viewer follows: any number of runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..concurrency import is_gevent_patched
from .watched_run import RunUpdate, Told

if TYPE_CHECKING:
    from ..clock import Clock
    from .snapshot import StateId
    from .watched_run import RunKey, WatchedRun, WatchedState


def never() -> bool:
    """Whether to wait no longer: as long as there is time."""
    return False


class Wakeup:
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


class SubscribedRun:
    """One run that a viewer follows, and what the viewer knows of it."""

    __slots__ = ("is_stale", "seen", "version", "watched_run")

    def __init__(self, watched_run: WatchedRun, seen: StateId | None) -> None:
        self.watched_run = watched_run
        self.seen = seen
        self.version = 0
        self.is_stale = False

    @property
    def has_unread(self) -> bool:
        return self.version != self.watched_run.state.version

    @property
    def is_finished(self) -> bool:
        state = self.watched_run.state
        return state.is_final and self.version == state.version

    def collect(self) -> list[RunUpdate]:
        """The news since the last call."""
        state = self.watched_run.state
        if self.version == state.version:
            return []
        self.version = state.version
        told = self.watched_run.told
        if (
            told is None
            or told.state is not state
            or told.seen is not self.seen
            or told.was_troubled is not self.is_stale
        ):
            told = self.watched_run.told = self._news(state)
        self.seen = told.shown
        if state.error is None:
            self.is_stale = state.transient_error is not None
        return told.news

    def _news(self, state: WatchedState) -> Told:
        run_key, news = self.watched_run.run_key, []
        snapshot, seen = state.snapshot, self.seen
        shown = seen
        is_old = snapshot and seen and not snapshot.is_terminal and snapshot.id.is_before(seen)
        if snapshot and snapshot.id != seen and not is_old:
            shown = snapshot.id
            news.append(RunUpdate(run_key, snapshot=snapshot))
        if state.error is not None:
            news.append(RunUpdate(run_key, error=state.error))
        elif (state.transient_error is not None) != self.is_stale:
            news.append(
                RunUpdate(run_key, transient_error=state.transient_error, recovered=self.is_stale)
            )
        return Told(state, seen, self.is_stale, news, shown)


class Subscription:
    """One subscriber's updates of one or more runs. For one thread at a time.

    There are many of these, so they are kept small.

    :param leave: called with the watched runs when the subscription is closed.
    """

    __slots__ = ("_clock", "_leave", "_runs", "_wakeup")

    def __init__(
        self,
        watched_runs: Sequence[WatchedRun],
        seen: Mapping[RunKey, StateId],
        *,
        clock: Clock,
        leave: Callable[[Sequence[WatchedRun]], None],
    ) -> None:
        self._runs = tuple(
            SubscribedRun(watched_run, seen.get(watched_run.run_key))
            for watched_run in watched_runs
        )
        self._clock = clock
        self._leave = leave
        self._wakeup: Wakeup | None = None

    @classmethod
    def join(cls, subscriptions: Sequence[Subscription]) -> Subscription:
        """Combine subscriptions of one hub into one, which takes their runs over.

        A run that is in several of them is in the result once. The subscriptions themselves are
        empty afterwards, so closing them has no effect.
        """
        first = subscriptions[0]
        joined = cls([], {}, clock=first._clock, leave=first._leave)
        runs: dict[RunKey, SubscribedRun] = {}
        for subscription in subscriptions:
            duplicates = [run for run in subscription._runs if run.watched_run.run_key in runs]
            runs |= {
                run.watched_run.run_key: run for run in subscription._runs if run not in duplicates
            }
            subscription._runs = tuple(duplicates)
            subscription.close()
        joined._runs = tuple(runs.values())
        return joined

    @property
    def watched_runs(self) -> list[WatchedRun]:
        return [run.watched_run for run in self._runs]

    @property
    def run_keys(self) -> list[RunKey]:
        return [run.watched_run.run_key for run in self._runs]

    @property
    def is_finished(self) -> bool:
        """Whether the subscriber has every update there will be."""
        if len(self._runs) == 1:  # as it mostly is, and this is asked for each viewer
            return self._runs[0].is_finished
        return all(run.is_finished for run in self._runs)

    def wait_for_first(self, timeout: float) -> list[RunUpdate]:
        """Wait until every run was polled, successfully or not.

        :param timeout: seconds, counted from when the run's first subscriber began to wait:
            otherwise many subscribers in turn would hold up a server with few threads.
        """
        since = max(watched_run.since for watched_run in self.watched_runs)
        left = since + timeout - self._clock.monotonic()
        self._wait_until(Subscription._is_known, left)
        return self.collect()

    def wait(self, timeout: float, should_stop: Callable[[], bool] = never) -> list[RunUpdate]:
        """Wait for updates.

        :param timeout: seconds.
        :param should_stop: return early if true; checked whenever a run wakes its subscribers.
        :return: the updates; empty after the timeout.
        """
        self._wait_until(Subscription._has_unread, timeout, should_stop)
        return self.collect()

    def collect(self) -> list[RunUpdate]:
        """Return the updates since the last call, without waiting."""
        if len(self._runs) == 1:
            return self._runs[0].collect()
        return [update for run in self._runs for update in run.collect()]

    def close(self) -> None:
        """Leave; may be called again."""
        watched_runs, self._runs = self.watched_runs, ()
        if self._wakeup is not None:
            for watched_run in watched_runs:
                watched_run.remove_listener(self._wakeup)
        if watched_runs:
            self._leave(watched_runs)

    def _has_unread(self) -> bool:
        return any(run.has_unread for run in self._runs)

    def _is_known(self) -> bool:
        return all(run.watched_run.state.is_known for run in self._runs)

    def _wait_until(
        self,
        is_so: Callable[[Subscription], bool],  # no closure: thousands wait at once
        timeout: float,
        should_stop: Callable[[], bool] = never,
    ) -> None:
        deadline = self._clock.monotonic() + timeout
        while not (is_so(self) or should_stop() or self.is_finished):
            left = min(deadline - self._clock.monotonic(), threading.TIMEOUT_MAX)
            if left <= 0:
                return
            if len(self._runs) > 1 or is_gevent_patched():  # whose locks are the cheaper
                self._own_wakeup().wait(left)
            else:
                (run,) = self._runs
                with run.watched_run.changed:
                    if not (is_so(self) or should_stop()):
                        run.watched_run.changed.wait(left)

    def _own_wakeup(self) -> Wakeup:
        if self._wakeup is None:
            self._wakeup = Wakeup()
            for watched_run in self.watched_runs:
                watched_run.add_listener(self._wakeup)
            self._wakeup()  # something may have changed before it listened
        return self._wakeup
