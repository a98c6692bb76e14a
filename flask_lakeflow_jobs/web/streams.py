"""Event streams: what a viewer of runs is sent, for as long as a stream may live."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from .. import telemetry
from ..masking import masked
from ..watching import News, Snapshot, StateId, Subscription, Target
from . import sse
from .events import END, ERROR, FRESH, STALE
from .problems import problem

if TYPE_CHECKING:
    from ..clock import Clock
    from .server import StreamSlots

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

    __slots__ = ("_target",)

    def __init__(self, target: Target) -> None:
        self._target = target

    def read(self, last_event_id: str) -> dict[Target, StateId]:
        seen = StateId.parse(last_event_id)
        return {self._target: seen} if seen else {}

    @staticmethod  # so that a stream, which writes for long, does not keep the rest
    def write(news: News) -> bytes:
        if news.snapshot is None:
            return _control_event(news)
        return _status_event(news.target, news.snapshot)


#: Of each state the JSON object that all viewers are shown, and the event for those of its run
#: alone.
_shown: WeakKeyDictionary[Snapshot, str] = WeakKeyDictionary()
_events: WeakKeyDictionary[Snapshot, bytes] = WeakKeyDictionary()


def _status_event(target: Target, snapshot: Snapshot) -> bytes:
    event = _events.get(snapshot)
    if event is None:
        event = _events[snapshot] = sse.event(_data(target, snapshot), id=str(snapshot.id))
    return event


def _data(target: Target, snapshot: Snapshot) -> str:
    data = _shown.get(snapshot)
    if data is None:
        document = json.loads(snapshot.data)
        document["run"] = masked(document["run"], target.job.secrets)
        data = _shown[snapshot] = json.dumps(document, separators=(",", ":"))
    return data


class ManyRuns:
    """The events of several runs: each names its run, and their ids the states of all runs.

    :param targets: the runs.
    """

    __slots__ = ("_seen", "_targets")

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets: dict[int, list[Target]] = {}  # two keys of one job may name the same run
        for target in targets:
            self._targets.setdefault(target.run_id, []).append(target)
        self._seen: dict[Target, StateId] = {}

    def read(self, last_event_id: str) -> dict[Target, StateId]:
        for part in last_event_id.split(","):
            run_id, _, text = part.partition(":")
            state = StateId.parse(text)
            is_number = run_id.isascii() and run_id.isdecimal() and len(run_id) < 20
            if state is not None and is_number:
                self._seen |= dict.fromkeys(self._targets.get(int(run_id), ()), state)
        return dict(self._seen)

    def write(self, news: News) -> bytes:
        whose = {"job": news.target.job.key, "runId": news.target.run_id}
        if news.snapshot is None:
            return _control_event(news, **whose)
        self._seen[news.target] = news.snapshot.id
        return sse.event(_prefixed(_data(news.target, news.snapshot), whose), id=self._id_of_all())

    def _id_of_all(self) -> str:
        """The states of the runs; one is left out until it was told under each of its keys."""
        states = {
            run_id: {self._seen.get(target) for target in targets}
            for run_id, targets in self._targets.items()
        }
        return ",".join(
            f"{run_id}:{state}"
            for run_id, known in states.items()
            for state in known
            if state is not None and len(known) == 1
        )


def _prefixed(data: str, more: dict[str, Any]) -> str:
    """A JSON object, encoded once for all viewers, with members put before its own."""
    return json.dumps(more, separators=(",", ":"))[:-1] + "," + data[1:]


def _control_event(news: News, **more: Any) -> bytes:
    """What is no state of a run, so has no id: a viewer that comes back must not count it."""
    if news.error is not None:
        return sse.event(json.dumps({**more, **problem(news.error)}), name=ERROR.name)
    if news.trouble is not None:
        return sse.event(json.dumps({**more, **problem(news.trouble)}), name=STALE.name)
    return sse.event(json.dumps(more), name=FRESH.name)


def end_event(subscription: Subscription) -> bytes:
    """The event after the last one: nothing more will come.

    :param subscription: what was followed.
    """
    runs = [feed.target.run_id for feed in subscription.feeds]
    return sse.event(json.dumps({"runs": runs}), name=END.name)


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
        script: Script,
        *,
        ends_at: float,
        slots: StreamSlots,
        holds_thread: bool,
    ) -> None:
        self.subscription = subscription
        self.ends_at = ends_at
        self.is_over = False
        self.is_closed = False
        self._write = script.write
        self._slots = slots
        self._holds_thread = holds_thread
        self._told = telemetry.stream(feed.target.job.key for feed in subscription.feeds)

    def hold_thread(self, environ: Mapping[str, Any]) -> bool:
        """Change over to a slot for a stream that holds a thread, if there is one.

        :param environ: the WSGI environment of the request.
        """
        if not self._holds_thread and self._slots.take_thread(environ):
            self._slots.give_back(thread=False)
            self._holds_thread = True
        return self._holds_thread

    def opening(self, news: Sequence[News]) -> bytes:
        """What comes first, at once, so that proxies and viewers see the headers.

        :param news: what is known already.
        """
        return sse.retry(RETRY) + self.written(news)

    def written(self, news: Sequence[News]) -> bytes:
        """The events for news, and for the end after the last of them.

        :param news: as the subscription has them.
        """
        written = b"".join([self._write(item) for item in news])
        self._told.count(len(news))
        if self.subscription.is_over and not self.is_over:
            self.is_over = True
            written += end_event(self.subscription)
        return written

    def farewell(self, retry: int | None = None) -> bytes:
        """What a client is told that has to come back, to another process or a new stream.

        :param retry: milliseconds until then; ``None``: soon, and not when the others do.
        """
        self.is_over = True
        return sse.retry(random.randint(*RETURN) if retry is None else retry)  # noqa: S311

    @property
    def _outcome(self) -> str:
        if not self.is_over:
            return "viewer_left"
        return "runs_ended" if self.subscription.is_over else "sent_back"

    def close(self) -> None:
        """Leave the watch and give the slot back; may be called again."""
        if not self.is_closed:
            self._told.end(self._outcome)
            self.is_closed = self.is_over = True
            self.subscription.close()
            self._slots.give_back(thread=self._holds_thread)


class PullBody(Iterator[bytes]):
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
        news = stream.subscription.wait(min(self._heartbeat, left), give_up=self._is_closing)
        written = stream.written(news)
        if not written:
            return stream.farewell() if self._is_closing() else sse.HEARTBEAT
        return written

    def close(self) -> None:
        self._stream.close()


def present_state(subscription: Subscription, news: Sequence[News], script: Script) -> bytes:
    """The whole body where no stream can be held: what is known, and when to ask again.

    :param subscription: what would be followed.
    :param news: what is known.
    :param script: how news are written.
    """
    written = b"".join([script.write(item) for item in news])
    return (
        sse.retry(POLLING_RETRY)
        + written
        + (end_event(subscription) if subscription.is_over else b"")
    )


def jittered(seconds: float) -> float:
    """A lifetime that differs a little from that of other streams, so that not all end at once.

    :param seconds: the longest.
    """
    return seconds * random.uniform(0.9, 1.0)  # noqa: S311
