"""Clients that do not behave: they leave early, stall, or speak an old HTTP."""

from __future__ import annotations

import socket
import struct
from urllib.parse import urlsplit

from tests.support import DEADLINE


class RawClient:
    """A connection on which a request was sent, and nothing has been read yet.

    :param url: of the server.
    :param request: the request line, without the version of HTTP.
    :param http: that version.
    :param buffer: bytes that the kernel takes in for a client that does not read; ``None``: many.
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
        """Read up to something, and perhaps beyond."""
        answer = bytearray()
        while answer.find(end, max(0, len(answer) - self._last_read - len(end))) < 0:
            part = self._socket.recv(2**20)
            assert part, f"The server hung up after {bytes(answer[-200:])!r}."
            answer += part
            self._last_read = len(part)
        return bytes(answer)

    def read_all(self) -> bytes:
        """Read until the server hangs up."""
        answer = b""
        while part := self._socket.recv(65536):
            answer += part
        return answer

    def leave(self) -> None:
        """Close the connection in good order."""
        self._socket.close()

    def reset(self) -> None:
        """Break the connection off."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
