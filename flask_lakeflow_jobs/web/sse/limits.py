"""The limits on concurrent streams, which depend on the server that runs the app."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any

from ...concurrency import is_gevent_patched

#: Streams with a thread or greenlet each, if the server's own limit is unknown.
DEFAULT_MAX_STREAMS = 1_000

#: Streams that cost a socket each, and no thread.
DEFAULT_MAX_SOCKETS = 10_000

WAITRESS_THREAD_PREFIX = "waitress-"

DEFAULT_WAITRESS_THREADS = 4


def thread_capacity(environ: Mapping[str, Any]) -> int | None:
    """Return for how many streams the process has threads, while others stay free for requests.

    :return: ``None`` if it is unknown.
    """
    software = str(environ.get("SERVER_SOFTWARE", ""))
    has_one_thread = not environ.get("wsgi.multithread", True)
    if has_one_thread and not (_is_test_client(environ) or _has_greenlets(software)):
        return 0  # such as a sync worker, uWSGI without threads, or CGI
    if not software and isinstance(environ.get("wsgi.input"), SpooledTemporaryFile):
        return 0  # asgiref's WsgiToAsgi runs all requests in one thread
    if is_gthread_worker():
        return _three_quarters(int(_gunicorn_worker().cfg.threads))
    if software.startswith("waitress"):
        names = [thread.name for thread in threading.enumerate()]
        threads = sum(name.startswith(WAITRESS_THREAD_PREFIX) for name in names)
        return _three_quarters(threads or DEFAULT_WAITRESS_THREADS)
    return None


def _is_test_client(environ: Mapping[str, Any]) -> bool:
    """Return whether werkzeug's test client made the request: no server, and a body in memory."""
    return "SERVER_SOFTWARE" not in environ and isinstance(environ.get("wsgi.input"), BytesIO)


def _has_greenlets(software: str) -> bool:
    """Return whether greenlets share the server's one thread, as with gevent's own server and
    uWSGI's gevent loop. gunicorn reports several threads for such a worker."""
    return is_gevent_patched() and not software.startswith("gunicorn")


def _three_quarters(threads: int) -> int:
    return threads - max(1, -(-threads // 4))


def _gunicorn_worker() -> Any:
    """Return the gunicorn worker of this process, or ``None``.

    gunicorn has no public way to it, but the worker's signal handlers are its own methods.
    """
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return worker if hasattr(worker, "alive") and hasattr(worker, "cfg") else None


def is_gthread_worker() -> bool:
    """Return whether this process is a gunicorn worker with a fixed number of threads."""
    return type(_gunicorn_worker()).__name__ == "ThreadWorker"


def is_closing() -> bool:
    """Return whether this process is a worker that is about to stop, after a signal or
    ``max_requests`` requests."""
    worker = _gunicorn_worker()
    return worker is not None and not worker.alive


class StreamLimiter:
    """The number of streams of a process, and of requests that wait for the first poll of a run.

    :param max_streams: the limit in the app's config, if it has one.
    """

    def __init__(self, max_streams: int | None) -> None:
        self._max_streams = max_streams
        self._lock = threading.Lock()
        self._sockets = 0
        self._threads = 0
        self._waiting = 0

    @property
    def held(self) -> int:
        return self._sockets + self._threads

    def acquire_socket(self) -> StreamPermit | None:
        """Return a permit for a stream that needs no thread, or ``None`` at the limit."""
        limit = DEFAULT_MAX_SOCKETS if self._max_streams is None else self._max_streams
        with self._lock:
            if self.held >= limit:
                return None
            self._sockets += 1
        return StreamPermit(self, holds_thread=False)

    def acquire_thread(self, environ: Mapping[str, Any]) -> StreamPermit | None:
        """Return a permit for a stream that holds a thread, or ``None`` at the limit."""
        return StreamPermit(self, holds_thread=True) if self.add_thread(environ) else None

    def add_thread(self, environ: Mapping[str, Any]) -> bool:
        """Count another stream that holds a thread, unless that would exceed the limit."""
        limits = [
            limit for limit in (thread_capacity(environ), self._max_streams) if limit is not None
        ]
        with self._lock:
            if self._threads >= min(limits, default=DEFAULT_MAX_STREAMS):
                return False
            self._threads += 1
            return True

    def remove(self, *, holds_thread: bool) -> None:
        with self._lock:
            if holds_thread:
                self._threads -= 1
            else:
                self._sockets -= 1

    @contextmanager
    def first_read_permit(self, environ: Mapping[str, Any], *, has_thread: bool) -> Iterator[bool]:
        """Yield whether a request may wait for the first poll of a run.

        As many may wait as threads can be spared, and always one: otherwise clients that poll
        would never get a state while streams hold all the threads.

        :param has_thread: the request has a permit to hold its thread.
        """
        capacity = thread_capacity(environ)
        with self._lock:
            spare = DEFAULT_MAX_STREAMS if capacity is None else capacity - self._threads
            is_counted = not has_thread and self._waiting < max(1, spare)
            self._waiting += is_counted
        try:
            yield has_thread or is_counted
        finally:
            with self._lock:
                self._waiting -= is_counted


class StreamPermit:
    """The right to hold one stream, until it is released."""

    __slots__ = ("_limiter", "holds_thread")

    def __init__(self, limiter: StreamLimiter, *, holds_thread: bool) -> None:
        self._limiter = limiter
        self.holds_thread = holds_thread

    def acquire_thread(self, environ: Mapping[str, Any]) -> bool:
        """Let the stream hold a thread too, if the limit allows it."""
        if not self.holds_thread and self._limiter.add_thread(environ):
            self._limiter.remove(holds_thread=False)
            self.holds_thread = True
        return self.holds_thread

    def release(self) -> None:
        self._limiter.remove(holds_thread=self.holds_thread)
