"""The server that the app runs on, as far as streams need to know it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any

from ...concurrency import is_gevent_patched

#: Where the server's threads are not what limits it, or nothing is known of them.
MANY = 1_000

#: Streams that cost a socket each, and no thread.
MANY_PUSHED = 10_000

#: What waitress calls its threads, and how many it has unless told otherwise.
WAITRESS_NAME = "waitress-"

WAITRESS_THREADS = 4


def thread_capacity(environ: Mapping[str, Any]) -> int | None:
    """How many streams this process can hold a thread for and still answer other requests.

    :param environ: the WSGI environment of a request.
    :return: ``None`` where that is not known.
    """
    software = str(environ.get("SERVER_SOFTWARE", ""))
    has_one_thread = not environ.get("wsgi.multithread", True)
    if has_one_thread and not (_is_test_client(environ) or _has_greenlets(software)):
        return 0  # as a sync worker, uWSGI without threads, or CGI
    if not software and isinstance(environ.get("wsgi.input"), SpooledTemporaryFile):
        return 0  # so it comes from asgiref's WsgiToAsgi, which runs all requests in one thread
    if is_gthread_worker():
        return _three_quarters(int(_gunicorn_worker().cfg.threads))
    if software.startswith("waitress"):
        named = sum(thread.name.startswith(WAITRESS_NAME) for thread in threading.enumerate())
        return _three_quarters(named or WAITRESS_THREADS)
    return None


def _is_test_client(environ: Mapping[str, Any]) -> bool:
    """Whether a request comes from werkzeug's test client: no server, and a body in memory."""
    return "SERVER_SOFTWARE" not in environ and isinstance(environ.get("wsgi.input"), BytesIO)


def _has_greenlets(software: str) -> bool:
    """Whether the one thread of a server is shared by greenlets, as with gevent's own server, and
    with uWSGI's loop for it; gunicorn says that such a worker has several."""
    return is_gevent_patched() and not software.startswith("gunicorn")


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


class StreamLimiter:
    """Counts the streams that a process holds, those of them that hold a thread, and the requests
    that wait for a first look.

    :param most: the cap that the app's config sets, if it does.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._pushed = 0
        self._threads = 0
        self._waiting = 0

    @property
    def held(self) -> int:
        return self._pushed + self._threads

    def acquire_socket(self) -> bool:
        """Take a slot for a stream that will need no thread, if there is one."""
        most = MANY_PUSHED if self._most is None else self._most
        with self._lock:
            if self.held >= most:
                return False
            self._pushed += 1
            return True

    def acquire_thread(self, environ: Mapping[str, Any]) -> bool:
        """Take a slot for a stream that holds a thread, if there is one.

        :param environ: the WSGI environment of the request for it.
        """
        room = thread_capacity(environ)
        caps = [cap for cap in (room, self._most) if cap is not None]
        with self._lock:
            if self._threads >= min(caps, default=MANY):
                return False
            self._threads += 1
            return True

    def release(self, *, thread: bool) -> None:
        """Give a slot back.

        :param thread: whether the stream held a thread.
        """
        with self._lock:
            if thread:
                self._threads -= 1
            else:
                self._pushed -= 1

    @contextmanager
    def first_read_permit(self, environ: Mapping[str, Any], *, has_thread: bool) -> Iterator[bool]:
        """Whether a request may wait for a first look, for the time that it does.

        No more wait than streams might hold threads. One always may, or no poll would ever learn
        anything where the streams have taken them all.

        :param environ: the WSGI environment of the request.
        :param has_thread: whether it waits in a thread that its stream has a slot for.
        """
        room = thread_capacity(environ)
        with self._lock:
            left = MANY if room is None else room - self._threads
            is_counted = not has_thread and self._waiting < max(1, left)
            self._waiting += is_counted
        try:
            yield has_thread or is_counted
        finally:
            with self._lock:
                self._waiting -= is_counted
