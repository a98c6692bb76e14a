"""The threads of a process that make deliveries in the background."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable

from ..concurrency import run_in_each_process, start_thread

#: The longest wait of the thread, so that it notices deliveries of other processes, and tries again
#: what the database has refused.
MAX_WAIT_SECONDS = 10.0

#: The wait before the record is used again after it failed.
FAILURE_WAIT_SECONDS = 1.0

#: How long a process that ends makes deliveries that are due, and waits for the receiver that runs.
STOP_SECONDS = 5.0

_log = logging.getLogger("flask_lakeflow_jobs")


class DeliveryThreads:
    """One thread that makes deliveries, and those that were relieved because a receiver takes long.

    The thread ends when nothing is left, and a relieved one after its receiver has returned.

    :param deliver: makes the deliveries that are due, until :attr:`must_end`. It returns the
        seconds until something is due again; ``None`` if nothing is left.
    """

    def __init__(self, deliver: Callable[[], float | None]) -> None:
        self._deliver = deliver
        run_in_each_process(self._reset)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._relieved: set[threading.Thread] = set()
        self._is_due = False
        self._is_finishing = False
        self._is_stopping = False
        self._is_registered = False

    @property
    def must_end(self) -> bool:
        """Return whether the current thread must begin no other delivery."""
        return self._is_stopping or threading.current_thread() in self._relieved

    def wake(self) -> None:
        """Deliver in the background what is due."""
        with self._changed:
            self._is_due = True
            self._changed.notify_all()
            # An interrupt, such as a receiver's own timeout, may have ended the thread.
            if self._is_stopping or (self._thread is not None and self._thread.is_alive()):
                return
            if not self._is_registered:
                self._is_registered = True
                atexit.register(self.finish)
            try:
                self._thread = start_thread(self._run, "lakeflow-outbox")
            except RuntimeError as error:  # too many threads, or the process ends
                _log.warning("Deliveries are delayed: %s", error)

    def finish(self, timeout: float = STOP_SECONDS) -> None:
        """Make the deliveries that are due, and then stop: a script may be over with its run.

        :param timeout: seconds. Another process makes what is left.
        """
        with self._changed:
            thread, self._is_finishing = self._thread, True
            self._changed.notify_all()
        if thread is not None:
            thread.join(timeout)
        self.stop(0)

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Start no further delivery, and wait for the one that runs.

        :param timeout: seconds.
        """
        with self._changed:
            thread, self._is_stopping = self._thread, True
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def relieve(self, thread: threading.Thread) -> None:
        """Make the other deliveries in another thread, because a receiver takes long."""
        with self._changed:
            if thread is not self._thread:
                return
            self._relieved.add(thread)
            self._thread = None
        self.wake()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_due = False
            delay: float | None
            try:
                delay = self._deliver()
            except Exception as error:  # of a database that is down or restarts
                _log.debug("Deliveries are delayed: %s", error)
                delay = FAILURE_WAIT_SECONDS
            if self._end_relieved_thread():
                return
            with self._changed:
                is_done = delay is None or self._is_finishing
                if self._is_stopping or (is_done and not self._is_due):
                    self._thread = None
                    return
                if not self._is_due and delay is not None:
                    self._changed.wait(min(delay, MAX_WAIT_SECONDS))

    def _end_relieved_thread(self) -> bool:
        """Return whether the current thread has to end, because another one has its work."""
        thread = threading.current_thread()
        with self._changed:
            is_relieved = thread in self._relieved
            self._relieved.discard(thread)
        if is_relieved:
            self.wake()  # there may be a result that could not be written
        return is_relieved
