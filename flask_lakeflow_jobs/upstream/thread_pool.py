"""A thread pool whose calls time out, even if what they call never returns."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ..concurrency import run_in_each_process, start_thread

T = TypeVar("T")

#: How long a thread without work is kept.
IDLE_SECONDS = 10.0

_current = threading.local()


class CallTimeout(TimeoutError):
    """The caller no longer waits for the call."""


def has_waiter() -> bool:
    """Return whether the caller still waits for this thread's call; true outside of calls."""
    future: CallFuture[Any] | None = getattr(_current, "future", None)
    return future is None or not future.is_abandoned


class CallFuture(Generic[T]):
    """A call that one thread makes while another waits for it."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._result: T
        self._error: BaseException | None = None
        self.is_abandoned = False
        self.has_begun = False
        self.has_ended = False
        self.is_stuck = False  # it was given up before it ended
        self._done = threading.Lock()
        self._done.acquire()

    def run(self) -> None:
        """Make the call, unless it is abandoned."""
        self.has_begun = True  # before the check: a caller that gives up now counts this thread
        if not self.is_abandoned:
            _current.future = self
            try:
                self._result = self._call()
            except BaseException as error:
                self._error = error
            finally:
                _current.future = None  # an idle thread must not keep the call alive
        self.has_ended = True
        self._done.release()

    def wait(self, timeout: float) -> T:
        """Wait for the call, and return or raise what it does.

        :param timeout: seconds.
        :raises CallTimeout: the call has not ended in time; if it has not begun, it never will.
        """
        try:
            if not self._done.acquire(timeout=max(0.0, min(timeout, threading.TIMEOUT_MAX))):
                raise CallTimeout(f"No response within {timeout:g} seconds.")
        finally:
            self.is_abandoned = True
        if self._error is None:
            return self._result
        try:
            raise self._error
        finally:
            self._error = None  # its traceback refers to this object


class DaemonThreadPool:
    """Threads that make calls for callers with a timeout.

    The SDK has no timeout for a whole call: its own counts between two bytes, and its token
    requests have none. An abandoned call keeps its thread until it ends, and sends no further
    request. A workspace that sends a byte now and then could hold all threads for hours, so another
    thread takes the place of an abandoned one, as many times as there are threads. At this limit,
    new calls wait for a free thread, within their own timeout. The threads are daemons, so that a
    hanging call does not keep the process alive, as one of a
    :class:`~concurrent.futures.ThreadPoolExecutor` would.

    A call costs one wake-up each way. Under load, another one would cost as much as a small call.

    :param limit: the maximum number of threads, besides those of calls that were given up.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        run_in_each_process(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._stuck = 0
        self._idle: list[queue.SimpleQueue[CallFuture[Any]]] = []
        self._waiting: deque[CallFuture[Any]] = deque()

    def run(self, call: Callable[[], T], timeout: float) -> T:
        """Make a call in a thread, and return or raise what it does.

        :param timeout: seconds, including the wait for a thread.
        :raises CallTimeout: the call has not ended in time; if it has not begun, it never will.
        """
        future = CallFuture(call)
        with self._lock:
            if self._idle:
                self._idle.pop().put(future)
            else:
                self._waiting.append(future)
                self._start_thread()
            if is_inline := not self._threads:
                self._waiting.remove(future)
        if is_inline:  # the system has no thread for it
            return call()
        try:
            return future.wait(timeout)
        finally:
            if not future.has_ended:
                self._give_up(future)

    def _give_up(self, future: CallFuture[Any]) -> None:
        """Let no other call wait for one that was abandoned."""
        with self._lock:
            if future in self._waiting:
                self._waiting.remove(future)
            elif future.has_begun and not future.has_ended and self._stuck < self._limit:
                future.is_stuck = True
                self._stuck += 1
                self._threads -= 1
                self._start_thread()

    def _start_thread(self) -> None:
        """Start a thread for the calls that wait, if there are any and the limit allows it."""
        if not self._waiting or self._threads >= self._limit:
            return
        self._threads += 1
        try:
            start_thread(self._run_calls, "lakeflow-call")
        except RuntimeError:  # the system has no more; another one makes the call
            self._threads -= 1

    def _run_calls(self) -> None:
        # With the module's name: gevent 24 does not replace what was imported before its patch.
        inbox: queue.SimpleQueue[CallFuture[Any]] = queue.SimpleQueue()
        future = self._get_next(inbox)
        while future is not None:
            future.run()
            with self._lock:
                if future.is_stuck:  # another thread has taken this one's place
                    self._stuck -= 1
                    return
            future = None  # a thread that waits must not keep the call alive
            future = self._get_next(inbox)

    def _get_next(self, inbox: queue.SimpleQueue[CallFuture[Any]]) -> CallFuture[Any] | None:
        """Return the next call for a thread; ``None`` if there is none for ``IDLE_SECONDS``."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(inbox)
        try:
            return inbox.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            with self._lock:
                if inbox in self._idle:
                    self._idle.remove(inbox)
                elif not inbox.empty():
                    return inbox.get()  # it was put at the last moment
                # Otherwise a signal has interrupted the caller before it put its call.
                self._threads -= 1
                return None
