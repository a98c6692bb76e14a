"""Thousands of streams in one epoll loop: it takes what comes and notes when all have it."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time
from collections import Counter
from dataclasses import dataclass, field

#: Connections that are being opened at the same time.
OPENING = 256

#: A field of every event: when the server had the update, in milliseconds since the epoch.
MARK = b'"timestamp":'
DIGITS = 13

#: How a chunked body ends in good order.
LAST_CHUNK = b"0\r\n\r\n"


def is_last(data: bytes) -> bool:
    """Return whether a chunked body ends here; the headers before it may end in much the same way.

    :param data: its last bytes so far.
    """
    return data == LAST_CHUNK or data.endswith(b"\r\n" + LAST_CHUNK)


@dataclass
class Broadcast:
    """One event on its way to all streams. Times are in seconds since the epoch.

    :param sent: when the server had the update.
    :param first: when the first stream had it.
    """

    sent: float
    first: float
    last: float = 0.0
    reached: int = 0


@dataclass
class Fanout:
    """Many streams of one run."""

    port: int
    path: str
    count: int
    opened_in: float = 0.0
    broadcasts: dict[bytes, Broadcast] = field(default_factory=dict)
    endings: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._epoll = select.epoll()
        #: The timestamps of broadcasts that do not count.
        self._ignored: set[bytes] = set()
        self._open: dict[int, socket.socket] = {}
        self._request = f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    def open(self, timeout: float) -> None:
        """Open the streams, and wait until each has begun.

        :param timeout: seconds.
        :raises TimeoutError: some have not.
        :raises RuntimeError: one was refused.
        """
        began, deadline = time.monotonic(), time.monotonic() + timeout
        waiting: set[int] = set()
        while len(self._open) < self.count or waiting:
            if time.monotonic() > deadline:
                begun = len(self._open) - len(waiting)
                raise TimeoutError(f"{begun} of {self.count} streams began")
            while len(self._open) < self.count and len(waiting) < OPENING:
                waiting.add(self._connect())
            for descriptor, event in self._epoll.poll(1.0):
                if event & select.EPOLLOUT:
                    self._open[descriptor].send(self._request)
                    self._epoll.modify(descriptor, select.EPOLLIN)
                elif self._take(descriptor) and descriptor in waiting:
                    waiting.discard(descriptor)
        self.opened_in = time.monotonic() - began

    def _connect(self) -> int:
        sock = socket.socket()
        sock.setblocking(False)
        status = sock.connect_ex(("127.0.0.1", self.port))
        if status not in (0, errno.EINPROGRESS):
            raise OSError(status, "a stream cannot connect")
        self._open[sock.fileno()] = sock
        self._epoll.register(sock.fileno(), select.EPOLLOUT)
        return sock.fileno()

    def follow(self, seconds: float) -> None:
        """Read events.

        :param seconds: how long, or until all streams have ended.
        """
        deadline = time.monotonic() + seconds
        while self._open and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in self._epoll.poll(left):
                self._take(descriptor)

    def _take(self, descriptor: int) -> bool:
        sock = self._open[descriptor]
        try:
            data = sock.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
            self.endings["broken"] += 1
            self._close(descriptor)
            return True
        if not data:
            self.endings["cut"] += 1
            self._close(descriptor)
            return True
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"a stream was refused: {data[:600]!r}")
        position = data.find(MARK)
        while position >= 0:
            start = position + len(MARK)
            self._note(data[start : start + DIGITS])
            position = data.find(MARK, start)
        if is_last(data):
            self.endings["clean"] += 1
            self._close(descriptor)
        return True

    def _note(self, timestamp: bytes) -> None:
        now = time.time()
        if timestamp in self._ignored:
            return
        broadcast = self.broadcasts.get(timestamp)
        if broadcast is None:
            broadcast = self.broadcasts[timestamp] = Broadcast(int(timestamp) / 1000, now)
        broadcast.reached += 1
        broadcast.last = now

    def _close(self, descriptor: int) -> None:
        with contextlib.suppress(OSError):
            self._epoll.unregister(descriptor)
        self._open.pop(descriptor).close()

    def restart_counts(self) -> None:
        """Restart the counts of broadcasts, without those that are under way."""
        self._ignored.update(self.broadcasts)
        self.broadcasts.clear()

    @property
    def delays(self) -> list[float]:
        """The seconds from the update to the last stream, of each broadcast that reached all."""
        return [
            broadcast.last - broadcast.sent
            for broadcast in self.broadcasts.values()
            if broadcast.reached >= self.count
        ]

    @property
    def incomplete(self) -> int:
        """The number of broadcasts that did not reach all; the last may still be under way."""
        known = list(self.broadcasts.values())[:-1]
        return sum(broadcast.reached < self.count for broadcast in known)

    @property
    def missing(self) -> str:
        """Return a remark about the streams that did not receive every broadcast."""
        least = min((each.reached for each in list(self.broadcasts.values())[:-1]), default=0)
        ended = ", ".join(f"{count} {how}" for how, count in self.endings.items()) or "none"
        return f"at least {least} of {self.count} streams reached, streams ended: {ended}"

    def close(self) -> None:
        """Close all streams."""
        for descriptor in list(self._open):
            self._close(descriptor)
        self._epoll.close()
