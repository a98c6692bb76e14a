"""The server that the app runs on, as far as streams need to know it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from typing import Any

#: Where nothing is known of the server's threads, or they are not what limits it.
MANY = 1_000

WAITRESS_THREADS = 4


def room_for_streams(environ: Mapping[str, Any]) -> int:
    """How many streams this process can hold and still answer other requests.

    :param environ: the WSGI environment of a request.
    """
    software = str(environ.get("SERVER_SOFTWARE", ""))
    if software and not environ.get("wsgi.multithread", False):
        return 0  # the one thread of a sync worker
    threads = _gunicorn_threads()
    if threads is None and software.startswith("waitress"):
        threads = WAITRESS_THREADS
    return MANY if threads is None else _three_quarters(threads)


def _three_quarters(threads: int) -> int:
    return threads - max(1, -(-threads // 4))


def _gunicorn_worker() -> Any:
    """The gunicorn worker that this process is, or ``None``.

    Its signal handlers are its own methods, which is the one way to it that all versions have.
    """
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return worker if hasattr(worker, "alive") and hasattr(worker, "cfg") else None


def _gunicorn_threads() -> int | None:
    """The threads of the gunicorn worker that this is, if it has a fixed number of them."""
    worker = _gunicorn_worker()
    if worker is None or type(worker).__name__ != "ThreadWorker":
        return None
    return int(worker.cfg.threads)


def is_closing() -> bool:
    """Whether this process is a worker that is told to end, by a signal or by ``max_requests``."""
    worker = _gunicorn_worker()
    return worker is not None and not worker.alive


class StreamSlots:
    """Counts the streams that a process holds.

    :param most: the cap that the app's config sets, if it does.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held = 0

    @property
    def held(self) -> int:
        return self._held

    def take(self, environ: Mapping[str, Any]) -> bool:
        """Take a slot for a stream, if there is one.

        :param environ: the WSGI environment of the request for it.
        """
        most = room_for_streams(environ)
        if self._most is not None and most > 0:
            most = self._most
        with self._lock:
            if self._held >= most:
                return False
            self._held += 1
            return True

    def give_back(self) -> None:
        """Give a slot back."""
        with self._lock:
            self._held -= 1
