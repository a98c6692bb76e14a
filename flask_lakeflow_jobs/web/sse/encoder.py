"""Event streams: what a viewer of runs is sent, for as long as a stream may live."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from ...runs.redaction import redact
from ...watching.snapshot import Snapshot, StateId
from ...watching.subscription import Subscription
from ...watching.watched_run import RunKey, RunUpdate
from ..problems import problem
from .format import END, ERROR, FRESH, STALE, format_event


class EventEncoder(Protocol):
    """How news are written for one kind of stream."""

    def read(self, last_event_id: str) -> dict[RunKey, StateId]:
        """The states that a client says it has seen; junk is none.

        :param last_event_id: as the client sends it.
        """

    def write(self, news: RunUpdate) -> bytes:
        """The event for a piece of news.

        :param news: it.
        """


class RunEventEncoder:
    """The events of one run: their ids name its states.

    :param target: the run.
    """

    __slots__ = ("_run_key",)

    def __init__(self, run_key: RunKey) -> None:
        self._run_key = run_key

    def read(self, last_event_id: str) -> dict[RunKey, StateId]:
        seen = StateId.parse(last_event_id)
        return {self._run_key: seen} if seen else {}

    @staticmethod  # so that a stream, which writes for long, does not keep the rest
    def write(news: RunUpdate) -> bytes:
        if news.snapshot is None:
            return _control_event(news)
        return _status_event(news.run_key, news.snapshot)


#: Of each state the JSON object that all viewers are shown, and the event for those of its run
#: alone.
_shown: WeakKeyDictionary[Snapshot, str] = WeakKeyDictionary()

_events: WeakKeyDictionary[Snapshot, bytes] = WeakKeyDictionary()


def _status_event(run_key: RunKey, snapshot: Snapshot) -> bytes:
    event = _events.get(snapshot)
    if event is None:
        event = _events[snapshot] = format_event(_data(run_key, snapshot), id=str(snapshot.id))
    return event


def _data(run_key: RunKey, snapshot: Snapshot) -> str:
    data = _shown.get(snapshot)
    if data is None:
        document = json.loads(snapshot.data)
        document["run"] = redact(document["run"], run_key.job.secret_overrides)
        data = _shown[snapshot] = json.dumps(document, separators=(",", ":"))
    return data


class MultiRunEventEncoder:
    """The events of several runs: each names its run, and their ids the states of all runs.

    :param targets: the runs.
    """

    __slots__ = ("_run_keys", "_seen")

    def __init__(self, run_keys: Sequence[RunKey]) -> None:
        self._run_keys: dict[int, list[RunKey]] = {}  # two keys of one job may name the same run
        for run_key in run_keys:
            self._run_keys.setdefault(run_key.run_id, []).append(run_key)
        self._seen: dict[RunKey, StateId] = {}

    def read(self, last_event_id: str) -> dict[RunKey, StateId]:
        for part in last_event_id.split(","):
            run_id, _, text = part.partition(":")
            state = StateId.parse(text)
            is_number = run_id.isascii() and run_id.isdecimal() and len(run_id) < 20
            if state is not None and is_number:
                self._seen |= dict.fromkeys(self._run_keys.get(int(run_id), ()), state)
        return dict(self._seen)

    def write(self, news: RunUpdate) -> bytes:
        whose = {"job": news.run_key.job.key, "runId": news.run_key.run_id}
        if news.snapshot is None:
            return _control_event(news, **whose)
        self._seen[news.run_key] = news.snapshot.id
        return format_event(
            _prefixed(_data(news.run_key, news.snapshot), whose), id=self._id_of_all()
        )

    def _id_of_all(self) -> str:
        """The states of the runs; one is left out until it was told under each of its keys."""
        states = {
            run_id: {self._seen.get(run_key) for run_key in run_keys}
            for run_id, run_keys in self._run_keys.items()
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


def _control_event(news: RunUpdate, **more: Any) -> bytes:
    """What is no state of a run, so has no id: a viewer that comes back must not count it."""
    if news.error is not None:
        return format_event(json.dumps({**more, **problem(news.error)}), name=ERROR.name)
    if news.transient_error is not None:
        return format_event(json.dumps({**more, **problem(news.transient_error)}), name=STALE.name)
    return format_event(json.dumps(more), name=FRESH.name)


def end_event(subscription: Subscription) -> bytes:
    """The event after the last one: nothing more will come.

    :param subscription: what was followed.
    """
    runs = [run_key.run_id for run_key in subscription.run_keys]
    return format_event(json.dumps({"runs": runs}), name=END.name)
