"""A subscriber's view of one or more runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from ..concurrency import is_gevent_patched
from .watched_run import RunUpdate

if TYPE_CHECKING:
    from ..clock import Clock
    from .snapshot import Snapshot, StateId
    from .watched_run import RunKey, WatchedRun


def never() -> bool:
    return False


class SubscriptionHub(Protocol):
    """The part of a hub that its subscriptions call."""

    def leave(self, watched_runs: Sequence[WatchedRun]) -> None:
        """Count one subscriber of each run less."""

    def check_thread(self) -> None:
        """Start the thread again if it has stopped although a subscriber waits."""


class Wakeup:
    """Wakes one waiting thread. A call that comes before the wait is not lost."""

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
    """A watched run, and what one subscriber knows of it.

    :param last_state: the state that the subscriber already has.
    """

    __slots__ = ("_is_stale", "_last_state", "_version", "watched_run")

    def __init__(self, watched_run: WatchedRun, last_state: StateId | None) -> None:
        self.watched_run = watched_run
        self._last_state = last_state
        self._version = 0
        self._is_stale = False

    @property
    def has_updates(self) -> bool:
        return self._version != self.watched_run.state.version

    @property
    def is_finished(self) -> bool:
        return self.watched_run.state.is_final and not self.has_updates

    def collect(self) -> list[RunUpdate]:
        """Return the updates since the last call."""
        run_key, state = self.watched_run.run_key, self.watched_run.state
        if self._version == state.version:
            return []
        self._version = state.version
        updates = []
        if state.snapshot is not None and self._is_new(state.snapshot):
            self._last_state = state.snapshot.id
            updates.append(RunUpdate(run_key, state.snapshot))
        if state.error is not None:
            updates.append(RunUpdate(run_key, error=state.error))
        elif (state.transient_error is not None) != self._is_stale:
            self._is_stale = not self._is_stale
            updates.append(RunUpdate(run_key, transient_error=state.transient_error))
        return updates

    def collect_first(self) -> list[RunUpdate]:
        """Return the first updates: before the first poll, the last state that was known."""
        outdated = None if self.watched_run.state.is_known else self.watched_run.outdated
        if outdated is None or not self._is_new(outdated):
            return self.collect()
        self._last_state = outdated.id
        return [RunUpdate(self.watched_run.run_key, outdated)]

    def _is_new(self, snapshot: Snapshot) -> bool:
        if self._last_state is None:
            return True
        is_older = not snapshot.is_terminal and snapshot.id.is_before(self._last_state)
        return snapshot.id != self._last_state and not is_older


class Subscription:
    """A subscriber's view of one or more runs. For one thread at a time.

    There are many of these, so they are kept small.

    :param hub: polls the runs.
    """

    __slots__ = ("_clock", "_hub", "_runs", "_wakeup")

    def __init__(
        self,
        runs: Sequence[SubscribedRun],
        clock: Clock,
        hub: SubscriptionHub,
    ) -> None:
        self._runs = tuple(runs)
        self._clock = clock
        self._hub = hub
        self._wakeup: Wakeup | None = None

    @classmethod
    def join(cls, subscriptions: Sequence[Subscription]) -> Subscription:
        """Combine subscriptions of one hub into one, which takes their runs over.

        A run that is in several of them is in the result once. The subscriptions themselves are
        empty afterwards, so closing them has no effect.
        """
        runs: dict[RunKey, SubscribedRun] = {}
        for subscription in subscriptions:
            duplicates = []
            for run in subscription._runs:
                if runs.setdefault(run.watched_run.run_key, run) is not run:
                    duplicates.append(run)
            subscription._runs = tuple(duplicates)
            subscription.close()
        return cls([*runs.values()], subscriptions[0]._clock, subscriptions[0]._hub)

    @property
    def watched_runs(self) -> list[WatchedRun]:
        return [run.watched_run for run in self._runs]

    @property
    def run_keys(self) -> list[RunKey]:
        return [run.watched_run.run_key for run in self._runs]

    @property
    def is_finished(self) -> bool:
        """Return whether the subscriber has every update there will be."""
        if len(self._runs) == 1:  # the usual case, and this is read once per subscriber
            return self._runs[0].is_finished
        return all(run.is_finished for run in self._runs)

    def wait_for_first(self, timeout: float) -> list[RunUpdate]:
        """Wait until every run was polled, successfully or not.

        Without time for a poll, return the last known state. If all clients of a server poll at the
        same moment, most of them have no time.

        :param timeout: seconds since the run was first watched, the same for all its subscribers.
            Otherwise many of them in turn would occupy a server with few threads.
        """
        created_at = max(run.watched_run.created_at for run in self._runs)
        self._wait_until(Subscription._is_known, created_at + timeout - self._clock.monotonic())
        return [update for run in self._runs for update in run.collect_first()]

    def wait(self, timeout: float, should_stop: Callable[[], bool] = never) -> list[RunUpdate]:
        """Wait for updates.

        :param timeout: seconds.
        :param should_stop: return early if true; checked whenever a run wakes its subscribers.
        :return: the updates; empty after the timeout.
        """
        self._wait_until(Subscription._has_updates, timeout, should_stop)
        return self.collect()

    async def wait_async(self, timeout: float) -> list[RunUpdate]:
        """Wait for updates in a coroutine, without a thread.

        :param timeout: seconds.
        :return: the updates; empty after the timeout.
        """
        import asyncio  # few apps have coroutines

        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(changed.set)

        deadline = self._clock.monotonic() + timeout
        watched_runs = self.watched_runs
        for watched_run in watched_runs:
            watched_run.add_listener(wake)
        try:
            while not (self._has_updates() or self.is_finished):
                remaining = min(deadline - self._clock.monotonic(), threading.TIMEOUT_MAX)
                if remaining <= 0:
                    self._hub.check_thread()
                    break
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(changed.wait(), remaining)
                changed.clear()
        finally:
            for watched_run in watched_runs:
                watched_run.remove_listener(wake)
        return self.collect()

    def collect(self) -> list[RunUpdate]:
        """Return the updates since the last call, without waiting."""
        if len(self._runs) == 1:
            return self._runs[0].collect()
        return [update for run in self._runs for update in run.collect()]

    def close(self) -> None:
        """Leave the runs. Further calls have no effect."""
        watched_runs, self._runs = self.watched_runs, ()
        if self._wakeup is not None:
            for watched_run in watched_runs:
                watched_run.remove_listener(self._wakeup)
        if watched_runs:
            self._hub.leave(watched_runs)

    def _has_updates(self) -> bool:
        return any(run.has_updates for run in self._runs)

    def _is_known(self) -> bool:
        return all(run.watched_run.state.is_known for run in self._runs)

    def _wait_until(
        self,
        condition: Callable[[Subscription], bool],  # no closure: thousands wait at once
        timeout: float,
        should_stop: Callable[[], bool] = never,
    ) -> None:
        deadline = self._clock.monotonic() + timeout
        while not (condition(self) or should_stop() or self.is_finished):
            remaining = min(deadline - self._clock.monotonic(), threading.TIMEOUT_MAX)
            if remaining <= 0:
                self._hub.check_thread()
                return
            if len(self._runs) > 1 or is_gevent_patched():  # where locks are cheaper
                self._get_wakeup().wait(remaining)
            else:
                changed = self._runs[0].watched_run.changed
                with changed:
                    if not (condition(self) or should_stop()):
                        changed.wait(remaining)

    def _get_wakeup(self) -> Wakeup:
        if self._wakeup is None:
            self._wakeup = Wakeup()
            for watched_run in self.watched_runs:
                watched_run.add_listener(self._wakeup)
            self._wakeup()  # a run may have changed before it was added
        return self._wakeup
