"""The exchange of one request and its response, which a fault can change."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection, responses
from io import BufferedIOBase
from typing import Any
from urllib.parse import urlsplit

from werkzeug.http import is_hop_by_hop_header

#: Headers that the proxy sets itself.
OWN_HEADERS = ("accept-encoding", "content-length", "host")

#: How long the workspace may take to respond.
TIMEOUT_SECONDS = 60.0


def hash_token(token: str) -> str:
    """Return a hash that identifies a token in a record without revealing it."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]


@dataclass
class RecordedRequest:
    """A request of a client.

    :param path: the path without the query.
    :param query: each name with its last value.
    :param body: the parsed JSON, or the text if it is not JSON; ``None`` without a body.
    :param token: the :func:`hash_token` of its bearer token; empty without one.
    :param forwarded: whether the request reached the workspace.
    :param status: the status of the response, or of its beginning; ``None`` without a response.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    token: str = ""
    forwarded: bool = False
    status: int | None = None

    def matches(self, method: str | None, path: str | None) -> bool:
        """Return whether the request has a method and a path.

        :param method: e.g. ``POST``; ``None``: any.
        :param path: the end of the path, e.g. ``jobs/runs/get``; ``None``: any.
        """
        return (method is None or method.upper() == self.method) and (
            path is None or self.path.endswith(path)
        )


def parse_body(raw: bytes) -> Any:
    """Parse a body for a record."""
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


@dataclass(frozen=True)
class Reply:
    """A response to a request. The headers do not include the length."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def head(self) -> bytes:
        """Return the bytes of the status line and the headers."""
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1")


def send_request(
    origin: str, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> Reply:
    """Send a request to the workspace once, over its own connection.

    :param origin: scheme, host and port of the workspace.
    :param target: path and query.
    :raises OSError: the workspace cannot be reached.
    """
    parts = urlsplit(origin)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(connect(parts.netloc, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request(method, target, body or None, dict(headers))
        response = connection.getresponse()
        return Reply(response.status, keep_end_to_end(dict(response.getheaders())), response.read())


def keep_end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers without those of a single connection, and those that the proxy sets itself."""
    return {
        name: headers[name]
        for name in headers
        if not is_hop_by_hop_header(name) and name.lower() not in OWN_HEADERS
    }


class Exchange:
    """A request that waits for its response. Faults are called with it.

    :param request: the record of the request.
    :param send: sends it to the workspace.
    :param connection: the socket to the client.
    :param out: the file that writes to the client.
    :param closing: set when the proxy stops.
    """

    def __init__(
        self,
        request: RecordedRequest,
        send: Callable[[], Reply],
        connection: socket.socket,
        out: BufferedIOBase,
        closing: threading.Event,
    ) -> None:
        self.request = request
        self.is_over = False
        self._send = send
        self._connection = connection
        self._out = out
        self._closing = closing

    def forward(self) -> Reply:
        """Forward the request to the workspace and return its response.

        The response is not sent to the client yet.

        :raises OSError: the workspace cannot be reached.
        """
        reply = self._send()
        self.request.forwarded = True
        return reply

    def respond(self, reply: Reply) -> None:
        """Send a complete response and keep the connection open."""
        self.begin_response(reply, b"" if self.request.method == "HEAD" else reply.body)

    def begin_response(self, reply: Reply, part: bytes = b"") -> None:
        """Send the status line, the headers and a part of the body."""
        self.request.status = reply.status
        self.write(reply.head() + part)

    def write(self, data: bytes) -> None:
        """Send raw bytes."""
        self._out.write(data)
        self._out.flush()

    def wait(self, seconds: float) -> bool:
        """Wait, and return whether to continue: false if the proxy is stopping."""
        return not self._closing.wait(seconds)

    def hang(self) -> None:
        """Send nothing until the client disconnects."""
        self._connection.recv(1)
        self.is_over = True

    def close(self) -> None:
        """Close the connection normally."""
        self.is_over = True

    def reset(self) -> None:
        """Reset the connection."""
        self.is_over = True
        if self._connection.fileno() < 0:
            return
        no_linger = struct.pack("ii", 1, 0)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        # Closed by its number: Python would keep it open for its files and close it normally.
        os.close(self._connection.detach())
