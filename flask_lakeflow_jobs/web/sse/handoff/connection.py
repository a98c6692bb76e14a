"""Taking a connection over from gunicorn's gthread worker, so that a stream needs no thread.

This leans on what gunicorn does and does not promise: that the socket of a request is in its
environment, and that what a body yields is sent before the body is asked for more. So each
connection is looked at closely, the trick is tried out once per process, and whatever is not as
expected leaves the connection with gunicorn.
"""

from __future__ import annotations

import contextlib
import functools
import select
import socket
from collections.abc import Mapping
from typing import Any

from ..limits import is_gthread_worker

#: Milliseconds after which a peer that acknowledges nothing is given up. Linux, tcp(7).
USER_TIMEOUT = 30_000

#: What is used of gunicorn's own response.
NEEDED = ("headers_sent", "chunked", "sent", "force_close")


class Connection:
    """The connection of a request, which gunicorn may be relieved of.

    :param sock: its socket.
    :param response: gunicorn's own response object.
    """

    def __init__(self, sock: socket.socket, response: Any) -> None:
        self._sock = sock
        self._response = response

    def announce_close(self) -> None:
        """Let the headers say that no other request will be read from it, since none can be once it
        is taken: who sent one would lose it."""
        self._response.force_close()

    def take(self, sent: int) -> int | None:
        """Take the socket away; gunicorn is left with a dead one, and ends the request.

        :param sent: how many bytes of the body must have been sent by now.
        :return: the file descriptor, not blocking; or ``None``: it is better left where it is.
        """
        response = self._response
        if not (response.headers_sent and response.chunked and response.sent == sent):
            return None
        with contextlib.suppress(OSError, AttributeError):  # not TCP, or not Linux
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            return swap(self._sock)
        except OSError:  # no more files can be opened
            return None


def connection_of(environ: Mapping[str, Any], start_response: Any) -> Connection | None:
    """The connection of a request, if it can be taken over.

    :param environ: the WSGI environment of the request.
    :param start_response: as the server gave it.
    """
    sock = environ.get("gunicorn.socket")
    response = getattr(start_response, "__self__", None)
    if type(sock) is not socket.socket:  # none, or TLS
        return None
    is_fit = (
        environ.get("SERVER_PROTOCOL") == "HTTP/1.1"  # chunked, and one request at a time
        and environ.get("REQUEST_METHOD") != "HEAD"
        and type(response).__module__ == "gunicorn.http.wsgi"
        and getattr(response, "sock", None) is sock
        and all(hasattr(response, name) for name in NEEDED)
    )
    return Connection(sock, response) if is_fit else None


@functools.cache
def is_possible() -> bool:
    """Whether this process is a worker whose connections can be taken over, tried out once."""
    return is_gthread_worker() and hasattr(select, "epoll") and _works()


def swap(sock: socket.socket) -> int:
    """Take the file descriptor out of a socket, which then stands for a connection that is lost.

    :param sock: it.
    :return: the file descriptor, not blocking.
    """
    dead, other = socket.socketpair()
    other.close()
    sock.setblocking(False)
    descriptor = sock.detach()
    sock.__init__(dead.family, dead.type, dead.proto, fileno=dead.detach())  # type: ignore[misc]
    return descriptor


def _works() -> bool:
    """Whether a swapped socket fails as a lost one does, and its descriptor still sends."""
    near, far = socket.socketpair()
    taken = None
    try:
        taken = socket.socket(fileno=swap(near))
        try:
            near.sendall(b"lost")
        except BrokenPipeError:
            taken.sendall(b"sent")
            return far.recv(8) == b"sent"
        return False
    except OSError:
        return False
    finally:
        for sock in (near, far, taken):
            if sock is not None:
                sock.close()
