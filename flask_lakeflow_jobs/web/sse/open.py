"""The routes: each translates a request into calls on handles, and what they give into JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing

from flask import Response, request

from ...globals import current_state
from ...watching.watched_run import RunKey
from ..requests import read_last_event_id
from ..state import web_state
from .encoder import EventEncoder
from .format import EVENT_STREAM, HEADERS
from .handoff import connection
from .handoff.writer import HandoffBody, StreamResponse
from .stream import BlockingBody, Stream, jittered, present_state

#: Seconds for the first look at a streamed run, before the response begins without it: proxies and
#: viewers wait for its headers.
FIRST_LOOK = 5.0


def _stream(
    run_keys: Sequence[RunKey], script: EventEncoder, *, polls: bool, is_started: bool = False
) -> Response:
    """Follow runs, as long as the server has room for it, and unless the client would rather poll.

    The first look is made here, so that a run that is not there is a plain 404, unless too many
    wait for theirs; then the stream brings it, or the next poll. After a trigger a look that fails
    is an event, since the answer is to name the run.
    """
    state = current_state()
    hub, settings, clock = state.hub, state.settings, state.clock
    slots = web_state().stream_limiter
    with ExitStack() as held:
        is_pushed = settings.push and connection.is_possible()
        has_slot = not polls and (
            slots.acquire_socket() if is_pushed else slots.acquire_thread(request.environ)
        )
        if has_slot:
            held.callback(slots.release, thread=not is_pushed)
        seen = script.read(read_last_event_id(request))
        subscription = held.enter_context(closing(hub.subscribe(run_keys, seen)))
        with slots.first_read_permit(
            request.environ, has_thread=has_slot and not is_pushed
        ) as may_wait:
            patience = min(FIRST_LOOK, settings.read_timeout) if may_wait else 0.0
            first = subscription.wait_for_first(patience)
        errors = [item.error for item in first if item.error is not None]
        has_new_states = any(item.snapshot is not None for item in first)
        if subscription.is_finished and seen and not has_new_states and len(run_keys) > len(errors):
            return Response(status=204)
        if len(errors) == len(first) == len(run_keys) and not is_started:
            raise errors[0]
        knows_end = bool(seen) and all(state.is_terminal for state in seen.values())
        if not has_slot or hub.is_closing() or (knows_end and not may_wait):
            return _event_stream([present_state(subscription, first, script)])
        stream = Stream(
            subscription,
            script,
            ends_at=clock.monotonic() + jittered(settings.stream_max_seconds),
            slots=slots,
            holds_thread=not is_pushed,
        )
        opening = stream.opening(first)
        held.pop_all()  # the stream holds it all now
    body = BlockingBody(
        stream, opening, heartbeat=settings.heartbeat, clock=clock, is_closing=hub.is_closing
    )
    return _event_stream(
        HandoffBody(body, stream, len(opening), web_state().socket_writer) if is_pushed else body
    )


def _event_stream(body: Iterable[bytes]) -> Response:
    return StreamResponse(body, mimetype=EVENT_STREAM, headers=HEADERS)
