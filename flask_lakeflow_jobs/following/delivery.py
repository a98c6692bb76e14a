"""Delivery of ends through the record: each end reaches every receiver at least once.

An end is written together with one delivery per receiver. A process claims a delivery, calls its
receiver and writes the result. If the process dies in between, another one ends its claim, and the
receiver is called again.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from ..concurrency import run_in_each_process
from ..errors import DatabaseUnavailable, RecordOutdated
from ..text import MAX_ERROR_CHARS, clean_line
from .delivery_threads import FAILURE_WAIT_SECONDS, MAX_WAIT_SECONDS, DeliveryThreads
from .receivers import DeliveryDeclined

if TYPE_CHECKING:
    from ..clock import Clock
    from ..record.deliveries import Claim, Deliveries, Delivery, ReceiverAddress
    from .receivers import Receiver, Receivers

#: A receiver that raises is called so many times in all, over about three and a half hours.
MAX_ATTEMPTS = 10

FIRST_RETRY_SECONDS = 5.0
RETRY_FACTOR = 3
MAX_RETRY_SECONDS = 3600.0

#: How many ends one receiver may handle at once, while its calls take longer than a renewal. Each
#: call keeps a thread.
MAX_CALLS_AT_ONCE = 8

#: How many due deliveries are read at once; other processes may claim some of them first.
CANDIDATES = 10

#: A claim lasts for so long after its process has died. A process that runs a receiver renews it.
CLAIM_SECONDS = 60.0

#: Seconds between two renewals. After the first, another thread makes the other deliveries.
RENEWAL_SECONDS = CLAIM_SECONDS / 3

#: Seconds between two checks.
CHECK_SECONDS = 1.0

#: How many writes are kept while the record is unavailable.
MAX_DEFERRED = 10_000

#: Writes something to the record.
DeferredWrite: TypeAlias = Callable[[], object]

_log = logging.getLogger("flask_lakeflow_jobs")


def retry_delay(attempts: int) -> float | None:
    """Return the seconds until a receiver is called again after it has raised.

    :param attempts: how many times it was called.
    :return: ``None``: it is not called again.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return float(min(FIRST_RETRY_SECONDS * RETRY_FACTOR ** (attempts - 1), MAX_RETRY_SECONDS))


class Outbox:
    """The deliveries of one app in one process.

    One thread makes them one after the other. While a receiver takes long, or never returns,
    another thread makes the others.

    :param has_threads: whether :meth:`wake` starts a thread; if not, call :meth:`deliver_due`.
    """

    def __init__(
        self, store: Deliveries, receivers: Receivers, clock: Clock, *, has_threads: bool = True
    ) -> None:
        self._store = store
        self._receivers = receivers
        self._clock = clock
        self._threads = DeliveryThreads(self.deliver_due)
        self._has_threads = has_threads
        run_in_each_process(self._reset)

    def _reset(self) -> None:
        self._holder = uuid.uuid4().hex
        self._calls: list[ReceiverAddress] = []  # those that run
        self._deferred = DeferredWrites()
        self._claims = ClaimWatch(self._clock, CLAIM_SECONDS)

    def defer(self, write: DeferredWrite) -> None:
        """Write something to the record as soon as it can be reached again."""
        self._deferred.add(write)
        self.wake()

    @property
    def has_deferred(self) -> bool:
        return bool(self._deferred)

    def wake(self) -> None:
        """Deliver in the background what is due."""
        if self._has_threads:
            self._threads.wake()

    def stop(self) -> None:
        """Start no further delivery, and wait a few seconds for the one that runs."""
        self._threads.stop()

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
        self._deferred.make()
        receivers = self._receivers.find()
        if not receivers:
            return None
        while True:
            if self._threads.must_end:
                return None
            free = [each for each in receivers if self._calls.count(each) < MAX_CALLS_AT_ONCE]
            if (delivery := self._claim(free)) is None:
                break
            if delivery.attempts >= MAX_ATTEMPTS:  # the last ones were interrupted
                self._store.fail_delivery(
                    delivery.delivery_id, self._holder, "Every attempt was interrupted."
                )
            else:
                self._deliver(delivery, receivers[delivery.signal, delivery.receiver])
            self._deferred.make()
        next_at = self._store.next_delivery_at(free)
        if next_at is None:
            return None
        # A claim may have expired by this process's clock only.
        return max(FAILURE_WAIT_SECONDS, next_at / 1000 - self._clock.now())

    def _claim(self, receivers: Collection[ReceiverAddress]) -> Delivery | None:
        store = self._store
        for claim in self._claims.find_abandoned(store.list_claims):
            store.end_claim(claim)
        for delivery in store.list_due_deliveries(CANDIDATES, addresses=receivers):
            if store.claim_delivery(delivery.delivery_id, self._holder, CLAIM_SECONDS):
                return delivery
        return None

    def _deliver(self, delivery: Delivery, receiver: Receiver) -> None:
        """Call a receiver. Its result is written as soon as the record can be reached."""
        error, process = None, os.getpid()
        with self._count_call(delivery), self._keep_claim(delivery.delivery_id):
            try:
                self._receivers.call(receiver, delivery)
            except BaseException as raised:  # asyncio's cancellation must not end the thread
                error = raised
            if os.getpid() != process:  # a child that the receiver has forked must deliver nothing
                os._exit(error is not None)
        # before all others: the next delivery waits until this result is written
        self._deferred.add_first(self._result(delivery, error))

    def _result(self, delivery: Delivery, error: BaseException | None) -> DeferredWrite:
        if error is None:
            return partial(self._store.complete_delivery, delivery.delivery_id)
        if isinstance(error, DeliveryDeclined):
            _log.info("Run %d of %s: %s", delivery.run_id, delivery.job_key, error)
            return partial(
                self._store.fail_delivery, delivery.delivery_id, self._holder, str(error)
            )
        attempts = delivery.attempts + 1
        delay = retry_delay(attempts)
        outlook = "It is not called again." if delay is None else f"Next try in {delay:g} s."
        _log.error(
            "The receiver %s of %s failed (attempt %d of %d). %s",
            *(delivery.receiver, delivery.signal, attempts, MAX_ATTEMPTS, outlook),
            exc_info=error,
        )
        text = "".join(traceback.format_exception_only(error))  # its __str__ may raise
        message = clean_line(text.strip(), MAX_ERROR_CHARS)
        if delay is None:
            return partial(self._store.fail_delivery, delivery.delivery_id, self._holder, message)
        return partial(
            self._store.retry_delivery, delivery.delivery_id, self._holder, message, delay
        )

    @contextmanager
    def _count_call(self, delivery: Delivery) -> Iterator[None]:
        address = (delivery.signal, delivery.receiver)
        self._calls.append(address)
        try:
            yield
        finally:
            self._calls.remove(address)

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
                self._threads.relieve(thread)
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


class ClaimWatch:
    """Finds claims whose processes no longer renew them.

    A process that has seen a claim unchanged for as long as claims last takes it for abandoned. It
    measures this time by its own clock, as those of two processes may differ. While the record is
    unavailable, no process can renew a claim, so the time then begins again.

    :param seconds: how long a claim lasts.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._since: dict[Claim, float] = {}
        self._checked_at = -math.inf

    def begin_again(self) -> None:
        """Count the time of each claim from the next check, because the record was unavailable."""
        self._since = {}

    def find_abandoned(self, read: Callable[[], Sequence[Claim]]) -> list[Claim]:
        """Return the abandoned claims, at most once in ``CHECK_SECONDS``.

        :param read: reads all claims.
        """
        now = self._clock.monotonic()
        if now - self._checked_at < min(CHECK_SECONDS, self._seconds / 10):
            return []
        if now - self._checked_at > self._seconds / 2:
            self.begin_again()
        self._checked_at = now
        self._since = {claim: self._since.get(claim, now) for claim in read()}
        return [claim for claim, since in self._since.items() if now - since >= self._seconds]


class DeferredWrites:
    """The writes of one process that wait until the record can be reached again, in their order."""

    def __init__(self) -> None:
        self._writes: deque[DeferredWrite] = deque()

    def __len__(self) -> int:
        return len(self._writes)

    def add(self, write: DeferredWrite) -> None:
        if len(self._writes) >= MAX_DEFERRED:
            _log.error("The record is unavailable for too long: a run or its end is not recorded.")
        else:
            self._writes.append(write)

    def add_first(self, write: DeferredWrite) -> None:
        self._writes.appendleft(write)

    def make(self) -> None:
        """Make the writes. One that the database refuses delays no other.

        :raises DatabaseUnavailable: the record cannot be reached. The rest is kept.
        :raises RecordOutdated: it must be upgraded. The rest is kept.
        """
        for _ in range(len(self._writes)):
            write = self._writes.popleft()
            try:
                write()
            except (DatabaseUnavailable, RecordOutdated) as error:
                if getattr(error, "is_refusal", False):
                    self._writes.append(write)
                    continue
                self._writes.appendleft(write)
                raise
            except Exception:
                _log.exception("Unexpected error while the end of a run was recorded.")
