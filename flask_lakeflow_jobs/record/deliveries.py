"""The outbox of the record: what is to be delivered, one row per end and receiver."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from .base import RecordBase
from .schema import IS_UNDELIVERED, deliveries, runs

#: The names of a signal and of a receiver.
ReceiverAddress: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class Delivery:
    """The end of a run for one receiver. Times are in milliseconds since the epoch.

    :param delivery_id: the same in every attempt.
    :param run: the row of the run.
    :param end_number: 1 for the first end; a repaired run ends again.
    :param payload: the keyword arguments as JSON, redacted; ``None`` once it is delivered.
    :param attempts: how many were begun.
    :param next_attempt_at: :data:`AT_ONCE` until the receiver has raised.
    :param claimed_by: the process that delivers it now.
    :param failed_at: when it was given up.
    """

    delivery_id: str
    run: int
    end_number: int
    signal: str
    receiver: str
    payload: str | None
    created_at: int
    attempts: int
    next_attempt_at: int
    claimed_by: str | None
    claimed_until: int | None
    delivered_at: int | None
    failed_at: int | None
    last_error: str | None
    job_key: str
    job_id: int
    run_id: int


class Claim(NamedTuple):
    """The right of one process to make a delivery; another one after each renewal.

    :param claimed_until: milliseconds since the epoch, by the clock of that process.
    """

    delivery_id: str
    claimed_by: str
    claimed_until: int


_COLUMNS = [
    (deliveries if field.name in deliveries.c else runs).c[field.name] for field in fields(Delivery)
]

#: The time of a first attempt. It is due by any clock, since those of two processes may differ.
AT_ONCE = 0

# The ends of one run in their order, before those that are tried again.
# "run_finished" comes before the "run_repaired" of the same number.
_IN_ORDER = [
    deliveries.c[name] for name in ("next_attempt_at", "run", "end_number", "signal", "receiver")
]


class Deliveries(RecordBase):
    """The deliveries of the record."""

    def list_due_deliveries(
        self,
        limit: int = 100,
        *,
        addresses: Collection[ReceiverAddress] | None = None,
    ) -> list[Delivery]:
        """Return deliveries that are due and that no process has claimed, oldest first.

        :param addresses: only those for these receivers.
        """
        return self._select_deliveries(
            *_is_open(addresses),
            deliveries.c.next_attempt_at <= self._now(),
            deliveries.c.claimed_by.is_(None),
            limit=limit,
        )

    def list_claims(self) -> list[Claim]:
        statement = sa.select(*(deliveries.c[name] for name in Claim._fields))
        claimed = statement.where(*_is_open(None), deliveries.c.claimed_by.is_not(None))
        with self._read() as connection:
            return [Claim(*row) for row in connection.execute(claimed)]

    def end_claim(self, claim: Claim) -> None:
        """End a claim, unless it was renewed, because its process has died."""
        is_same = [deliveries.c[name] == value for name, value in claim._asdict().items()]
        statement = deliveries.update().where(*is_same).values(claimed_by=None, claimed_until=None)
        self._execute(statement)

    def next_delivery_at(self, addresses: Collection[ReceiverAddress]) -> int | None:
        """Return when the next delivery is due, or its claim expires.

        :param addresses: the receivers.
        """
        until = sa.func.coalesce(deliveries.c.claimed_until, 0)
        due = deliveries.c.next_attempt_at
        later = sa.case((until > due, until), else_=due)
        statement = sa.select(sa.func.min(later)).where(*_is_open(addresses))
        with self._read() as connection:
            at: int | None = connection.scalar(statement)
        return at

    def list_undelivered(self, limit: int = 1_000) -> list[Delivery]:
        """Return deliveries that have not succeeded, including those that were given up."""
        return self._select_deliveries(IS_UNDELIVERED, limit=limit)

    def claim_delivery(self, delivery_id: str, holder: str, seconds: float) -> bool:
        """Take the right to deliver, and count an attempt.

        :param holder: the process.
        :param seconds: until the claim expires, unless it is renewed.
        :return: whether this process has it.
        """
        statement = (
            deliveries.update()
            .where(
                deliveries.c.delivery_id == delivery_id,
                IS_UNDELIVERED,
                deliveries.c.failed_at.is_(None),
                deliveries.c.claimed_by.is_(None),
            )
            .values(
                claimed_by=holder,
                claimed_until=self._now() + round(seconds * 1000),
                attempts=deliveries.c.attempts + 1,
            )
        )
        return self._execute(statement) == 1

    def renew_claim(self, delivery_id: str, holder: str, seconds: float) -> None:
        """Extend a claim, while the receiver runs.

        :param seconds: from now on.
        """
        statement = (
            deliveries.update()
            .where(deliveries.c.delivery_id == delivery_id, deliveries.c.claimed_by == holder)
            .values(claimed_until=self._now() + round(seconds * 1000))
        )
        self._execute(statement)

    def complete_delivery(self, delivery_id: str) -> None:
        """Record that the receiver has returned, in whichever process."""
        self._update(delivery_id, delivered_at=self._now(), last_error=None, payload=None)

    def retry_delivery(self, delivery_id: str, holder: str, error: str, seconds: float) -> None:
        """Record that the receiver raised, and when to try again, unless another process does.

        :param error: one line, without secrets.
        :param seconds: until the next attempt.
        """
        next_attempt_at = self._now() + round(seconds * 1000)
        self._update(delivery_id, holder, next_attempt_at=next_attempt_at, last_error=error)

    def fail_delivery(self, delivery_id: str, holder: str, error: str) -> None:
        """Give a delivery up, unless another process tries again.

        :param error: one line, without secrets.
        """
        self._update(delivery_id, holder, failed_at=self._now(), last_error=error)

    def _update(self, delivery_id: str, holder: str | None = None, **values: Any) -> None:
        """Change a delivery, and end the claim.

        :param holder: only while this process has the claim; ``None``: in any case.
        """
        statement = deliveries.update().where(deliveries.c.delivery_id == delivery_id)
        if holder is not None:
            statement = statement.where(deliveries.c.claimed_by == holder)
        changed = statement.values(claimed_by=None, claimed_until=None, **values)
        self._execute(changed)

    def _select_deliveries(self, *conditions: sa.ColumnElement[bool], limit: int) -> list[Delivery]:
        statement = (
            sa.select(*_COLUMNS)
            .join(runs, runs.c.id == deliveries.c.run)
            .where(*conditions)
            .order_by(*_IN_ORDER)
            .limit(limit)
        )
        with self._read() as connection:
            return [Delivery(**row._mapping) for row in connection.execute(statement)]


def _is_open(addresses: Collection[ReceiverAddress] | None) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of deliveries that are to be made."""
    conditions: list[sa.ColumnElement[bool]] = [IS_UNDELIVERED, deliveries.c.failed_at.is_(None)]
    if addresses is not None:
        address = sa.tuple_(deliveries.c.signal, deliveries.c.receiver)
        conditions.append(address.in_([*addresses]))
    return conditions
