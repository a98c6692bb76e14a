"""Event streams: what a viewer of runs is sent, for as long as a stream may live."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ... import telemetry
from ...watching.subscription import Subscription
from ...watching.watched_run import RunUpdate
from .encoder import end_event
from .format import HEARTBEAT, format_retry

if TYPE_CHECKING:
    from ...clock import Clock
    from .encoder import EventEncoder
    from .limits import StreamLimiter

#: Milliseconds until a client comes back after a stream has ended.
RETRY = 2_000

#: The same where no stream can be held, so that the client polls.
POLLING_RETRY = 5_000

#: The same, between these two, where many streams may end together.
RETURN = (500, 3_000)


class Stream:
    """One viewer's stream, whatever carries it: what is written when, and when it is over.

    There are many of these, so they are kept small.

    :param subscription: what is followed; the stream closes it.
    :param script: how news are written.
    :param ends_at: the moment, by the monotonic clock, at which it ends; the client comes back.
    :param slots: what the stream's slot is given back to.
    :param holds_thread: whether that is a slot for a stream that holds a thread.
    """

    __slots__ = (
        "_holds_thread",
        "_slots",
        "_told",
        "_write",
        "ends_at",
        "is_closed",
        "is_over",
        "subscription",
    )

    def __init__(
        self,
        subscription: Subscription,
        script: EventEncoder,
        *,
        ends_at: float,
        slots: StreamLimiter,
        holds_thread: bool,
    ) -> None:
        self.subscription = subscription
        self.ends_at = ends_at
        self.is_over = False
        self.is_closed = False
        self._write = script.write
        self._slots = slots
        self._holds_thread = holds_thread
        self._told = telemetry.observe_stream(run_key.job.key for run_key in subscription.run_keys)

    def hold_thread(self, environ: Mapping[str, Any]) -> bool:
        """Change over to a slot for a stream that holds a thread, if there is one.

        :param environ: the WSGI environment of the request.
        """
        if not self._holds_thread and self._slots.acquire_thread(environ):
            self._slots.release(thread=False)
            self._holds_thread = True
        return self._holds_thread

    def opening(self, news: Sequence[RunUpdate]) -> bytes:
        """What comes first, at once, so that proxies and viewers see the headers.

        :param news: what is known already.
        """
        return format_retry(RETRY) + self.written(news)

    def written(self, news: Sequence[RunUpdate]) -> bytes:
        """The events for news, and for the end after the last of them.

        :param news: as the subscription has them.
        """
        written = b"".join([self._write(item) for item in news])
        self._told.count(len(news))
        if self.subscription.is_finished and not self.is_over:
            self.is_over = True
            written += end_event(self.subscription)
        return written

    def farewell(self, retry: int | None = None) -> bytes:
        """What a client is told that has to come back, to another process or a new stream.

        :param retry: milliseconds until then; ``None``: soon, and not when the others do.
        """
        self.is_over = True
        return format_retry(random.randint(*RETURN) if retry is None else retry)  # noqa: S311

    @property
    def _outcome(self) -> str:
        if not self.is_over:
            return "viewer_left"
        return "runs_ended" if self.subscription.is_finished else "sent_back"

    def close(self) -> None:
        """Leave the watch and give the slot back; may be called again."""
        if not self.is_closed:
            self._told.end(self._outcome)
            self.is_closed = self.is_over = True
            self.subscription.close()
            self._slots.release(thread=self._holds_thread)


class BlockingBody(Iterator[bytes]):
    """A stream as the body of a response whose server pulls, in a thread that waits for news.

    Closing it closes the stream, whether it was ever read or not. There are many of these, so they
    are kept small.

    :param stream: it.
    :param opening: what comes first.
    :param heartbeat: seconds of silence after which a comment is sent.
    :param clock: the time.
    :param is_closing: whether the process is about to end.
    """

    __slots__ = ("_clock", "_heartbeat", "_is_closing", "_opening", "_stream")

    def __init__(
        self,
        stream: Stream,
        opening: bytes,
        *,
        heartbeat: float,
        clock: Clock,
        is_closing: Callable[[], bool],
    ) -> None:
        self._stream = stream
        self._opening: bytes | None = opening
        self._heartbeat = heartbeat
        self._clock = clock
        self._is_closing = is_closing

    def __next__(self) -> bytes:
        stream = self._stream
        if self._opening is not None:
            opening, self._opening = self._opening, None
            return opening
        if stream.is_over:
            self.close()
            raise StopIteration
        left = stream.ends_at - self._clock.monotonic()
        if left <= 0:
            return stream.farewell()
        news = stream.subscription.wait(min(self._heartbeat, left), should_stop=self._is_closing)
        written = stream.written(news)
        if not written:
            return stream.farewell() if self._is_closing() else HEARTBEAT
        return written

    def close(self) -> None:
        self._stream.close()


def present_state(
    subscription: Subscription, news: Sequence[RunUpdate], script: EventEncoder
) -> bytes:
    """The whole body where no stream can be held: what is known, and when to ask again.

    :param subscription: what would be followed.
    :param news: what is known.
    :param script: how news are written.
    """
    written = b"".join([script.write(item) for item in news])
    return (
        format_retry(POLLING_RETRY)
        + written
        + (end_event(subscription) if subscription.is_finished else b"")
    )


def jittered(seconds: float) -> float:
    """A lifetime that differs a little from that of other streams, so that not all end at once.

    :param seconds: the longest.
    """
    return seconds * random.uniform(0.9, 1.0)  # noqa: S311
