"""Streams without a thread each: one thread writes them all, to sockets taken from the server."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask import Response

from ....concurrency import call_in_forked_children
from ..format import HEARTBEAT
from ..stream import POLLING_RETRY
from .connection import Connection, connection_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ....clock import Clock
    from ....watching.watched_run import WatchedRun
    from ..stream import BlockingBody, Stream

#: Seconds between two glances at whether the process is about to end.
TICK = 0.25

#: The longest seconds between two rounds of all the streams, for heartbeats and ages.
ROUND = 1.0

#: Seconds without progress after which a reader that takes nothing is dropped; it can come back
#: and resume.
STALL = 30.0

#: Seconds that the end of the process waits for streams to end in good order.
FAREWELLS = 2.0

#: The end of a chunked body. RFC 9112, section 7.1.
LAST_CHUNK = b"0\r\n\r\n"

GONE = 0x10 | 0x8 | 0x2000  # EPOLLHUP, EPOLLERR, EPOLLRDHUP, which only Linux has by name
NOTHING = memoryview(b"")
_log = logging.getLogger("flask_lakeflow_jobs.web")


def chunk(data: bytes) -> bytes:
    """A chunk of a chunked body. RFC 9112, section 7.1.

    :param data: not empty, since an empty chunk ends the body.
    """
    return b"%X\r\n%b\r\n" % (len(data), data)


class Pushed:
    """A stream and the socket that it is written to."""

    __slots__ = ("backlog", "descriptor", "last_write", "stream")

    def __init__(self, descriptor: int, stream: Stream, now: float) -> None:
        self.descriptor = descriptor
        self.stream = stream
        self.backlog = NOTHING
        self.last_write = now


class SocketWriter:
    """Writes the streams of a process.

    A stream whose reader is slow gets no news until it has taken the last: then the latest, so
    that no more than one is kept for it.

    :param clock: the time.
    :param heartbeat: seconds of silence after which a comment is sent.
    :param is_closing: whether the process is about to end.
    """

    def __init__(self, clock: Clock, *, heartbeat: float, is_closing: Callable[[], bool]) -> None:
        self._clock = clock
        self._heartbeat = heartbeat
        self._round = min(ROUND, heartbeat / 4)
        self._is_closing = is_closing
        self._start_afresh()
        call_in_forked_children(self._start_afresh)

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._adopted: deque[Pushed] = deque()
        self._changed: deque[WatchedRun] = deque()
        self._is_woken = False
        # Of the thread alone from here on.
        self._pushed: dict[int, Pushed] = {}
        self._viewers: dict[WatchedRun, set[Pushed]] = {}
        self._listeners: dict[WatchedRun, Callable[[], None]] = {}
        self._framed_last: tuple[tuple[bytes, bool], memoryview] | None = None
        self._now = self._next_round = self._clock.monotonic()

    def adopt(self, descriptor: int, stream: Stream) -> None:
        """Write a stream from now on.

        :param descriptor: of a socket that does not block; it is closed with the stream.
        :param stream: it; its opening was sent.
        """
        with self._lock:
            if self._thread is None:
                self._epoll = select.epoll()
                self._wake_in, self._wake_out = os.pipe()
                os.set_blocking(self._wake_in, False)
                os.set_blocking(self._wake_out, False)
                self._epoll.register(self._wake_in, select.EPOLLIN)
                self._thread = threading.Thread(target=self._run, name="lakeflow-push", daemon=True)
                self._thread.start()
                atexit.register(self._see_out)
        self._adopted.append(Pushed(descriptor, stream, self._clock.monotonic()))
        self._wake()

    def _see_out(self) -> None:
        """Hold the end of the process up: gunicorn does not wait for streams that it has not."""
        if not (self._is_closing() and (self._pushed or self._adopted)):
            return
        self._wake()
        give_up = self._clock.monotonic() + FAREWELLS
        while (self._pushed or self._adopted) and self._clock.monotonic() < give_up:
            self._clock.sleep(0.01)

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_out, b".")

    # ── the thread ────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while True:
            try:
                self._turn()
            except Exception:
                _log.exception("Streams could not be written in an unforeseen way.")

    def _turn(self) -> None:
        events = self._epoll.poll(TICK)
        self._now = self._clock.monotonic()  # asked once for all the streams of a turn
        for descriptor, event in events:
            if descriptor == self._wake_in:
                os.read(descriptor, 64)
            elif pushed := self._pushed.get(descriptor):
                self._do(self._drop if event & GONE else self._flush, pushed)
        self._is_woken = False
        while self._adopted:
            self._do(self._take_in, self._adopted.popleft())
        while self._changed:
            for pushed in list(self._viewers.get(self._changed.popleft(), ())):
                self._do(self._advance, pushed)
        self._now = self._clock.monotonic()
        self._look_after()

    def _do(self, step: Callable[[Pushed], None], pushed: Pushed) -> None:
        """Do something for one stream; what goes wrong there is no other stream's trouble."""
        try:
            step(pushed)
        except Exception:
            _log.exception("A stream could not be written in an unforeseen way.")
            self._drop(pushed)

    def _take_in(self, pushed: Pushed) -> None:
        self._pushed[pushed.descriptor] = pushed
        self._epoll.register(pushed.descriptor, select.EPOLLRDHUP)
        for watched_run in pushed.stream.subscription.watched_runs:
            viewers = self._viewers.get(watched_run)
            if viewers is None:
                viewers = self._viewers[watched_run] = set()
                self._listen(watched_run)
            viewers.add(pushed)
        self._advance(pushed)

    def _listen(self, watched_run: WatchedRun) -> None:
        def listener() -> None:
            self._changed.append(watched_run)
            self._wake()

        self._listeners[watched_run] = listener
        watched_run.add_listener(listener)

    def _advance(self, pushed: Pushed) -> None:
        """Write what is new, unless the reader has not taken what was new before."""
        stream = pushed.stream
        if pushed.backlog or stream.is_closed:
            return
        data = stream.written(stream.subscription.collect())
        if self._now >= stream.ends_at and not stream.is_over:
            data += stream.farewell()
        self._write(pushed, data)

    def _write(self, pushed: Pushed, data: bytes) -> None:
        if data or pushed.stream.is_over:
            self._send(pushed, self._framed(data, is_last=pushed.stream.is_over))

    def _framed(self, data: bytes, *, is_last: bool) -> memoryview:
        """Data as it is sent, made once for all the viewers of a run, who get it in turn."""
        key = data, is_last
        if self._framed_last is None or self._framed_last[0] != key:
            framed = (chunk(data) if data else b"") + (LAST_CHUNK if is_last else b"")
            self._framed_last = key, memoryview(framed)
        return self._framed_last[1]

    def _send(self, pushed: Pushed, framed: memoryview) -> None:
        try:
            sent = os.write(pushed.descriptor, framed)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(pushed)
            return
        if sent:
            pushed.last_write = self._now
        rest = framed[sent:] if sent < len(framed) else NOTHING
        if bool(rest) != bool(pushed.backlog):
            interest = select.EPOLLOUT if rest else 0
            self._epoll.modify(pushed.descriptor, select.EPOLLRDHUP | interest)
        pushed.backlog = rest
        if not pushed.backlog and pushed.stream.is_over:
            self._drop(pushed)

    def _flush(self, pushed: Pushed) -> None:
        self._send(pushed, pushed.backlog)
        if not pushed.backlog and not pushed.stream.is_closed:
            self._advance(pushed)

    def _look_after(self) -> None:
        if self._is_closing():
            for pushed in list(self._pushed.values()):
                self._do(self._end, pushed)
            return
        if self._now >= self._next_round:
            self._next_round = self._now + self._round
            for pushed in self._silent():
                self._do(self._keep_alive, pushed)

    def _keep_alive(self, pushed: Pushed) -> None:
        if pushed.backlog:
            if self._now - pushed.last_write >= STALL:
                self._drop(pushed)
        elif self._now >= pushed.stream.ends_at:
            self._end(pushed)
        else:
            self._write(pushed, HEARTBEAT)

    def _silent(self) -> list[Pushed]:
        """The streams that were written nothing for a heartbeat's time."""
        since = self._now - self._heartbeat
        return [pushed for pushed in self._pushed.values() if pushed.last_write <= since]

    def _end(self, pushed: Pushed) -> None:
        if pushed.backlog:
            self._drop(pushed)
        else:
            self._write(pushed, pushed.stream.farewell())

    def _drop(self, pushed: Pushed) -> None:
        if self._pushed.get(pushed.descriptor) is not pushed:  # dropped before
            return
        del self._pushed[pushed.descriptor]
        for watched_run in pushed.stream.subscription.watched_runs:
            viewers = self._viewers.get(watched_run, set())
            viewers.discard(pushed)
            if not viewers and watched_run in self._listeners:
                watched_run.remove_listener(self._listeners.pop(watched_run))
                self._viewers.pop(watched_run, None)
        pushed.stream.close()
        with contextlib.suppress(OSError):
            self._epoll.unregister(pushed.descriptor)
        sock = socket.socket(fileno=pushed.descriptor)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        sock.close()


class HandoffBody(Iterator[bytes]):
    """A stream as a body that is pulled only until its opening is sent, then pushed.

    :param pull: the body that goes on where the connection cannot be taken over.
    :param stream: the stream.
    :param sent: how many bytes the opening has.
    :param pusher: writes what comes then.
    """

    def __init__(
        self, pull: BlockingBody, stream: Stream, sent: int, socket_writer: SocketWriter
    ) -> None:
        self._pull: BlockingBody | None = pull
        self._stream = stream
        self._sent = sent
        self._pusher = socket_writer
        self._environ: Mapping[str, Any] = {}
        self._connection: Connection | None = None
        self._is_open = False
        self._has_tried = False

    def sent_over(self, environ: Mapping[str, Any], start_response: Any) -> None:
        """Learn how the body is going to be sent.

        :param environ: the WSGI environment of the request.
        :param start_response: as the server gave it.
        """
        self._environ = environ
        self._connection = connection_of(environ, start_response)
        if self._connection is not None and not self._stream.is_over:
            self._connection.announce_close()

    def __next__(self) -> bytes:
        if self._pull is None:
            raise StopIteration
        if self._is_open and not self._has_tried and not self._stream.is_over:
            self._has_tried = True
            if self._is_handed_over():
                self._pull = None
                raise StopIteration
            if not self._stream.hold_thread(self._environ):
                return self._stream.farewell(POLLING_RETRY)
        self._is_open = True
        return next(self._pull)

    def _is_handed_over(self) -> bool:
        descriptor = self._connection.take(self._sent) if self._connection else None
        self._connection = None
        if descriptor is None:
            return False
        self._pusher.adopt(descriptor, self._stream)
        return True

    def close(self) -> None:
        if self._pull is not None:
            self._pull.close()


class StreamResponse(Response):
    """A response that lets its body know over which connection it is sent, and does not outlive its
    own start, unless something waits for its end: there are many of these."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if isinstance(self.response, HandoffBody):
            self.response.sent_over(environ, start_response)
        self.direct_passthrough = not self._on_close
        return super().__call__(environ, start_response)
