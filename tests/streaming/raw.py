"""Clients that leave early, stall, or use an old version of HTTP."""

from __future__ import annotations

import socket
import struct
from urllib.parse import urlsplit

from tests.support import DEADLINE


class RawClient:
    """A connection whose request was sent and whose response was not read yet.

    :param request: the request line without the version of HTTP.
    :param buffer: bytes that the kernel buffers for a client that does not read; ``None``: the
        default of the system.
    """

    def __init__(
        self, url: str, request: str, *, http: str = "1.1", buffer: int | None = None
    ) -> None:
        parts = urlsplit(url)
        self._last_read = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(DEADLINE)
        self._socket.connect((parts.hostname, parts.port))
        self._socket.sendall(f"{request} HTTP/{http}\r\nHost: {parts.netloc}\r\n\r\n".encode())

    def read_until(self, end: bytes) -> bytes:
        """Read until the data contains ``end``; it may contain more."""
        data = bytearray()
        while data.find(end, max(0, len(data) - self._last_read - len(end))) < 0:
            part = self._socket.recv(2**20)
            assert part, f"The server closed the connection after {bytes(data[-200:])!r}."
            data += part
            self._last_read = len(part)
        return bytes(data)

    def read_all(self) -> bytes:
        """Read until the server closes the connection."""
        data = b""
        while part := self._socket.recv(65536):
            data += part
        return data

    def leave(self) -> None:
        """Close the connection."""
        self._socket.close()

    def reset(self) -> None:
        """Reset the connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
