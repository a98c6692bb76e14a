"""A proxy between a browser and an app that cuts connections, holds answers back, or is down."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

DOWN = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 4\r\n"
    b"Connection: close\r\n\r\nnope"
)


@dataclass
class Proxy:
    """In front of an app, with one connection upstream for each request.

    :param app_url: the app.
    :param holds_back: whether an answer is handed on only when it is complete.
    :param is_down: whether it answers 502 to everything.
    :param down_for: the beginnings of paths for which it does.
    :param requests: the paths that were asked for.
    """

    app_url: str
    holds_back: bool = False
    is_down: bool = False
    down_for: tuple[str, ...] = ()
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open: set[socket.socket] = set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def count(self, *parts: str) -> int:
        """How many requests had all of these in their path."""
        return sum(all(part in path for part in parts) for path in self.requests)

    def cut(self) -> None:
        """Break all connections off, in the middle of whatever they carry."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def hand_on(self, head: bytes, body: bytes, client: socket.socket) -> None:
        """Send a request on, and the answer back."""
        address = urlsplit(self.app_url)
        with socket.create_connection((address.hostname or "", address.port or 80)) as app:
            self._open |= {app, client}
            try:
                app.sendall(head + body)
                held = b""
                while chunk := app.recv(65536):
                    if self.holds_back:
                        held += chunk
                    else:
                        client.sendall(chunk)
                client.sendall(held)
            except OSError:  # one of the two is gone
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
        """Browsers break connections off as they please."""


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
            proxy.hand_on(head, body, self.connection)
        self.close_connection = True

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""
