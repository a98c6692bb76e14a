"""Streams of updates: what is written when, and how long a stream lasts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ... import telemetry
from ...watching.subscription import Subscription
from ...watching.watched_run import RunUpdate
from .encoder import encode_end
from .format import HEARTBEAT_COMMENT, format_retry

if TYPE_CHECKING:
    from ...clock import Clock
    from ..servers import Server
    from .encoder import EventEncoder
    from .limits import StreamPermit

#: Milliseconds until a client reconnects after its connection was lost.
RETRY_MILLISECONDS = 2_000

#: The same if the server holds no stream, so that the client polls.
POLLING_RETRY_MILLISECONDS = 5_000

#: The same, a random number in this range, if many streams may end together.
RECONNECT_MILLISECONDS = (500, 3_000)

#: The beginning of a stream.
OPENING = format_retry(RETRY_MILLISECONDS)


class Stream:
    """One subscriber's stream, independent of how it is written. A process may hold thousands.

    :param subscription: closed with the stream.
    :param ends_at: on the monotonic clock; the client then reconnects.
    :param permit: released when the stream is closed.
    """

    __slots__ = (
        "_encode",
        "_observation",
        "ends_at",
        "is_closed",
        "is_finished",
        "is_handed_off",
        "permit",
        "subscription",
    )

    def __init__(
        self,
        subscription: Subscription,
        encode: EventEncoder,
        *,
        ends_at: float,
        permit: StreamPermit,
    ) -> None:
        self.subscription = subscription
        self.ends_at = ends_at
        self.permit = permit
        self.is_finished = False  # nothing more is to be written
        self.is_handed_off = False  # the writer has its connection, and closes it
        self.is_closed = False
        self._encode = encode
        self._observation = telemetry.observe_stream(
            run_key.job.key for run_key in subscription.run_keys
        )

    def encode(self, updates: Sequence[RunUpdate]) -> bytes:
        """Encode updates, followed by the end event if they are the last.

        If a user's token has expired, the client reconnects instead: its request may have a new
        token, and without one gets the error.
        """
        if any(run.state.has_expired_token for run in self.subscription.watched_runs):
            updates = [update for update in updates if update.error is None]
            return b"".join(map(self._encode, updates)) + self.end_early()
        # One event as it is, not a copy: all streams of a run then send the same bytes object.
        events = b"".join([self._encode(update) for update in updates])
        self._observation.count(len(updates))
        if self.subscription.is_finished and not self.is_finished:
            self.is_finished = True
            events += encode_end(self.subscription)
        return events

    def end_early(self, retry: int | None = None) -> bytes:
        """End the stream before the runs, and return what makes the client reconnect.

        :param retry: milliseconds; ``None``: soon, but not all clients at once.
        """
        self.is_finished = True
        if retry is None:
            retry = random.randint(*RECONNECT_MILLISECONDS)  # noqa: S311
        return format_retry(retry)

    @property
    def _outcome(self) -> str:
        if not self.is_finished:
            return "viewer_left"
        return "runs_ended" if self.subscription.is_finished else "sent_back"

    def close(self) -> None:
        """End the subscription and release the permit, once."""
        if not self.is_closed:
            self._observation.end(self._outcome)
            self.is_closed = self.is_finished = True
            self.subscription.close()
            self.permit.release()


class BlockingBody(Iterator[bytes]):
    """The body of a response whose server iterates it in a thread that waits for updates.

    Closing it closes the stream, even if the body was never read.

    :param first: the beginning of the stream; may be empty.
    :param heartbeat: seconds without an event after which a comment is sent.
    :param abandon: called with a stream that nothing has closed: a function of the app failed or
        replaced the response, or a middleware does not close it.
    """

    __slots__ = ("_abandon", "_clock", "_first", "_heartbeat", "_is_closing", "_stream")

    def __init__(
        self,
        stream: Stream,
        first: bytes,
        *,
        heartbeat: float,
        clock: Clock,
        is_closing: Callable[[], bool],
        abandon: Callable[[Stream], object],
    ) -> None:
        self._abandon = abandon
        self._stream = stream
        self._first = first
        self._heartbeat = heartbeat
        self._clock = clock
        self._is_closing = is_closing

    def __next__(self) -> bytes:
        stream = self._stream
        if self._first:
            first, self._first = self._first, b""
            return first
        if stream.is_finished:
            self.close()
            raise StopIteration
        left = stream.ends_at - self._clock.monotonic()
        if left <= 0:
            return stream.end_early()
        updates = stream.subscription.wait(min(self._heartbeat, left), should_stop=self._is_closing)
        events = stream.encode(updates)
        if not events:
            return stream.end_early() if self._is_closing() else HEARTBEAT_COMMENT
        return events

    def close(self) -> None:
        self._stream.close()

    def __del__(self) -> None:
        # Not closed here: this thread may hold a lock that closing needs.
        if not (self._stream.is_closed or self._stream.is_handed_off):
            self._abandon(self._stream)


def encode_current_state(
    subscription: Subscription, updates: Sequence[RunUpdate], encode: EventEncoder
) -> bytes:
    """Encode the whole response of a server that holds no stream: the client polls."""
    events = b"".join([encode(update) for update in updates])
    end = encode_end(subscription) if subscription.is_finished else b""
    return format_retry(POLLING_RETRY_MILLISECONDS) + events + end


def choose_lifetime(max_seconds: float, server: Server) -> float:
    """Return the seconds that a stream lasts: at most as long as the app and the server allow.

    It is up to a tenth less, so that streams do not all end at once.

    :param max_seconds: ``LAKEFLOW_JOBS_STREAM_MAX_SECONDS``.
    """
    return min(max_seconds, server.max_stream_seconds) * random.uniform(0.9, 1.0)  # noqa: S311
