"""Delivery of ends through the record: each end reaches every receiver at least once.

An end is written together with one delivery per receiver. A process claims a delivery, calls its
receiver and writes the result. If the process dies in between, another one ends its claim, and the
receiver is called again.
"""

from __future__ import annotations

import atexit
import json
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

from ..concurrency import reset_in_new_processes, start_thread
from ..errors import DatabaseUnavailable, RecordOutdated
from ..runs.outcome import RunStatus
from ..runs.redaction import redact
from ..text import MAX_ERROR_CHARS, clean_line
from .claims import CLAIM_SECONDS, RENEWAL_SECONDS, ClaimWatch

if TYPE_CHECKING:
    from blinker import NamedSignal
    from flask import Flask

    from ..clock import Clock
    from ..config.jobs import Job
    from ..record.deliveries import Deliveries, Delivery, ReceiverAddress
    from ..watching.snapshot import Restore
    from .notifier import Notifier

#: A receiver that raises is called so many times in all, over about three and a half hours.
MAX_ATTEMPTS = 10

FIRST_RETRY_SECONDS = 5.0
RETRY_FACTOR = 3
MAX_RETRY_SECONDS = 3600.0

#: How many receivers may take long at once. The other deliveries continue in another thread.
MAX_SLOW_RECEIVERS = 8

#: The longest wait of the thread, so that it notices deliveries of other processes, and tries again
#: what the database has refused.
MAX_WAIT_SECONDS = 10.0

#: The wait before the record is used again after it failed.
FAILURE_WAIT_SECONDS = 1.0

#: How long a process that ends waits for the receiver that runs.
STOP_SECONDS = 5.0

#: How many due deliveries are read at once; other processes may claim some of them first.
CANDIDATES = 10

#: How many writes are kept while the record is unavailable.
MAX_DEFERRED = 10_000

_log = logging.getLogger("flask_lakeflow_jobs")

Receiver: TypeAlias = Callable[..., Any]


def retry_delay(attempts: int) -> float | None:
    """Return the seconds until a receiver is called again after it has raised.

    :param attempts: how many times it was called.
    :return: ``None``: it is not called again.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return float(min(FIRST_RETRY_SECONDS * RETRY_FACTOR ** (attempts - 1), MAX_RETRY_SECONDS))


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


class PayloadCodec:
    """Converts payloads to JSON and back, without the values of secret parameters.

    :param jobs: by key.
    """

    def __init__(self, jobs: Mapping[str, Job], restore: Restore) -> None:
        self._jobs = jobs
        self._restore = restore

    def encode(self, payload: Mapping[str, Any]) -> str:
        status, job = payload.get("status"), self._jobs[payload["job"]]
        if not isinstance(status, RunStatus):
            return json.dumps(dict(payload))
        document = status.to_dict()
        document["run"] = redact(document["run"], job.secret_overrides)
        return json.dumps({**payload, "status": document})

    def decode(self, text: str) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads(text)
        if "status" in payload:
            payload["status"] = self._restore(payload["status"])
        return payload


#: Writes something to the record.
DeferredWrite: TypeAlias = Callable[[], object]


class Outbox:
    """The deliveries of one app in one process.

    One thread makes them one after the other. While a receiver takes long, or never returns,
    another thread makes the others.

    :param signals: those that go through the outbox, by the name that the record has.
    :param notifier: has further receivers, which send messages to people.
    :param has_thread: whether :meth:`wake` starts a thread; if not, call :meth:`deliver_due`.
    """

    def __init__(
        self,
        app: Flask,
        store: Deliveries,
        signals: Mapping[str, NamedSignal],
        codec: PayloadCodec,
        clock: Clock,
        *,
        notifier: Notifier | None = None,
        has_thread: bool = True,
    ) -> None:
        self._app = app
        self._store = store
        self._signals = signals
        self._codec = codec
        self._clock = clock
        self._notifier = notifier
        self._has_thread = has_thread
        self._reset()
        reset_in_new_processes(self._reset)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._holder = uuid.uuid4().hex
        self._thread: threading.Thread | None = None
        self._slow_threads: set[threading.Thread] = set()
        self._is_due = False
        self._is_stopping = False
        self._is_registered = False
        self._deferred: deque[DeferredWrite] = deque()
        self._claims = ClaimWatch(self._clock, CLAIM_SECONDS)

    def prepare(self, signal: str, payload: Mapping[str, Any]) -> tuple[list[str], str | None]:
        """Return the names of the receivers of an event that are connected now, and the payload as
        the record stores it for them."""
        names = [*name_receivers(self._signals[signal], self._app)]
        if self._notifier is not None:
            names += self._notifier.select(signal, payload)
        return names, self._codec.encode(payload) if names else None

    def defer(self, write: DeferredWrite) -> None:
        """Write something to the record as soon as it can be reached again."""
        if len(self._deferred) >= MAX_DEFERRED:
            _log.error("The record is unavailable for too long: a run or its end is not recorded.")
            return
        self._deferred.append(write)
        self.wake()

    @property
    def has_deferred(self) -> bool:
        return bool(self._deferred)

    def wake(self) -> None:
        """Deliver in the background what is due."""
        with self._changed:
            self._is_due = True
            self._changed.notify_all()
            if self._thread is not None or not self._has_thread or self._is_stopping:
                return
            if not self._is_registered:
                self._is_registered = True
                atexit.register(self.stop)
            try:
                self._thread = start_thread(self._run, "lakeflow-outbox")
            except RuntimeError as error:  # too many threads, or the process ends
                _log.warning("Deliveries are delayed: %s", error)

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Start no further delivery, and wait for the one that runs.

        :param timeout: seconds.
        """
        with self._changed:
            thread, self._is_stopping = self._thread, True
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_due = False
            delay: float | None
            try:
                delay = self.deliver_due()
            except Exception as error:  # of a database that is down or restarts
                _log.debug("Deliveries are delayed: %s", error)
                delay = FAILURE_WAIT_SECONDS
            if self._end_slow_thread():
                return
            with self._changed:
                if self._is_stopping or (delay is None and not self._is_due):
                    self._thread = None
                    return
                if not self._is_due and delay is not None:
                    self._changed.wait(min(delay, MAX_WAIT_SECONDS))

    def _relieve(self, thread: threading.Thread) -> None:
        """Make the other deliveries in another thread, because a receiver takes long."""
        with self._changed:
            if thread is not self._thread or len(self._slow_threads) >= MAX_SLOW_RECEIVERS:
                return
            self._slow_threads.add(thread)
            self._thread = None
        self.wake()

    def _end_slow_thread(self) -> bool:
        """Return whether the current thread has to end, because another one has its work."""
        thread = threading.current_thread()
        with self._changed:
            is_slow = thread in self._slow_threads
            self._slow_threads.discard(thread)
        if is_slow:
            self.wake()  # there may be a result that could not be written
        return is_slow

    def deliver_due(self) -> float | None:
        """Deliver what is due now, one after the other.

        :return: seconds until something is due again; ``None`` if nothing is left.
        """
        try:
            delay = self._deliver_due()
        except Exception:
            self._claims.begin_again()
            raise
        return MAX_WAIT_SECONDS if delay is None and self._deferred else delay

    def _deliver_due(self) -> float | None:
        self._write_deferred()
        receivers = self._find_receivers()
        if not receivers:
            return None
        thread = threading.current_thread()
        while (
            not (self._is_stopping or thread in self._slow_threads)
            and (delivery := self._claim(receivers)) is not None
        ):
            if delivery.attempts >= MAX_ATTEMPTS:  # the last ones were interrupted
                self._store.fail_delivery(
                    delivery.delivery_id, self._holder, "Every attempt was interrupted."
                )
            else:
                self._deliver(delivery, receivers[delivery.signal, delivery.receiver])
            self._write_deferred()
        next_at = self._store.next_delivery_at([*receivers])
        if next_at is None:
            return None
        # A claim may have expired by this process's clock only.
        return max(FAILURE_WAIT_SECONDS, next_at / 1000 - self._clock.now())

    def _find_receivers(self) -> dict[ReceiverAddress, Receiver]:
        found: dict[ReceiverAddress, Receiver] = {}
        for name, signal in self._signals.items():
            messages = {} if self._notifier is None else self._notifier.find(name)
            named = {**name_receivers(signal, self._app), **messages}
            found.update({(name, receiver): call for receiver, call in named.items()})
        return found

    def _claim(self, receivers: Collection[ReceiverAddress]) -> Delivery | None:
        store = self._store
        for claim in self._claims.find_abandoned(store.list_claims):
            store.end_claim(claim)
        for delivery in store.list_due_deliveries(CANDIDATES, addresses=[*receivers]):
            if store.claim_delivery(delivery.delivery_id, self._holder, CLAIM_SECONDS):
                return delivery
        return None

    def _deliver(self, delivery: Delivery, receiver: Receiver) -> None:
        """Call a receiver. Its result is written as soon as the record can be reached."""
        error = None
        with self._keep_claim(delivery.delivery_id):
            try:
                payload = self._codec.decode(delivery.payload or "{}")
                with self._app.app_context():
                    receiver(self._app, **payload, delivery_id=delivery.delivery_id)
            except BaseException as raised:  # asyncio's cancellation must not end the thread
                error = raised
        # before all others: the next delivery waits until this result is written
        self._deferred.appendleft(self._result(delivery, error))

    def _result(self, delivery: Delivery, error: BaseException | None) -> DeferredWrite:
        if error is None:
            return partial(self._store.complete_delivery, delivery.delivery_id)
        attempts = delivery.attempts + 1
        delay = retry_delay(attempts)
        outlook = "It is not called again." if delay is None else f"Next try in {delay:g} s."
        _log.error(
            "The receiver %s of %s failed (attempt %d of %d). %s",
            *(delivery.receiver, delivery.signal, attempts, MAX_ATTEMPTS, outlook),
            exc_info=error,
        )
        message = clean_line(f"{type(error).__name__}: {error}", MAX_ERROR_CHARS)
        if delay is None:
            return partial(self._store.fail_delivery, delivery.delivery_id, self._holder, message)
        return partial(
            self._store.retry_delivery, delivery.delivery_id, self._holder, message, delay
        )

    def _write_deferred(self) -> None:
        """Write what was deferred. A write that the database refuses delays no other."""
        for _ in range(len(self._deferred)):
            write = self._deferred.popleft()
            try:
                write()
            except (DatabaseUnavailable, RecordOutdated) as error:
                if getattr(error, "is_refusal", False):
                    self._deferred.append(write)
                    continue
                self._deferred.appendleft(write)
                raise
            except Exception:
                _log.exception("Unexpected error while the end of a run was recorded.")

    @contextmanager
    def _keep_claim(self, delivery_id: str) -> Iterator[None]:
        """Renew a claim for as long as its receiver runs."""
        done, thread = threading.Event(), threading.current_thread()

        def renew() -> None:
            while not done.is_set():
                try:
                    self._store.renew_claim(delivery_id, self._holder, CLAIM_SECONDS)
                except Exception as error:
                    _log.debug("A claim was not renewed: %s", error)
                self._relieve(thread)
                done.wait(RENEWAL_SECONDS)

        timer = threading.Timer(RENEWAL_SECONDS, renew)
        timer.daemon = True
        with suppress(RuntimeError):  # too many threads; the claim lasts long enough for most
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            done.set()
