"""The body of a response whose connection gunicorn hands off to the writer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Response

from ..stream import OPENING, POLLING_RETRY_MILLISECONDS
from .connection import GunicornConnection, find_connection, log_obstacle

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ...servers import Server
    from ..stream import BlockingBody, Stream
    from .writer import SocketWriter

#: The events of a finished stream that gunicorn's thread sends itself, in bytes: they fit into the
#: buffers of a socket.
SHORT_BYTES = 64 * 1024


class HandoffBody(Iterator[bytes]):
    """The body of a response that gunicorn iterates until the opening of the stream is sent. The
    connection is then handed off to the writer, before the first events: they may be megabytes
    long, and would hold the thread until the client has read them.

    :param fallback: the body to continue with if the connection cannot be handed off.
    """

    def __init__(
        self,
        fallback: BlockingBody,
        stream: Stream,
        events: bytes,
        writer: SocketWriter,
        server: Server,
    ) -> None:
        self._fallback: BlockingBody | None = fallback
        self._stream = stream
        self._events: bytes | None = events
        self._writer = writer
        self._server = server
        self._connection: GunicornConnection | None = None
        self._is_started = False
        # The short rest of a finished stream is better sent at once: the connection stays open.
        self._is_short = stream.is_finished and len(events) < SHORT_BYTES

    def start(self, environ: Mapping[str, Any], start_response: Any) -> None:
        """Find the connection over which the body will be sent."""
        self._connection = find_connection(environ, start_response)
        if self._connection is not None and not self._is_short:
            self._connection.announce_close()

    def __next__(self) -> bytes:
        if self._fallback is None:
            raise StopIteration
        if not self._is_started:
            self._is_started = True
            return OPENING
        events, self._events = self._events, None
        if events is not None and not self._is_short:
            if self._hand_off(events):
                self._fallback = None
                raise StopIteration
            has_thread = self._stream.is_finished or self._stream.permit.acquire_thread(
                self._server
            )
            if not has_thread:
                first = next(self._fallback) if events else b""
                return first + self._stream.end_early(POLLING_RETRY_MILLISECONDS)
        return next(self._fallback)

    def _hand_off(self, events: bytes) -> bool:
        connection, self._connection = self._connection, None
        if connection is None:
            return False
        if not connection.has_sent(len(OPENING)):
            log_obstacle("a middleware changes the body")
            return False
        descriptor = connection.detach() if self._writer.start() else None
        if descriptor is None:
            log_obstacle("no more threads can be started or files opened")
            return False
        self._stream.is_handed_off = True
        self._writer.add(descriptor, self._stream, events)
        return True

    def close(self) -> None:
        if self._fallback is not None:
            self._fallback.close()


class StreamResponse(Response):
    """A response that passes its connection to a :class:`HandoffBody`. Unless something waits for
    its end, it returns the body itself, so that thousands of responses can be freed at once."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if isinstance(self.response, HandoffBody):
            self.response.start(environ, start_response)
        self.direct_passthrough = not self._on_close
        return super().__call__(environ, start_response)

    def convert_to(self, response_class: Any) -> StreamResponse:
        """Convert this response to the app's own class. Flask does that too, and would lose the
        methods of this class."""
        self.__class__ = _stream_class(response_class)
        return self


@cache
def _stream_class(base: Any) -> type[StreamResponse]:
    if issubclass(StreamResponse, base):
        return StreamResponse
    return type("StreamResponse", (StreamResponse, base), {})
