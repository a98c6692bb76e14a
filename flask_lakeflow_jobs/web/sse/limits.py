"""The limits on concurrent streams, which depend on the server that runs the app."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ...concurrency import ModuleLock, descriptor_limit
from ...config.keys import MAX_STREAMS
from ...loggers import log_once
from ..servers import UNKNOWN, Server

#: Streams with a thread or greenlet each, if the server has more than enough.
DEFAULT_MAX_STREAMS = 1_000

#: Streams that cost a socket each, and no thread.
DEFAULT_MAX_SOCKETS = 10_000

#: File descriptors for everything that is not a connection of a client.
RESERVED_DESCRIPTORS = 64


def explain_polling(server: Server) -> str | None:
    """Explain why viewers poll on a server; ``None`` if they do not."""
    if not server.notices_disconnects:
        return f"{server.name} does not notice when a viewer leaves"
    if server.threads is None:
        return f"the number of threads of {server.name} is unknown: set {MAX_STREAMS.name}"
    return None if server.stream_capacity else f"{server.name} cannot spare a thread"


def descriptor_capacity() -> int:
    """Return for how many streams the process may open files: three quarters of its limit, less
    a reserve."""
    limit = descriptor_limit()
    return DEFAULT_MAX_SOCKETS if limit is None else max(0, limit * 3 // 4 - RESERVED_DESCRIPTORS)


def connection_capacity(threads: int) -> int:
    """Return for how many connections the process may open files, streams included.

    An eighth of the files is left to everything else, and two to each thread that serves a
    connection.
    """
    limit = descriptor_limit()
    if limit is None:
        return sys.maxsize
    files = limit - limit // 8
    return max(files - 2 * threads, files // 3)


def limit_connections(server: Server, sockets: int = 0) -> None:
    """Let a gthread worker accept only as many connections as there are files for.

    The worker ends if it has no file for a connection, and does not count those handed off.

    :param sockets: streams that hold a socket and no thread.
    """
    if server.limit_connections is not None:
        server.limit_connections(connection_capacity(server.threads or 0) - sockets)


class Usage:
    """The streams that are held, and the requests that wait for the first poll of a run."""

    def __init__(self) -> None:
        self.sockets = 0
        self.threads = 0
        self.waiting = 0

    @property
    def held(self) -> int:
        return self.sockets + self.threads


#: All apps of this process share its threads and files.
PROCESS_USAGE = Usage()

_lock = ModuleLock()


class StreamLimiter:
    """The number of streams of an app, and of requests that wait for the first poll of a run.

    :param max_streams: the limit in the app's config, if it has one.
    :param process: counts those of all apps of the process; ``None``: there is only this one.
    """

    def __init__(self, max_streams: int | None, process: Usage | None = None) -> None:
        self._max_streams = max_streams
        self._own = Usage()
        self._process = process or Usage()
        self._limit: int | None = None
        self._sent_to_poll = 0
        self._server = Server(UNKNOWN)

    def describe_usage(self) -> dict[str, int | None]:
        """Return the streams that are held, and how many more fit.

        Limits are those at the last request for a stream: they depend on the server.
        """
        limit = self._limit
        return {
            "pushed": self._own.sockets,
            "onThreads": self._own.threads,
            "limit": limit,
            "free": None if limit is None else max(0, limit - self.held),
            "sentToPoll": self._sent_to_poll,
        }

    def count_sent_to_poll(self) -> None:
        """Count a viewer that asked for a stream and has to poll."""
        with _lock.current:
            self._sent_to_poll += 1

    @property
    def held(self) -> int:
        return self._own.held

    @property
    def _held_by_others(self) -> int:
        return self._process.held - self.held

    def acquire_socket(self, server: Server) -> StreamPermit | None:
        """Return a permit for a stream that needs no thread, or ``None`` at the limit."""
        with _lock.current:
            self._limit = self.capacity(server, is_pushed=True)
            if self.held >= self._limit:
                return None
            self._server = server
            self._count(sockets=1)
        return StreamPermit(self, holds_thread=False)

    def acquire_thread(self, server: Server) -> StreamPermit | None:
        """Return a permit for a stream that holds a thread, or ``None`` at the limit."""
        reason = explain_polling(server)
        if reason and self._thread_limit(server) == 0 and self._max_streams != 0:
            log_once("flask_lakeflow_jobs.web", f"Viewers poll, because {reason}.")
        with _lock.current:
            self._limit = self.capacity(server, is_pushed=False)
            if self._process.held >= descriptor_capacity() or not self._has_thread(server):
                return None
            self._count(threads=1)
        return StreamPermit(self, holds_thread=True)

    def exchange_for_thread(self, server: Server) -> bool:
        """Count a stream that needs no thread as one that holds a thread, if the limit allows."""
        with _lock.current:
            has_thread = self._has_thread(server)
            if has_thread:
                self._count(sockets=-1, threads=1)
            return has_thread

    def _has_thread(self, server: Server) -> bool:
        return self._own.threads < self._thread_limit(server)

    def _count(self, *, sockets: int = 0, threads: int = 0) -> None:
        """Count more streams, or fewer."""
        for usage in (self._own, self._process):
            usage.sockets += sockets
            usage.threads += threads
        if sockets:
            limit_connections(self._server, self._process.sockets)

    def capacity(self, server: Server, *, is_pushed: bool) -> int:
        """Return how many streams of this app the process can hold besides those of other apps.

        :param is_pushed: they hold a socket each and no thread.
        """
        others = self._held_by_others
        if is_pushed:
            limit = DEFAULT_MAX_SOCKETS if self._max_streams is None else self._max_streams
            threads = server.threads or 0
            connections = connection_capacity(threads)
            # the others are for other requests, one for each thread if possible
            limit = min(limit, max(connections - threads, connections // 2) - others)
        else:
            limit = self._thread_limit(server)
        return max(0, min(limit, descriptor_capacity() - others))

    def _thread_limit(self, server: Server) -> int:
        """The app's limit can lower a known capacity, and replaces an unknown one."""
        capacity = server.stream_capacity
        if capacity is None:
            return self._max_streams or 0
        capacity -= self._process.threads - self._own.threads
        limit = DEFAULT_MAX_STREAMS if self._max_streams is None else self._max_streams
        return max(0, min(capacity, limit))

    def remove(self, *, holds_thread: bool) -> None:
        with _lock.current:
            if holds_thread:
                self._count(threads=-1)
            else:
                self._count(sockets=-1)

    @contextmanager
    def first_read_permit(self, server: Server, *, has_thread: bool) -> Iterator[bool]:
        """Yield whether a request may wait for the first poll of a run.

        As many may wait as threads can be spared. One always may: while streams hold all threads,
        clients that poll would otherwise never get a state.

        :param has_thread: the request has a permit to hold its thread.
        """
        with _lock.current:
            spare = (server.spare_threads or 0) - self._process.threads
            is_counted = not has_thread and self._process.waiting < max(1, spare)
            self._process.waiting += is_counted
        try:
            yield has_thread or is_counted
        finally:
            with _lock.current:
                self._process.waiting -= is_counted


class StreamPermit:
    """The right to hold one stream, until it is released."""

    __slots__ = ("_limiter", "holds_thread")

    def __init__(self, limiter: StreamLimiter, *, holds_thread: bool) -> None:
        self._limiter = limiter
        self.holds_thread = holds_thread

    def acquire_thread(self, server: Server) -> bool:
        """Let the stream hold a thread too, if the limit allows it."""
        self.holds_thread = self.holds_thread or self._limiter.exchange_for_thread(server)
        return self.holds_thread

    def release(self) -> None:
        self._limiter.remove(holds_thread=self.holds_thread)
