"""Encoders: updates of runs as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from ...runs.ids import parse_id
from ...runs.redaction import redact
from ...watching.snapshot import Snapshot, StateId
from ...watching.subscription import Subscription
from ...watching.watched_run import RunKey, RunUpdate
from ..responses import build_problem, encode_json
from .format import END, ERROR, FRESH, STALE, format_event

#: Converts an update to an event.
EventEncoder: TypeAlias = Callable[[RunUpdate], bytes]


def encode_run_update(update: RunUpdate, *, is_brief: bool = False) -> bytes:
    """Encode an update for a stream of one run; the event's id is the run's state.

    :param is_brief: leave out the run's document.
    """
    if update.snapshot is None:
        return _encode_notice(update)
    encoded = _encode_snapshot(update.run_key, update.snapshot)
    return encoded.brief_event if is_brief else encoded.event


class MultiRunEventEncoder:
    """An encoder for a stream of several runs: each event names its run, and the event's id
    contains the last state of every run.

    :param runs: job keys and run ids; two keys of one job may name the same run.
    :param last_states: the states that the client already has, by run id.
    :param is_brief: leave out the documents of the runs.
    """

    __slots__ = ("_is_brief", "_last_states")

    def __init__(
        self,
        runs: Collection[tuple[str, int]],
        last_states: Mapping[int, StateId],
        *,
        is_brief: bool = False,
    ) -> None:
        self._is_brief = is_brief
        self._last_states = {(key, run_id): last_states.get(run_id) for key, run_id in runs}

    def encode(self, update: RunUpdate) -> bytes:
        key, run_id = update.run_key.job.key, update.run_key.run_id
        run = {"job": key, "runId": run_id}
        if update.snapshot is None:
            return _encode_notice(update, **run)
        self._last_states[key, run_id] = update.snapshot.id
        encoded = _encode_snapshot(update.run_key, update.snapshot)
        data = encoded.brief_data if self._is_brief else encoded.data
        return format_event(f"{encode_json(run)[:-1]},{data[1:]}", id=self._event_id())

    def _event_id(self) -> str:
        """The states by run id, without runs of which not every job key has the same state."""
        states: dict[int, set[StateId | None]] = {}
        for (_, run_id), state in self._last_states.items():
            states.setdefault(run_id, set()).add(state)
        return ",".join(
            f"{run_id}:{state}"
            for run_id, (state, *others) in states.items()
            if state is not None and not others
        )


def parse_last_event_id(text: str, run_ids: Collection[int]) -> dict[int, StateId]:
    """Read the ``Last-Event-ID`` of a stream of several runs, and ignore what is not valid."""
    last_states = {}
    for part in text.split(","):
        id_text, _, state_text = part.partition(":")
        run_id, state = parse_id(id_text), StateId.parse(state_text)
        if run_id is not None and run_id in run_ids and state is not None:
            last_states[run_id] = state
    return last_states


class _EncodedSnapshot(NamedTuple):
    data: str
    event: bytes
    brief_data: str
    brief_event: bytes


#: A run's document can be megabytes long, so it is encoded once for all its subscribers.
_encoded: WeakKeyDictionary[Snapshot, _EncodedSnapshot] = WeakKeyDictionary()


def _encode_snapshot(run_key: RunKey, snapshot: Snapshot) -> _EncodedSnapshot:
    encoded = _encoded.get(snapshot)
    if encoded is None:
        document = json.loads(snapshot.data)
        document["run"] = redact(document["run"], run_key.job.secret_overrides)
        brief_document = {name: value for name, value in document.items() if name != "run"}
        data, brief_data = encode_json(document), encode_json(brief_document)
        encoded = _EncodedSnapshot(
            data,
            format_event(data, id=str(snapshot.id)),
            brief_data,
            format_event(brief_data, id=str(snapshot.id)),
        )
        _encoded[snapshot] = encoded
    return encoded


def _encode_notice(update: RunUpdate, **run: Any) -> bytes:
    """Encode an update without a state. It has no id: the client still needs the next state."""
    error = update.transient_error if update.error is None else update.error
    if error is None:
        return format_event(json.dumps(run), name=FRESH.name)
    event_type = STALE if update.error is None else ERROR
    return format_event(json.dumps({**run, **build_problem(error)}), name=event_type.name)


def encode_end(subscription: Subscription) -> bytes:
    """Encode the event after the last update."""
    run_ids = [run_key.run_id for run_key in subscription.run_keys]
    return format_event(json.dumps({"runs": run_ids}), name=END.name)
