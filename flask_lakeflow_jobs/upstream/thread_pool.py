"""Calls that end in time, even when what they call never does."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from ..concurrency import call_in_forked_children

T = TypeVar("T")
IDLE_SECONDS = 10.0
_this_thread = threading.local()


class CallTimeout(TimeoutError):
    """Whoever waited for a call does so no longer."""


def has_waiter() -> bool:
    """Whether somebody waits for the call that this thread makes; outside of calls, somebody is."""
    task: CallFuture[Any] | None = getattr(_this_thread, "task", None)
    return task is None or not task.is_abandoned


class CallFuture(Generic[T]):
    """A call that one thread makes and another waits for.

    :param call: it.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._result: T
        self._error: BaseException | None = None
        self.is_abandoned = False
        self._ended = threading.Lock()
        self._ended.acquire()

    def make(self) -> None:
        """Make the call, unless nobody waits for it any more."""
        if not self.is_abandoned:
            _this_thread.task = self
            try:
                self._result = self._call()
            except BaseException as error:
                self._error = error
            finally:
                _this_thread.task = None  # an idle thread keeps nothing alive
        self._ended.release()

    def wait(self, timeout: float) -> T:
        """What the call returns or raises.

        :param timeout: seconds to wait for it.
        :raises NoAnswer: it has not ended in time; not begun yet, it never will.
        """
        try:
            if not self._ended.acquire(timeout=max(0.0, min(timeout, threading.TIMEOUT_MAX))):
                raise CallTimeout(f"No answer within {timeout:g} seconds.")
        finally:
            self.is_abandoned = True
        if self._error is None:
            return self._result
        try:
            raise self._error
        finally:
            self._error = None  # whose traceback leads back here


class DaemonThreadPool:
    """Threads that run calls for others, who wait no longer than they want to.

    The SDK has no timeout for a whole call: its own one counts between two bytes, and its token
    requests have none. A call that nobody waits for any more keeps its thread until it ends, and
    makes no further request; with ``limit`` such calls, new ones wait for their turn and give up in
    their own time. They are daemons, so that a hanging call never holds up the end of the process.

    A call is handed over and back with one wake-up each way: under load each more costs as much as
    a small call does.

    :param limit: the most threads.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._start_afresh()
        call_in_forked_children(self._start_afresh)

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._idle: list[SimpleQueue[CallFuture[Any]]] = []
        self._waiting: deque[CallFuture[Any]] = deque()

    def run(self, call: Callable[[], T], timeout: float) -> T:
        """Run a call in a thread and wait for it.

        :param call: what to run.
        :param timeout: seconds to wait, waiting for a thread included.
        :raises NoAnswer: it has not ended in time; not begun yet, it never will.
        """
        task = CallFuture(call)
        with self._lock:
            if self._idle:
                self._idle.pop().put(task)
            elif self._threads < self._limit:
                self._start_thread().put(task)
            else:
                self._waiting.append(task)
        return task.wait(timeout)

    def _start_thread(self) -> SimpleQueue[CallFuture[Any]]:
        inbox: SimpleQueue[CallFuture[Any]] = SimpleQueue()
        threading.Thread(
            target=self._work, args=(inbox,), name="lakeflow-call", daemon=True
        ).start()
        self._threads += 1
        return inbox

    def _work(self, inbox: SimpleQueue[CallFuture[Any]]) -> None:
        task: CallFuture[Any] | None = inbox.get()
        while task is not None:
            task.make()
            task = None
            task = self._next_task(inbox)

    def _next_task(self, inbox: SimpleQueue[CallFuture[Any]]) -> CallFuture[Any] | None:
        """The next task for the thread with this inbox; ``None`` where there was none for long."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(inbox)
        try:
            return inbox.get(timeout=IDLE_SECONDS)
        except Empty:
            with self._lock:
                if inbox in self._idle:
                    self._idle.remove(inbox)
                    self._threads -= 1
                    return None
            return inbox.get()  # it came at the last moment
