"""The server that the app runs on, as far as streams need to know it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from tempfile import SpooledTemporaryFile
from typing import Any

#: Where the server's threads are not what limits it, or nothing is known of them.
MANY = 1_000

#: Streams that cost a socket each, and no thread.
MANY_PUSHED = 10_000

#: What waitress calls its threads, and how many it has unless told otherwise.
WAITRESS_NAME = "waitress-"
WAITRESS_THREADS = 4


def thread_room(environ: Mapping[str, Any]) -> int | None:
    """How many streams this process can hold a thread for and still answer other requests.

    :param environ: the WSGI environment of a request.
    :return: ``None`` where that is not known.
    """
    software = str(environ.get("SERVER_SOFTWARE", ""))
    if software and not environ.get("wsgi.multithread", False):
        return 0  # the one thread of a sync worker
    if not software and isinstance(environ.get("wsgi.input"), SpooledTemporaryFile):
        return 0  # so it comes from asgiref's WsgiToAsgi, which runs all requests in one thread
    if is_gthread_worker():
        return _three_quarters(int(_gunicorn_worker().cfg.threads))
    if software.startswith("waitress"):
        named = sum(thread.name.startswith(WAITRESS_NAME) for thread in threading.enumerate())
        return _three_quarters(named or WAITRESS_THREADS)
    return None


def _three_quarters(threads: int) -> int:
    return threads - max(1, -(-threads // 4))


def _gunicorn_worker() -> Any:
    """The gunicorn worker that this process is, or ``None``.

    Its signal handlers are its own methods, which is the one way to it that all versions have.
    """
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return worker if hasattr(worker, "alive") and hasattr(worker, "cfg") else None


def is_gthread_worker() -> bool:
    """Whether this process is a gunicorn worker with a fixed number of threads."""
    return type(_gunicorn_worker()).__name__ == "ThreadWorker"


def is_closing() -> bool:
    """Whether this process is a worker that is told to end, by a signal or by ``max_requests``."""
    worker = _gunicorn_worker()
    return worker is not None and not worker.alive


class StreamSlots:
    """Counts the streams that a process holds, and those of them that hold a thread.

    :param most: the cap that the app's config sets, if it does.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._pushed = 0
        self._threads = 0

    @property
    def held(self) -> int:
        return self._pushed + self._threads

    def take_push(self) -> bool:
        """Take a slot for a stream that will need no thread, if there is one."""
        most = MANY_PUSHED if self._most is None else self._most
        with self._lock:
            if self.held >= most:
                return False
            self._pushed += 1
            return True

    def take_thread(self, environ: Mapping[str, Any]) -> bool:
        """Take a slot for a stream that holds a thread, if there is one.

        :param environ: the WSGI environment of the request for it.
        """
        room = thread_room(environ)
        caps = [cap for cap in (room, self._most) if cap is not None]
        with self._lock:
            if self._threads >= min(caps, default=MANY):
                return False
            self._threads += 1
            return True

    def give_back(self, *, thread: bool) -> None:
        """Give a slot back.

        :param thread: whether the stream held a thread.
        """
        with self._lock:
            if thread:
                self._threads -= 1
            else:
                self._pushed -= 1
