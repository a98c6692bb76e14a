"""Connections that gunicorn's gthread worker hands off, so that a stream needs no thread.

This relies on internals of gunicorn: the socket of a request is in its environment, and each part
of a body is sent before the body's iterator is called again. Therefore each connection is checked,
and detaching a socket is tried out once per process. A connection that is not as expected stays
with gunicorn.
"""

from __future__ import annotations

import contextlib
import functools
import select
import socket
import sys
from collections.abc import Mapping
from typing import Any

from ....loggers import log_once

#: The lowest version on which the handoff is tested.
MIN_GUNICORN = (23,)

#: Milliseconds after which a peer that acknowledges nothing is disconnected. Linux, tcp(7).
USER_TIMEOUT_MILLISECONDS = 30_000

#: The attributes of gunicorn's response object that are used.
RESPONSE_ATTRIBUTES = ("headers_sent", "chunked", "sent", "force_close")


class GunicornConnection:
    """The connection of a request.

    :param response: gunicorn's own response object.
    """

    def __init__(self, sock: socket.socket, response: Any) -> None:
        self._socket = sock
        self._response = response

    def announce_close(self) -> None:
        """Send ``Connection: close``: another request on the connection would be lost."""
        self._response.force_close()

    def has_sent(self, sent: int) -> bool:
        """Return whether gunicorn has sent the headers and so many bytes of the body, in chunks."""
        response = self._response
        return bool(response.headers_sent and response.chunked and response.sent == sent)

    def detach(self) -> int | None:
        """Take the socket; gunicorn keeps one that is disconnected, and ends the request.

        :return: the file descriptor, non-blocking; ``None``: the connection stays with gunicorn.
        """
        with contextlib.suppress(OSError, AttributeError):  # not TCP, or not Linux
            self._socket.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MILLISECONDS
            )
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            return detach_socket(self._socket)
        except OSError:  # the limit on open files
            return None


def find_connection(environ: Mapping[str, Any], start_response: Any) -> GunicornConnection | None:
    """Return the connection of a request, if it can be handed off. If not, log why."""
    if environ.get("REQUEST_METHOD") == "HEAD":
        return None
    sock = environ.get("gunicorn.socket")
    response = getattr(start_response, "__self__", None)
    if type(sock) is not socket.socket:
        log_obstacle("TLS ends in the server itself")
    elif environ.get("SERVER_PROTOCOL") != "HTTP/1.1":  # chunked, and one request at a time
        log_obstacle(f"requests arrive over {environ.get('SERVER_PROTOCOL')} and not HTTP/1.1")
    elif (
        type(response).__module__ == "gunicorn.http.wsgi"
        and getattr(response, "sock", None) is sock
        and all(hasattr(response, name) for name in RESPONSE_ATTRIBUTES)
    ):
        return GunicornConnection(environ["gunicorn.socket"], response)
    else:
        log_obstacle("a middleware or a tracer wraps start_response")
    return None


def log_obstacle(reason: str) -> None:
    """Log once per process why a stream is not handed off."""
    message = f"Event streams of this process hold a thread each, because {reason}."
    log_once("flask_lakeflow_jobs.web", message)


@functools.cache
def is_supported() -> bool:
    """Return whether connections of this process can be handed off, if it is a gthread worker."""
    version = getattr(sys.modules.get("gunicorn"), "version_info", (0,))
    return version >= MIN_GUNICORN and hasattr(select, "epoll") and _can_detach()


def detach_socket(sock: socket.socket) -> int:
    """Take the file descriptor of a socket, which becomes a disconnected one.

    :return: the file descriptor, non-blocking.
    """
    disconnected, peer = socket.socketpair()
    peer.close()
    sock.setblocking(False)
    descriptor = sock.detach()
    sock.__init__(  # type: ignore[misc]
        disconnected.family, disconnected.type, disconnected.proto, fileno=disconnected.detach()
    )
    return descriptor


def _can_detach() -> bool:
    """Try it out: the socket must fail like a lost connection, and its descriptor must send."""
    near, far = socket.socketpair()
    detached = None
    try:
        detached = socket.socket(fileno=detach_socket(near))
        try:
            near.sendall(b"lost")
        except BrokenPipeError:
            detached.sendall(b"sent")
            return far.recv(8) == b"sent"
        return False
    except OSError:
        return False
    finally:
        for sock in (near, far, detached):
            if sock is not None:
                sock.close()
