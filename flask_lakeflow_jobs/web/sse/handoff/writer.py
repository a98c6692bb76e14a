"""A thread that writes any number of streams to sockets that gunicorn handed off."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from ....concurrency import run_in_each_process, start_thread
from ..format import HEARTBEAT_COMMENT

if TYPE_CHECKING:
    from ....clock import Clock
    from ....watching.watched_run import WatchedRun
    from ..stream import Stream

#: Seconds between two checks whether the process is about to end.
CLOSING_CHECK_SECONDS = 0.25

#: At most this many seconds between two checks of all streams for heartbeats and lifetimes.
MAX_CHECK_SECONDS = 1.0

#: Seconds without progress after which a client that reads nothing is disconnected.
STALL_TIMEOUT_SECONDS = 30.0

#: Seconds that the exit of the process waits for streams to end.
EXIT_TIMEOUT_SECONDS = 2.0

#: The end of a chunked body. RFC 9112, section 7.1.
LAST_CHUNK = b"0\r\n\r\n"

DISCONNECTED = 0x10 | 0x8 | 0x2000  # EPOLLHUP, EPOLLERR, EPOLLRDHUP; only Linux names the last
EMPTY = memoryview(b"")
_log = logging.getLogger("flask_lakeflow_jobs.web")


def format_chunk(data: bytes) -> bytes:
    """Format a chunk of a chunked body. RFC 9112, section 7.1.

    :param data: not empty: an empty chunk ends the body.
    """
    return b"%X\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=1)
def frame(data: bytes, *, is_last: bool) -> memoryview:
    """Format data as it is sent. All streams of a run send the same events one after the other, so
    they share one copy, which may be megabytes long."""
    return memoryview((format_chunk(data) if data else b"") + (LAST_CHUNK if is_last else b""))


class StreamSocket:
    __slots__ = ("backlog", "descriptor", "last_write", "stream")

    def __init__(self, descriptor: int, stream: Stream, now: float) -> None:
        self.descriptor = descriptor
        self.stream = stream
        self.backlog = EMPTY
        self.last_write = now


class SocketWriter:
    """The writer of all handed-off streams of a process.

    A stream whose client reads slowly gets no update until the client has read the last one. It
    then gets the current state, so the backlog of a stream is never more than one update.

    :param heartbeat: seconds without an event after which a comment is sent.
    :param is_closing: whether the process is about to end.
    """

    def __init__(self, clock: Clock, *, heartbeat: float, is_closing: Callable[[], bool]) -> None:
        self._clock = clock
        self._heartbeat = heartbeat
        self._check_seconds = min(MAX_CHECK_SECONDS, heartbeat / 4)
        self._is_closing = is_closing
        run_in_each_process(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._added: deque[tuple[StreamSocket, bytes]] = deque()
        self._changed: deque[WatchedRun] = deque()
        self._is_woken = False
        # Only the thread uses the following.
        self._sockets: dict[int, StreamSocket] = {}
        self._subscribers: dict[WatchedRun, set[StreamSocket]] = {}
        self._listeners: dict[WatchedRun, Callable[[], None]] = {}
        self._now = self._next_check = self._clock.monotonic()

    def start(self) -> bool:
        """Start the thread, unless it runs. Return whether it does.

        Call this before a socket is detached: there may be too many threads or open files.
        """
        with self._lock:
            if self._thread is not None:
                return True
            with contextlib.ExitStack() as resources:
                try:
                    self._epoll = resources.enter_context(select.epoll())
                    self._wake_in, self._wake_out = os.pipe()
                    resources.callback(os.close, self._wake_in)
                    resources.callback(os.close, self._wake_out)
                    os.set_blocking(self._wake_in, False)
                    os.set_blocking(self._wake_out, False)
                    self._epoll.register(self._wake_in, select.EPOLLIN)
                    self._thread = start_thread(self._run, "lakeflow-push")
                except (OSError, RuntimeError):
                    return False
                resources.pop_all()  # they stay open
            atexit.register(self._wait_at_exit)
            return True

    def add(self, descriptor: int, stream: Stream, first: bytes = b"") -> None:
        """Write a stream from now on; the thread has been started.

        :param descriptor: of a non-blocking socket, which is closed with the stream.
        :param stream: its opening was sent already.
        """
        target = StreamSocket(descriptor, stream, self._clock.monotonic())
        self._added.append((target, first))
        self._wake()

    def _wait_at_exit(self) -> None:
        """Delay the exit of the process: gunicorn no longer waits for these streams."""
        if not (self._is_closing() and (self._sockets or self._added)):
            return
        self._wake()
        deadline = self._clock.monotonic() + EXIT_TIMEOUT_SECONDS
        while (self._sockets or self._added) and self._clock.monotonic() < deadline:
            self._clock.sleep(0.01)

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_out, b".")

    # The rest runs in the thread.

    def _run(self) -> None:
        while True:
            try:
                self._step()
            except Exception:
                _log.exception("Unexpected error while writing streams")

    def _step(self) -> None:
        events = self._epoll.poll(CLOSING_CHECK_SECONDS)
        self._now = self._clock.monotonic()  # read once for all the streams of a step
        for descriptor, event in events:
            if descriptor == self._wake_in:
                os.read(descriptor, 64)
            elif target := self._sockets.get(descriptor):
                self._call(self._drop if event & DISCONNECTED else self._flush, target)
        self._is_woken = False
        while self._added:
            target, first = self._added.popleft()
            self._call(partial(self._register, first=first), target)
        while self._changed:
            for target in list(self._subscribers.get(self._changed.popleft(), ())):
                self._call(self._send_updates, target)
        self._now = self._clock.monotonic()
        self._check_all()

    def _call(self, action: Callable[[StreamSocket], None], target: StreamSocket) -> None:
        """Do something for one stream. An error ends this stream and no other."""
        try:
            action(target)
        except Exception:
            _log.exception("Unexpected error while writing a stream")
            self._drop(target)

    def _register(self, target: StreamSocket, first: bytes) -> None:
        self._sockets[target.descriptor] = target
        self._epoll.register(target.descriptor, select.EPOLLRDHUP)
        for watched_run in target.stream.subscription.watched_runs:
            if watched_run not in self._subscribers:
                self._subscribers[watched_run] = set()
                self._listen(watched_run)
            self._subscribers[watched_run].add(target)
        if first:
            self._write(target, first)
        self._send_updates(target)

    def _listen(self, watched_run: WatchedRun) -> None:
        def listener() -> None:
            self._changed.append(watched_run)
            self._wake()

        self._listeners[watched_run] = listener
        watched_run.add_listener(listener)

    def _send_updates(self, target: StreamSocket) -> None:
        """Send the updates, unless the client has yet to read the last one."""
        stream = target.stream
        if target.backlog or stream.is_closed:
            return
        data = stream.encode(stream.subscription.collect())
        if self._now >= stream.ends_at and not stream.is_finished:
            data += stream.end_early()
        self._write(target, data)

    def _write(self, target: StreamSocket, data: bytes) -> None:
        if data or target.stream.is_finished:
            self._send(target, frame(data, is_last=target.stream.is_finished))

    def _send(self, target: StreamSocket, data: memoryview) -> None:
        try:
            sent = os.write(target.descriptor, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(target)
            return
        if sent:
            target.last_write = self._now
        rest = data[sent:] if sent < len(data) else EMPTY
        if bool(rest) != bool(target.backlog):
            interest = select.EPOLLOUT if rest else 0
            self._epoll.modify(target.descriptor, select.EPOLLRDHUP | interest)
        target.backlog = rest
        if not rest and target.stream.is_finished:
            self._drop(target)

    def _flush(self, target: StreamSocket) -> None:
        self._send(target, target.backlog)
        if not target.backlog and not target.stream.is_closed:
            self._send_updates(target)

    def _check_all(self) -> None:
        if self._is_closing():
            for target in list(self._sockets.values()):
                self._call(self._end, target)
        elif self._now >= self._next_check:
            self._next_check = self._now + self._check_seconds
            silent_since = self._now - self._heartbeat
            for target in list(self._sockets.values()):
                if target.last_write <= silent_since:
                    self._call(self._keep_alive, target)

    def _keep_alive(self, target: StreamSocket) -> None:
        if target.backlog:
            if self._now - target.last_write >= STALL_TIMEOUT_SECONDS:
                self._drop(target)
        elif self._now >= target.stream.ends_at:
            self._end(target)
        else:
            self._write(target, HEARTBEAT_COMMENT)

    def _end(self, target: StreamSocket) -> None:
        if target.backlog:
            self._drop(target)
        else:
            self._write(target, target.stream.end_early())

    def _drop(self, target: StreamSocket) -> None:
        if self._sockets.get(target.descriptor) is not target:  # dropped already
            return
        del self._sockets[target.descriptor]
        for watched_run in target.stream.subscription.watched_runs:
            subscribers = self._subscribers.get(watched_run, set())
            subscribers.discard(target)
            if not subscribers and watched_run in self._listeners:
                watched_run.remove_listener(self._listeners.pop(watched_run))
                self._subscribers.pop(watched_run, None)
        target.stream.close()
        with contextlib.suppress(OSError):
            self._epoll.unregister(target.descriptor)
        sock = socket.socket(fileno=target.descriptor)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        sock.close()
