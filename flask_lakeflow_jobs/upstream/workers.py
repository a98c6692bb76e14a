"""Calls that end in time, even when what they call never does."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

T = TypeVar("T")

IDLE_SECONDS = 10.0


class Workers:
    """Threads that run calls for others, who wait no longer than they want to.

    The SDK has no timeout for a whole call: its own one counts between two bytes, and its token
    requests have none. A call that nobody waits for any more keeps its thread until it ends; with
    ``limit`` such calls, new ones wait for their turn and give up in their own time. They are
    daemons, so that a hanging call never holds up the end of the process.

    :param limit: the most threads.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._tasks: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._threads = 0
        self._idle = 0

    def run(self, call: Callable[[], T], timeout: float) -> T:
        """Run a call in a thread and wait for it.

        :param call: what to run.
        :param timeout: seconds to wait, waiting for a thread included.
        :raises TimeoutError: it has not ended in time; not begun yet, it never will.
        """
        if self._pid != os.getpid():  # a forked child has none of its parent's threads
            self._start_afresh()
        future: Future[T] = Future()
        with self._changed:
            self._tasks.append((future, call))
            if len(self._tasks) > self._idle and self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._work, name="lakeflow-call", daemon=True).start()
            self._changed.notify()
        try:
            return future.result(timeout)
        except FutureTimeoutError as error:  # before Python 3.11 not the TimeoutError of everybody
            raise TimeoutError(f"No answer within {timeout:g} seconds.") from error
        finally:
            future.cancel()

    def _work(self) -> None:
        while task := self._next_task():
            future, call = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
            del task, future, call  # an idle thread keeps nothing alive

    def _next_task(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._tasks, IDLE_SECONDS)
            self._idle -= 1
            if self._tasks:
                return self._tasks.popleft()
            self._threads -= 1
            return None
