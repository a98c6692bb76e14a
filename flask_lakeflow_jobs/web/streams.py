"""Event streams: what a viewer of runs is sent, for as long as a stream may live."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..watching import News, Snapshot, StateId, Subscription, Target
from . import sse
from .problems import problem

if TYPE_CHECKING:
    from ..clock import Clock

#: Milliseconds until a client comes back after a stream has ended.
RETRY = 2_000

#: The same where no stream can be held, so that the client polls.
POLLING_RETRY = 5_000

#: The same, between these two, where many streams may end together.
RETURN = (500, 3_000)


class Script(Protocol):
    """How news are written for one kind of stream."""

    def read(self, last_event_id: str) -> dict[Target, StateId]:
        """The states that a client says it has seen; junk is none.

        :param last_event_id: as the client sends it.
        """

    def write(self, news: News) -> bytes:
        """The event for a piece of news.

        :param news: it.
        """


class OneRun:
    """The events of one run: their ids name its states.

    :param target: the run.
    """

    def __init__(self, target: Target) -> None:
        self._target = target

    def read(self, last_event_id: str) -> dict[Target, StateId]:
        seen = StateId.parse(last_event_id)
        return {self._target: seen} if seen else {}

    def write(self, news: News) -> bytes:
        if news.snapshot is None:
            return _control_event(news)
        return sse.event(news.snapshot.data, id=str(news.snapshot.id))


class ManyRuns:
    """The events of several runs: each names its run, and their ids the states of all runs.

    :param targets: the runs.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = {target.run_id: target for target in targets}
        self._seen: dict[Target, StateId] = {}

    def read(self, last_event_id: str) -> dict[Target, StateId]:
        for part in last_event_id.split(","):
            run_id, _, text = part.partition(":")
            state = StateId.parse(text)
            is_number = run_id.isascii() and run_id.isdecimal() and len(run_id) < 20
            target = self._targets.get(int(run_id)) if is_number else None
            if state is not None and target is not None:
                self._seen[target] = state
        return dict(self._seen)

    def write(self, news: News) -> bytes:
        whose = {"job": news.target.job.key, "runId": news.target.run_id}
        if news.snapshot is None:
            return _control_event(news, **whose)
        self._seen[news.target] = news.snapshot.id
        id_of_all = ",".join(f"{target.run_id}:{state}" for target, state in self._seen.items())
        return sse.event(_prefixed(news.snapshot, whose), id=id_of_all)


def _prefixed(snapshot: Snapshot, more: dict[str, Any]) -> str:
    """The snapshot's JSON object, encoded once for all viewers, with members put before it."""
    return json.dumps(more, separators=(",", ":"))[:-1] + "," + snapshot.data[1:]


def _control_event(news: News, **more: Any) -> bytes:
    """What is no state of a run, so has no id: a viewer that comes back must not count it."""
    if news.error is not None:
        return sse.event(json.dumps({**more, **problem(news.error)}), name="error")
    if news.trouble is not None:
        return sse.event(json.dumps({**more, **problem(news.trouble)}), name="stale")
    return sse.event(json.dumps(more), name="fresh")


def end_event(targets: Sequence[Target]) -> bytes:
    """The event after the last one: nothing more will come.

    :param targets: the runs that were followed.
    """
    return sse.event(json.dumps({"runs": [target.run_id for target in targets]}), name="end")


class Stream:
    """One viewer's stream, whatever carries it: what is written when, and when it is over.

    :param subscription: what is followed.
    :param first: news that are there already.
    :param script: how news are written.
    :param end: the event after the last one.
    :param ends_at: the moment, by the monotonic clock, at which it ends; the client comes back.
    :param on_close: gives back what the stream holds; may be called again.
    """

    def __init__(
        self,
        subscription: Subscription,
        first: Sequence[News],
        script: Script,
        *,
        end: bytes,
        ends_at: float,
        on_close: Callable[[], None],
    ) -> None:
        self.subscription = subscription
        self.ends_at = ends_at
        self.is_over = False
        self._script = script
        self._end = end
        self._on_close = on_close
        self.opening = sse.retry(RETRY) + self.written(first)

    def written(self, news: Sequence[News]) -> bytes:
        """The events for news, and for the end after the last of them.

        :param news: as the subscription has them.
        """
        written = b"".join(self._script.write(item) for item in news)
        if self.subscription.is_over and not self.is_over:
            self.is_over = True
            written += self._end
        return written

    def farewell(self) -> bytes:
        """What a client is told that has to come back, to another process or a new stream."""
        self.is_over = True
        return sse.retry(random.randint(*RETURN))  # noqa: S311

    def close(self) -> None:
        self.is_over = True
        self._on_close()


class PullBody(Iterator[bytes]):
    """A stream as the body of a response whose server pulls, in a thread that waits for news.

    Closing it closes the stream, whether it was ever read or not.

    :param stream: it.
    :param heartbeat: seconds of silence after which a comment is sent.
    :param clock: the time.
    :param is_closing: whether the process is about to end.
    """

    def __init__(
        self, stream: Stream, *, heartbeat: float, clock: Clock, is_closing: Callable[[], bool]
    ) -> None:
        self._stream = stream
        self._heartbeat = heartbeat
        self._clock = clock
        self._is_closing = is_closing
        self._is_open = False

    def __next__(self) -> bytes:
        stream = self._stream
        if not self._is_open:
            self._is_open = True
            return stream.opening
        if stream.is_over:
            self.close()
            raise StopIteration
        left = stream.ends_at - self._clock.monotonic()
        if left <= 0 or self._is_closing():
            return stream.farewell()
        news = stream.subscription.wait(min(self._heartbeat, left), give_up=self._is_closing)
        return stream.written(news) or sse.HEARTBEAT

    def close(self) -> None:
        self._stream.close()


def present_state(news: Sequence[News], script: Script, *, is_over: bool, end: bytes) -> bytes:
    """The whole body where no stream can be held: what is known, and when to ask again.

    :param news: what is known.
    :param script: how news are written.
    :param is_over: whether nothing more will come.
    :param end: the event after the last one.
    """
    written = b"".join(script.write(item) for item in news)
    return sse.retry(POLLING_RETRY) + written + (end if is_over else b"")


def jittered(seconds: float) -> float:
    """A lifetime that differs a little from that of other streams, so that not all end at once.

    :param seconds: the longest.
    """
    return seconds * random.uniform(0.9, 1.0)  # noqa: S311
