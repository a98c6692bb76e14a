"""A proxy between a browser and an app that cuts connections, buffers responses, or is down."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support import DEADLINE

DOWN = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 4\r\n"
    b"Connection: close\r\n\r\nnope"
)


@dataclass
class Proxy:
    """A proxy with one upstream connection per request.

    :param is_buffering: forward a response only when it is complete.
    :param is_down: respond 502 to all requests.
    :param down_for: prefixes of paths to respond 502 to.
    :param requests: method and path of each request so far.
    """

    app_url: str
    is_buffering: bool = False
    is_down: bool = False
    down_for: tuple[str, ...] = ()
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open: set[socket.socket] = set()
        self._may_forward = threading.Event()
        self._may_forward.set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def count(self, *parts: str) -> int:
        """Count the requests whose method and path contain all parts."""
        return sum(all(part in path for part in parts) for path in self.requests)

    def cut(self) -> None:
        """Break all connections, also in the middle of a response."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Forward no request meanwhile."""
        self._may_forward.clear()
        try:
            yield
        finally:
            self._may_forward.set()

    def close(self) -> None:
        self.cut()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def forward(self, head: bytes, body: bytes, client: socket.socket) -> None:
        """Send a request to the app, and its response to the client."""
        self._may_forward.wait(DEADLINE)
        address = urlsplit(self.app_url)
        with socket.create_connection((address.hostname or "", address.port or 80)) as app:
            self._open |= {app, client}
            try:
                app.sendall(head + body)
                buffered = b""
                while chunk := app.recv(65536):
                    if self.is_buffering:
                        buffered += chunk
                    else:
                        client.sendall(chunk)
                client.sendall(buffered)
            except OSError:  # the client or the app has closed its connection
                return
            finally:
                self._open -= {app, client}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of connections that the browser closes."""


class _Request(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        proxy = self.server.proxy
        proxy.requests.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if proxy.is_down or any(self.path.startswith(path) for path in proxy.down_for):
            self.connection.sendall(DOWN)
        else:
            del self.headers["Connection"]
            self.headers["Connection"] = "close"
            lines = [f"{self.command} {self.path} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in self.headers.items()]
            head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
            proxy.forward(head, body, self.connection)
        self.close_connection = True

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


MakeProxy = Callable[[str], Proxy]
