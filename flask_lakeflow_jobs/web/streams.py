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
            return _error_event(news)
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
            target = self._targets.get(int(run_id)) if run_id.isdecimal() else None
            if state is not None and target is not None:
                self._seen[target] = state
        return dict(self._seen)

    def write(self, news: News) -> bytes:
        if news.snapshot is None:
            return _error_event(news, **_whose(news))
        self._seen[news.target] = news.snapshot.id
        id_of_all = ",".join(f"{target.run_id}:{state}" for target, state in self._seen.items())
        return sse.event(_prefixed(news.snapshot, _whose(news)), id=id_of_all)


def _whose(news: News) -> dict[str, Any]:
    return {"job": news.target.job.key, "runId": news.target.run_id}


def _prefixed(snapshot: Snapshot, more: dict[str, Any]) -> str:
    """The snapshot's JSON object, encoded once for all viewers, with members put before it."""
    return json.dumps(more, separators=(",", ":"))[:-1] + "," + snapshot.data[1:]


def _error_event(news: News, **more: Any) -> bytes:
    assert news.error is not None  # noqa: S101
    return sse.event(json.dumps({**more, **problem(news.error)}), name="error")


def end_event(targets: Sequence[Target]) -> bytes:
    """The event after the last one: nothing more will come.

    :param targets: the runs that were followed.
    """
    return sse.event(json.dumps({"runs": [target.run_id for target in targets]}), name="end")


class EventStream(Iterator[bytes]):
    """The body of a response that follows runs.

    Closing it gives its slot back, whether it was ever read or not.

    :param subscription: what is followed.
    :param first: news that are there already.
    :param script: how news are written.
    :param end: the event after the last one.
    :param heartbeat: seconds of silence after which a comment is sent.
    :param lifetime: seconds after which the stream ends; the client then comes back.
    :param clock: the time.
    :param on_close: gives back what the stream holds.
    """

    def __init__(
        self,
        subscription: Subscription,
        first: Sequence[News],
        script: Script,
        *,
        end: bytes,
        heartbeat: float,
        lifetime: float,
        clock: Clock,
        on_close: Callable[[], None],
    ) -> None:
        self._subscription = subscription
        self._script = script
        self._end = end
        self._heartbeat = heartbeat
        self._clock = clock
        self._on_close = on_close
        self._ends_at = clock.monotonic() + lifetime
        self._over = False
        self._first: bytes | None = sse.retry(RETRY) + self._written(first)

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        left = self._ends_at - self._clock.monotonic()
        if self._over or left <= 0:
            self.close()
            raise StopIteration
        return self._written(self._subscription.wait(min(self._heartbeat, left))) or sse.HEARTBEAT

    def _written(self, news: Sequence[News]) -> bytes:
        written = b"".join(self._script.write(item) for item in news)
        if self._subscription.is_over:
            self._over = True
            written += self._end
        return written

    def close(self) -> None:
        self._over = True
        self._on_close()


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
