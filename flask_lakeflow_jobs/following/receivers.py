"""The receivers of the signals that go through the outbox, and what the record keeps for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from weakref import ref

from ..runs.outcome import RunStatus
from ..runs.redaction import redact

if TYPE_CHECKING:
    from blinker import NamedSignal
    from flask import Flask

    from ..config.jobs import Job
    from ..record.deliveries import Delivery, ReceiverAddress
    from ..watching.snapshot import Restore

Receiver: TypeAlias = Callable[..., Any]

#: The name that the record has for the signal about the end of a run.
END_SIGNAL = "run_finished"


class DeliveryDeclined(Exception):
    """A receiver of the extension does not take a delivery, and is not called again for it."""


class OwnReceivers(Protocol):
    """Receivers of ends in the extension itself, such as those that send messages to people."""

    def select(self, payload: Mapping[str, Any]) -> Sequence[str]:
        """Return the names of those that an end is for."""
        ...

    def find(self) -> Mapping[str, Receiver]:
        """Return all by their names."""
        ...


class Receivers:
    """The receivers of one app that are connected now, and those of the extension.

    The record has payloads as JSON, without the values of secret parameters.

    :param signals: those that go through the outbox, by the name that the record has.
    :param jobs: by key.
    """

    def __init__(
        self,
        app: Flask,
        signals: Mapping[str, NamedSignal],
        jobs: Mapping[str, Job],
        restore: Restore,
        own: Sequence[OwnReceivers] = (),
    ) -> None:
        self._app = app
        self._signals = signals
        self._jobs = jobs
        self._restore = restore
        self._own = own

    def prepare(self, signal: str, payload: Mapping[str, Any]) -> tuple[list[str], str | None]:
        """Return the names of an event's receivers, and its payload as the record stores it."""
        names = [*name_receivers(self._signals[signal], self._app)]
        for each in self._own if signal == END_SIGNAL else ():
            names += each.select(payload)
        return names, self._encode(payload) if names else None

    def find(self) -> dict[ReceiverAddress, Receiver]:
        """Return all receivers by their addresses."""
        found: dict[ReceiverAddress, Receiver] = {}
        for name, signal in self._signals.items():
            named = name_receivers(signal, self._app)
            found |= {(name, receiver): call for receiver, call in named.items()}
        for each in self._own:
            found |= {(END_SIGNAL, receiver): call for receiver, call in each.find().items()}
        return found

    def call(self, receiver: Receiver, delivery: Delivery) -> None:
        payload: dict[str, Any] = json.loads(delivery.payload or "{}")
        if "status" in payload:
            payload["status"] = self._restore(payload["status"])
        with self._app.app_context():
            receiver(self._app, **payload, delivery_id=delivery.delivery_id)

    def _encode(self, payload: Mapping[str, Any]) -> str:
        status, job = payload.get("status"), self._jobs[payload["job"]]
        if not isinstance(status, RunStatus):
            return json.dumps(dict(payload))
        document = status.to_dict()
        document["run"] = redact(document["run"], job.secret_overrides)
        return json.dumps({**payload, "status": document})


def name_receivers(signal: NamedSignal, app: Flask) -> dict[str, Receiver]:
    """Return the receivers of a signal for an app, by a name that is the same in every process.

    Receivers with the same module and qualified name are numbered in the order in which they were
    connected.
    """
    order = [each() if isinstance(each, ref) else each for each in signal.receivers.values()]
    receivers = sorted(
        signal.receivers_for(app),
        key=lambda each: order.index(each) if each in order else len(order),
    )
    named: dict[str, Receiver] = {}
    for receiver in receivers:
        base = name = receiver_name(receiver)
        number = 2
        while name in named:
            name, number = f"{base}#{number}", number + 1
        named[name] = receiver
    return named


def receiver_name(receiver: Receiver) -> str:
    """Return the module and qualified name of a receiver; of its class, if it is an object."""
    inner = getattr(receiver, "func", receiver)  # functools.partial
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{named.__module__}.{named.__qualname__}"
