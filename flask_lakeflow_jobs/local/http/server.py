"""The workspace's HTTP face: requests in, the right handler, JSON out; and the server that
listens.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from waitress import create_server, wasyncore

from .application import _BODY_LIMIT, _log

if TYPE_CHECKING:
    from .application import Environ, StartResponse

_LOOPBACK = "127.0.0.1"


class HttpServer:
    """Serves an application on the loopback interface, from threads of its own.

    :param preferred_port: taken if it is free; any other otherwise.
    """

    def __init__(self, preferred_port: int) -> None:
        self._application: Callable[..., Iterable[bytes]] = _not_ready
        self._sockets: dict[int, Any] = {}
        self._server = self._serve_on(_bound_socket(preferred_port))
        self.port = int(self._server.effective_port)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    @property
    def host(self) -> str:
        """The address, as a client's configuration wants it."""
        return f"http://{_LOOPBACK}:{self.port}"

    @property
    def is_serving(self) -> bool:
        """Whether requests that come in are answered."""
        return self._thread.is_alive()

    def start(self, application: Callable[..., Iterable[bytes]]) -> None:
        """Serve from now on."""
        self._application = application
        self._thread.start()

    def stop(self) -> None:
        """Serve no more and close all connections."""
        self._stopping = True
        self._server.pull_trigger()
        self._thread.join()
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets)

    def _serve_on(self, listening: socket.socket) -> Any:
        return create_server(
            lambda environ, start_response: self._application(environ, start_response),
            map=self._sockets,
            sockets=[listening],
            threads=4,
            channel_timeout=3600,
            connection_limit=2000,
            max_request_body_size=_BODY_LIMIT,
            # Larger ones would go through temporary files.
            inbuf_overflow=2 * _BODY_LIMIT,
            outbuf_overflow=8 * _BODY_LIMIT,
            asyncore_use_poll=True,
            ident=None,
        )

    def _serve(self) -> None:
        try:
            while not self._stopping:
                wasyncore.loop(timeout=1, use_poll=True, map=self._sockets, count=1)
        except Exception:
            _log.exception("The server has broken down")


def _bound_socket(preferred_port: int) -> socket.socket:
    """A socket that listens on a port, or on any other where that one is taken."""
    # Made here and not by waitress, which leaves a server behind where the port is taken.
    try:
        return socket.create_server((_LOOPBACK, preferred_port))
    except OSError:
        return socket.create_server((_LOOPBACK, 0))


def _not_ready(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("503 Service Unavailable", [("Content-Length", "0"), ("Retry-After", "1")])
    return []
