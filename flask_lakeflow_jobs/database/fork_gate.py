"""Forks of processes that use SQLite.

A forked child inherits what SQLite knows about the locks of its parent. A connection of its own
would wait for a lock that no process holds. Or it would rely on a lock that the child does not
hold, and lose what it writes when its parent ends.
Source: https://sqlite.org/howtocorrupt.html, "Carrying an open database connection across a fork()"
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from weakref import WeakMethod

from ..concurrency import run_in_each_process

#: Seconds that a fork waits for connections in use, as long as a write may wait for another one.
WAIT_SECONDS = 5


class ForkGate:
    """A context manager around each use of a connection. Uses and forks wait for each other."""

    def __init__(self) -> None:
        #: Methods that close the idle connections of a database.
        self._closers: list[WeakMethod[Callable[[], None]]] = []
        run_in_each_process(self._reset)
        if hasattr(os, "register_at_fork"):  # Windows does not fork
            os.register_at_fork(before=self._close, after_in_parent=self._open)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._uses = self._forks = 0

    def add(self, close_idle: Callable[[], None]) -> ForkGate:
        """Call a bound method before each fork, while no connection is in use."""
        self._closers = [known for known in self._closers if known() is not None]
        self._closers.append(WeakMethod(close_idle))
        return self

    def __enter__(self) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: not self._forks, 2 * WAIT_SECONDS):
                self._forks = 0  # a signal handler that raises has interrupted this count
            self._uses += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._uses -= 1
            self._changed.notify_all()

    def _close(self) -> None:
        with self._changed:
            self._forks += 1
            self._changed.wait_for(lambda: not self._uses, WAIT_SECONDS)
            for reference in self._closers:  # in turns: two forks may begin at once
                if (method := reference()) is not None:
                    method()

    def _open(self) -> None:
        with self._changed:
            self._forks -= 1
            self._changed.notify_all()


#: The gate of all SQLite databases of this process.
FORK_GATE = ForkGate()
