"""The HTTP server of the workspace."""

from __future__ import annotations

import logging
import resource
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

from waitress import create_server, wasyncore
from waitress.buffers import OverflowableBuffer, ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError

from ..folder import WorkspaceError

_log = logging.getLogger("flask_lakeflow_jobs.local")
# It warns of each request that waits for a thread: thousands of times under load, to no use.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

_LOOPBACK = "127.0.0.1"
_MAX_CONNECTIONS = 2000
_THREADS = 4
_MIN_BYTES_TO_SEND = 16 * 1024  # while a request is served
#: Of a request, unless the application allows more.
MAX_BODY_BYTES = 15 * 2**20
_MAX_BODY_IN_MEMORY_BYTES = 20 * 2**20
_MAX_RESPONSE_IN_MEMORY_BYTES = 80 * 2**20

WsgiApplication = Callable[..., Iterable[bytes]]
#: The size of the largest body of a request: by method, path and authorization.
BodyLimit = Callable[[str, str, str], int]


class HttpServer:
    """Serves an application on the loopback interface, in its own threads.

    :param preferred_port: used if it is free; otherwise any free port.
    """

    def __init__(self, preferred_port: int) -> None:
        self._application: WsgiApplication
        self._max_body_bytes: BodyLimit
        self._sockets: dict[int, Any] = {}
        self._server = self._create_server(_bind(preferred_port))
        self.port = int(self._server.effective_port)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    @property
    def host(self) -> str:
        """The address, as in a client's configuration."""
        return f"http://{_LOOPBACK}:{self.port}"

    @property
    def is_serving(self) -> bool:
        """True while requests are served."""
        return self._thread.is_alive()

    def start(
        self, application: WsgiApplication, max_body_bytes: BodyLimit = lambda *_: MAX_BODY_BYTES
    ) -> None:
        """Start to serve an application. Until then, connections wait."""
        self._application = application
        self._max_body_bytes = max_body_bytes
        self._thread.start()

    def stop(self) -> None:
        """Stop, and close all connections. A second call does nothing."""
        if self._stopping:
            return
        self._stopping = True
        if self._thread.ident is not None:  # it was started
            self._server.pull_trigger()
            self._thread.join()
        self._server.task_dispatcher.shutdown()
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()  # also the files that it was sending
        wasyncore.close_all(self._sockets)

    def _create_server(self, listening: socket.socket) -> Any:
        server = create_server(
            lambda environ, start_response: self._application(environ, start_response),
            map=self._sockets,
            sockets=[listening],
            threads=_THREADS,
            channel_timeout=3600,
            connection_limit=_max_connections(),
            # Larger bodies go through temporary files.
            inbuf_overflow=_MAX_BODY_IN_MEMORY_BYTES,
            outbuf_overflow=_MAX_RESPONSE_IN_MEMORY_BYTES,
            # No thread waits for a client to read: four such clients would take all of them.
            outbuf_high_watermark=sys.maxsize,
            asyncore_use_poll=True,
            ident=None,
        )
        # The whole response at once, by the server's thread: a worker that sends gives up the GIL
        # for each part. As an option it is deprecated; without it, requests only take longer.
        server.adj.send_bytes = _MIN_BYTES_TO_SEND
        server.channel_class = _channel_class(lambda *request: self._max_body_bytes(*request))
        server.handle_accept = partial(self._accept_all, server.handle_accept)
        return server

    def _serve(self) -> None:
        try:
            while not self._stopping:
                wasyncore.loop(timeout=1, use_poll=True, map=self._sockets, count=1)
                if self._server.in_connection_overflow:
                    self._close_idle_connections()
        except Exception:
            _log.exception("The server failed")

    def _accept_all(self, accept: Callable[[], None]) -> None:
        """Accept all waiting connections.

        Each step of the loop checks every connection, so a step for each of thousands would delay
        the next request by seconds.
        """
        accepted = -1
        while accepted < len(self._sockets) < self._server.adj.connection_limit:
            accepted = len(self._sockets)
            accept()

    def _close_idle_connections(self) -> None:
        """Make room for new connections. Those that have been silent longest are closed."""
        channels = self._server.active_channels.values()
        idle = sorted(
            (each for each in channels if not each.requests), key=lambda each: each.last_activity
        )
        for channel in idle[: -(-len(idle) // 4)]:
            channel.will_close = True


class FilePart(ReadOnlyFileBasedBuffer):  # type: ignore[misc]
    """The rest of a file as a response. The server's thread sends it, as slowly as it is read."""

    def get(self, numbytes: int = -1, skip: bool = False) -> bytes:
        """Return what is sent next.

        :raises OSError: something has cut the file since; the connection is closed then.
        """
        data = bytes(super().get(numbytes, skip))
        if not data and self.remain:
            raise OSError("The file has become shorter while it was sent.")
        return data


class _RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """Reads a request; its headers decide how large its body may be.

    A body that is too large is read to its end, so that the client gets an answer, but not kept:
    the application finds it empty, with its size.
    """

    def __init__(self, adjustments: Any, limit: BodyLimit) -> None:
        super().__init__(adjustments)
        self._overflow = adjustments.inbuf_overflow
        self._limit = limit

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers, before waitress compares the size of the body with its setting."""
        try:
            super().parse_header(header_plus)
        except ValueError:  # waitress would close the connection without an answer
            raise ParsingError("The head of the request cannot be read") from None
        if self.body_rcv is None:
            return
        authorization = self.headers.get("AUTHORIZATION", "")
        limit = self._limit(self.command, self.path, authorization)
        if self.content_length > limit:
            limit = 0
        self.body_rcv.buf = _BodyBuffer(self._overflow, limit)
        self.adj = SimpleNamespace(max_request_body_size=sys.maxsize)


class _BodyBuffer(OverflowableBuffer):  # type: ignore[misc]
    """Keeps a body up to a limit, and nothing of a larger one."""

    def __init__(self, overflow: int, limit: int) -> None:
        super().__init__(overflow)
        self._limit = limit
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        """Take the next part of the body."""
        is_kept = self._size <= self._limit
        self._size += len(data)
        if self._size <= self._limit:
            super().append(data)
        elif is_kept:
            self.close()
            self.buf, self.strbuf = None, b""


def _channel_class(limit: BodyLimit) -> type[Any]:
    class Channel(HTTPChannel):  # type: ignore[misc]
        parser_class = staticmethod(lambda adjustments: _RequestParser(adjustments, limit))

    return Channel


def _max_connections() -> int:
    """Leave a quarter of the file descriptors to the database, the logs and the tasks."""
    soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft_limit == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return max(1, min(_MAX_CONNECTIONS, soft_limit * 3 // 4))


def _bind(preferred_port: int) -> socket.socket:
    # Not by waitress, which leaks a server if the port is taken.
    if preferred_port in range(2**16):
        with suppress(OSError):
            return socket.create_server((_LOOPBACK, preferred_port))
    try:
        return socket.create_server((_LOOPBACK, 0))
    except OSError as error:  # such as in a container with IPv6 only
        raise WorkspaceError(
            f"The local workspace cannot listen on {_LOOPBACK}: {error}. Give the loopback"
            " interface this address."
        ) from error
