"""One request on its way to a workspace, and what a fault may do to it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection, responses
from io import BufferedIOBase
from typing import Any
from urllib.parse import urlsplit

#: Headers that hold for one connection only, or that are written anew.
HOP_BY_HOP_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "transfer-encoding",
    }
)

#: Seconds that a workspace may take for an answer.
TIMEOUT_SECONDS = 60.0


def hash_token(token: str) -> str:
    """Names a token in a record without giving it away.

    :param token: the token.
    """
    return hashlib.sha256(token.encode()).hexdigest()[:12]


@dataclass
class RecordedRequest:
    """A request that a client sent.

    :param method: e.g. ``GET``.
    :param path: without the query.
    :param query: the query, each name with its last value.
    :param body: what its JSON says; text that is not JSON as it is, ``None`` if there is none.
    :param token: the :func:`hash_token` of its bearer token; empty without one.
    :param forwarded: whether it reached the workspace.
    :param status: in the answer that the client got, or the beginning of one; ``None``: in none,
        or none yet.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    token: str = ""
    forwarded: bool = False
    status: int | None = None

    def matches(self, method: str | None, path: str | None) -> bool:
        """Whether it is one of those meant.

        :param method: e.g. ``POST``; ``None``: any.
        :param path: the end of its path, e.g. ``jobs/runs/get``; ``None``: any.
        """
        return (method is None or method == self.method) and (
            path is None or self.path.endswith(path)
        )


def parse_body(raw: bytes) -> Any:
    """A body as a record holds it.

    :param raw: the bytes.
    """
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP; its length is not among the headers."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def head(self) -> bytes:
        """The status line and the headers, as they are sent."""
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1")


@dataclass(frozen=True)
class ForwardedRequest:
    """A request as it is handed on.

    :param origin: scheme, host and port of the workspace.
    :param method: e.g. ``GET``.
    :param target: path and query.
    :param headers: all of them.
    :param body: the bytes.
    """

    origin: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def send(self) -> Reply:
        """Ask the workspace, over a connection of its own, exactly once.

        :raises OSError: it cannot be reached.
        """
        parts = urlsplit(self.origin)
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = connect(parts.netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(self.method, self.target, self.body or None, dict(self.headers))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        headers = {
            name: value
            for name, value in response.getheaders()
            if name.lower() not in HOP_BY_HOP_HEADERS
        }
        return Reply(response.status, headers, body)


class Exchange:
    """A request that has been read and waits for an answer: what a fault is given.

    :param request: its record.
    :param outbound: the request as the workspace gets it.
    :param connection: to the client.
    :param out: writes to the client.
    :param closing: set when nobody waits for answers any more.
    :param rewrite: turns the workspace's address in a body into the one that the client knows.
    """

    def __init__(
        self,
        request: RecordedRequest,
        build_forwarded_request: ForwardedRequest,
        connection: socket.socket,
        out: BufferedIOBase,
        closing: threading.Event,
        rewrite: Callable[[bytes], bytes],
    ) -> None:
        self.request = request
        self.is_over = False
        self._outbound = build_forwarded_request
        self._connection = connection
        self._out = out
        self._closing = closing
        self._rewrite = rewrite

    def forward(self) -> Reply:
        """Hand the request on to the workspace.

        :return: what it answers, not yet sent to the client.
        :raises OSError: the workspace cannot be reached.
        """
        reply = self._outbound.send()
        self.request.forwarded = True
        return Reply(reply.status, reply.headers, self._rewrite(reply.body))

    def respond(self, reply: Reply) -> None:
        """Send a whole answer; the connection stays open.

        :param reply: it.
        """
        self.begin_response(reply, b"" if self.request.method == "HEAD" else reply.body)

    def begin_response(self, reply: Reply, part: bytes = b"") -> None:
        """Send the status line, the headers, and a part of the body.

        :param reply: it.
        :param part: of its body.
        """
        self.request.status = reply.status
        self.write(reply.head() + part)

    def write(self, data: bytes) -> None:
        """Send bytes as they are.

        :param data: them.
        """
        self._out.write(data)
        self._out.flush()

    def wait(self, seconds: float) -> bool:
        """Let time pass.

        :param seconds: how long.
        :return: whether the fault should go on: not when the workspace is being stopped.
        """
        return not self._closing.wait(seconds)

    def hang(self) -> None:
        """Say nothing until the client leaves."""
        self._connection.recv(1)
        self.is_over = True

    def close(self) -> None:
        """Close the connection in good order."""
        self.is_over = True

    def reset(self) -> None:
        """Break the connection off."""
        self.is_over = True
        if self._connection.fileno() < 0:
            return
        no_linger = struct.pack("ii", 1, 0)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        # Closed past Python, which would keep it open for its files and close it in good order.
        os.close(self._connection.detach())
