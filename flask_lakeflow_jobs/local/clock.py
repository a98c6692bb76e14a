"""The clock of the workspace: the system's, or one that a test controls."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

_log = logging.getLogger("flask_lakeflow_jobs.local")
Callback = Callable[[], None]

_MAX_DRIFT_SECONDS = 1.0  # of the system's time, until it counts as set


class Clock(Protocol):
    """Returns the time and calls functions at given times."""

    def time(self) -> float:
        """Return the seconds since the epoch."""

    def call_at(self, when: float, callback: Callback) -> None:
        """Call ``callback`` at ``when`` (seconds since the epoch), from any thread."""


class _Schedule:
    """Callbacks ordered by their times."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callback]] = []
        self._order = itertools.count()

    def add(self, when: float, callback: Callback) -> None:
        heapq.heappush(self._entries, (when, next(self._order), callback))

    def next_time(self) -> float | None:
        return self._entries[0][0] if self._entries else None

    def pop(self) -> Callback:
        return heapq.heappop(self._entries)[2]

    def shift(self, seconds: float) -> None:
        self._entries = [(when + seconds, number, call) for when, number, call in self._entries]


class SystemClock:
    """The system's time, and a thread for callbacks, from the first :meth:`call_at` on.

    If the system's time is set, or the machine sleeps, the callbacks move with it: it takes as long
    to each as it would have.

    :param read: returns the seconds since the epoch.
    """

    # Bound here, as freezegun replaces names of modules: a task would never end.
    _monotonic = staticmethod(time.monotonic)

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        self._read = read
        self._schedule = _Schedule()
        self._offset = read() - self._monotonic()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return self._read()

    def call_at(self, when: float, callback: Callback) -> None:
        """Call ``callback`` at ``when`` (seconds since the epoch)."""
        with self._changed:
            self._follow_jumps()
            earliest = self._schedule.next_time()
            self._schedule.add(when, callback)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="clock", daemon=True)
                thread.start()  # it fails if the process ends or has too many
                self._thread = thread
            elif earliest is None or when < earliest:
                self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while (callback := self._next_due()) is not None:
            try:
                callback()
            except Exception:
                _log.exception("A callback failed")

    def _next_due(self) -> Callback | None:
        with self._changed:
            while not self._stopped:
                self._follow_jumps()
                earliest = self._schedule.next_time()
                if earliest is None:
                    self._changed.wait()
                    continue
                remaining = earliest - self.time()
                if remaining <= 0:
                    return self._schedule.pop()
                self._changed.wait(min(remaining, threading.TIMEOUT_MAX))
        return None

    def _follow_jumps(self) -> None:
        offset = self._read() - self._monotonic()
        if abs(offset - self._offset) > _MAX_DRIFT_SECONDS:
            self._schedule.shift(offset - self._offset)
            self._offset = offset


class ManualClock:
    """A clock that stands still until :meth:`advance`, which runs the callbacks that are due.

    :param start: seconds since the epoch.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._schedule = _Schedule()
        self._lock = threading.Lock()

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return self._now

    def call_at(self, when: float, callback: Callback) -> None:
        """Call ``callback`` from the :meth:`advance` that passes ``when``."""
        with self._lock:
            self._schedule.add(when, callback)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass and run each callback at its time."""
        target = self._now + seconds
        while (callback := self._next_until(target)) is not None:
            callback()
        self._now = target

    def _next_until(self, target: float) -> Callback | None:
        with self._lock:
            earliest = self._schedule.next_time()
            if earliest is None or earliest > target:
                return None
            self._now = max(self._now, earliest)
            return self._schedule.pop()
