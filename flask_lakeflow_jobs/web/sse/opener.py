"""Opening a stream: read the first states, decide how to respond, and respond."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from flask import Response, current_app

from ...watching.subscription import Subscription
from ...watching.watched_run import RunUpdate
from ..servers import UNLIMITED, Server, find_server
from .encoder import EventEncoder
from .format import EVENT_STREAM, HEADERS
from .handoff.body import HandoffBody, StreamResponse
from .handoff.connection import is_supported
from .handoff.writer import SocketWriter
from .limits import PROCESS_USAGE, StreamLimiter, StreamPermit
from .stream import OPENING, BlockingBody, Stream, choose_lifetime, encode_current_state

if TYPE_CHECKING:
    from ...clock import Clock
    from ...config.settings import AppSettings
    from ...errors import LakeflowJobsError
    from ...watching.snapshot import StateId

#: The key of an app's opener in ``app.extensions``.
OPENER_KEY = "lakeflow_jobs.web"

#: Seconds that a response waits for the first poll: proxies and clients wait for its headers.
FIRST_READ_SECONDS = 5.0


class StreamDecision(Enum):
    """The ways to respond to a request for a stream."""

    NOT_FOUND = "respond with the error of the first run"
    FINISHED = "respond with 204, so that an EventSource stops"
    SNAPSHOT = "send the current state and end the response, so that the client polls"
    STREAM = "send updates until the runs end"


@dataclass(frozen=True)
class FirstRead:
    """The runs of a stream before the response starts.

    :param updates: those that the client does not have.
    :param is_finished: there will be no other update.
    """

    updates: Sequence[RunUpdate]
    run_count: int
    is_finished: bool

    @property
    def errors(self) -> list[LakeflowJobsError]:
        return [update.error for update in self.updates if update.error is not None]


def decide_stream(
    first: FirstRead,
    last_states: Collection[StateId],
    *,
    has_permit: bool,
    is_trigger: bool = False,
) -> StreamDecision:
    """Decide how to respond to a request for a stream.

    :param last_states: the states that the client already has.
    :param is_trigger: the request started the run, so the response must name it, even if the run
        cannot be read.
    """
    errors = len(first.errors)
    has_new_state = any(update.snapshot is not None for update in first.updates)
    if first.is_finished and last_states and not has_new_state and errors < first.run_count:
        return StreamDecision.FINISHED
    if errors == len(first.updates) == first.run_count and not is_trigger:
        return StreamDecision.NOT_FOUND
    may_be_finished = bool(last_states) and all(state.is_terminal for state in last_states)
    if not has_permit or (may_be_finished and not first.updates):  # unread, or nothing is new
        return StreamDecision.SNAPSHOT
    return StreamDecision.STREAM


def stream_opener() -> StreamOpener:
    return cast("StreamOpener", current_app.extensions[OPENER_KEY])


class StreamOpener:
    """The streams of one app in this process.

    :param is_closing: whether this process is about to end.
    """

    def __init__(self, settings: AppSettings, clock: Clock, is_closing: Callable[[], bool]) -> None:
        self._settings = settings
        self._clock = clock
        self._is_closing = is_closing
        self._writer = SocketWriter(clock, heartbeat=settings.heartbeat, is_closing=is_closing)
        self.limiter = StreamLimiter(settings.max_streams, PROCESS_USAGE)
        self._abandoned: deque[Stream] = deque()

    def open(
        self,
        subscription: Subscription,
        encode: EventEncoder,
        last_states: Collection[StateId],
        environ: Mapping[str, Any],
        *,
        poll: bool,
        is_trigger: bool = False,
    ) -> Response:
        """Respond with the updates of a subscription, which is closed with the response.

        :param last_states: the states that the client already has.
        :param poll: the client wants the current state only.
        :param is_trigger: as for :func:`decide_stream`.
        :raises LakeflowJobsError: no run can be read.
        """
        with ExitStack() as resources:
            resources.enter_context(closing(subscription))
            self._close_abandoned()
            server = find_server(environ)
            permit = None if poll else self._acquire_permit(server)
            if permit is not None:
                resources.callback(permit.release)
            first = self._read_first(subscription, permit, server)
            has_permit = permit is not None and not self._is_closing()
            decision = decide_stream(
                first, last_states, has_permit=has_permit, is_trigger=is_trigger
            )
            if decision is StreamDecision.NOT_FOUND:
                raise first.errors[0]
            if decision is StreamDecision.FINISHED:
                return Response(status=204, headers={"Cache-Control": "no-store"})
            if decision is StreamDecision.SNAPSHOT or permit is None:
                if not poll:
                    self.limiter.count_sent_to_poll()
                return _respond([encode_current_state(subscription, first.updates, encode)])
            now = self._clock.monotonic()
            lifetime = choose_lifetime(self._settings.stream_max_seconds, server)
            stream = Stream(subscription, encode, ends_at=now + lifetime, permit=permit)
            events = stream.encode(first.updates)
            resources.pop_all()  # from here on, the stream closes and releases them
        return _respond(self._body(stream, events, server))

    def _close_abandoned(self) -> None:
        """Close the streams whose bodies are gone, and which the server did not close."""
        while True:
            try:
                stream = self._abandoned.popleft()
            except IndexError:  # there are no more
                return
            stream.close()

    def _acquire_permit(self, server: Server) -> StreamPermit | None:
        if self._pushes(server):
            return self.limiter.acquire_socket(server)
        return self.limiter.acquire_thread(server)

    def _pushes(self, server: Server) -> bool:
        is_gthread = server.limit_connections is not None
        return self._settings.push and is_gthread and is_supported()

    def describe_server(self, environ: Mapping[str, Any]) -> dict[str, Any]:
        """Return the server of a request, and how many streams this process can hold on it."""
        server = find_server(environ)
        capacity = self.limiter.capacity(server, is_pushed=self._pushes(server))
        threads = None if server.threads == UNLIMITED else server.threads
        return {"name": server.name, "threads": threads, "streamCapacity": capacity}

    def _read_first(
        self, subscription: Subscription, permit: StreamPermit | None, server: Server
    ) -> FirstRead:
        has_thread = permit is not None and permit.holds_thread
        with self.limiter.first_read_permit(server, has_thread=has_thread) as may_wait:
            seconds = min(FIRST_READ_SECONDS, self._settings.read_timeout) if may_wait else 0.0
            updates = subscription.wait_for_first(seconds)
        run_count = len(subscription.run_keys)
        return FirstRead(updates, run_count, subscription.is_finished)

    def _body(self, stream: Stream, events: bytes, server: Server) -> Iterable[bytes]:
        body = BlockingBody(
            stream,
            OPENING + events if stream.permit.holds_thread else events,
            heartbeat=self._settings.heartbeat,
            clock=self._clock,
            is_closing=self._is_closing,
            abandon=self._abandoned.append,
        )
        if stream.permit.holds_thread:
            return body
        return HandoffBody(body, stream, events, self._writer, server)


def _respond(body: Iterable[bytes]) -> Response:
    response = StreamResponse(body, mimetype=EVENT_STREAM, headers=HEADERS)
    return response.convert_to(current_app.response_class)
