"""The outbox of the record: what is to be delivered, one row per end and receiver."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import sqlalchemy as sa

from .base import RecordBase
from .schema import IS_UNDELIVERED, deliveries, runs

#: The names of a signal and of a receiver.
Address: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class Delivery:
    """The end of a run for one receiver. Times are in milliseconds since the epoch.

    :param delivery_id: the same in every attempt.
    :param run: the row of the run.
    :param end_number: 1 for the first end; a repaired run ends again.
    :param payload: the keyword arguments as JSON, redacted; ``None`` once it is delivered.
    :param attempts: how many were begun.
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


_COLUMNS = [
    (deliveries if field.name in deliveries.c else runs).c[field.name] for field in fields(Delivery)
]


class Deliveries(RecordBase):
    """The deliveries of the record."""

    def list_due_deliveries(
        self,
        limit: int = 100,
        *,
        addresses: Collection[Address] | None = None,
        takes_over: bool = True,
    ) -> list[Delivery]:
        """Return deliveries that are due and that no process has claimed, oldest first.

        :param addresses: only those for these receivers.
        :param takes_over: include those whose claim has expired.
        """
        now = self._now()
        return self._select_deliveries(
            *_is_open(addresses),
            deliveries.c.next_attempt_at <= now,
            _is_unclaimed(now, takes_over),
            limit=limit,
        )

    def next_delivery_at(self, addresses: Collection[Address]) -> int | None:
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

    def claim_delivery(
        self, delivery_id: str, holder: str, seconds: float, *, takes_over: bool = True
    ) -> bool:
        """Take the right to deliver, and count an attempt.

        :param holder: the process.
        :param seconds: after so long, another process may claim it.
        :param takes_over: take it from another process whose claim has expired.
        :return: whether this process has it.
        """
        now = self._now()
        statement = (
            deliveries.update()
            .where(
                deliveries.c.delivery_id == delivery_id,
                IS_UNDELIVERED,
                deliveries.c.failed_at.is_(None),
                _is_unclaimed(now, takes_over),
            )
            .values(
                claimed_by=holder,
                claimed_until=now + round(seconds * 1000),
                attempts=deliveries.c.attempts + 1,
            )
        )
        return self._write(lambda connection: connection.execute(statement).rowcount) == 1

    def renew_claim(self, delivery_id: str, holder: str, seconds: float) -> None:
        """Extend a claim, while the receiver runs.

        :param seconds: from now on.
        """
        statement = (
            deliveries.update()
            .where(deliveries.c.delivery_id == delivery_id, deliveries.c.claimed_by == holder)
            .values(claimed_until=self._now() + round(seconds * 1000))
        )
        self._write(lambda connection: connection.execute(statement))

    def complete_delivery(self, delivery_id: str) -> None:
        """Record that the receiver has returned."""
        self._update(delivery_id, delivered_at=self._now(), last_error=None, payload=None)

    def retry_delivery(self, delivery_id: str, error: str, seconds: float) -> None:
        """Record that the receiver raised, and when to try again.

        :param error: one line, without secrets.
        :param seconds: until the next attempt.
        """
        next_attempt_at = self._now() + round(seconds * 1000)
        self._update(delivery_id, next_attempt_at=next_attempt_at, last_error=error)

    def fail_delivery(self, delivery_id: str, error: str) -> None:
        """Give a delivery up.

        :param error: one line, without secrets.
        """
        self._update(delivery_id, failed_at=self._now(), last_error=error)

    def _update(self, delivery_id: str, **values: Any) -> None:
        """Change a delivery, and end the claim."""
        statement = (
            deliveries.update()
            .where(deliveries.c.delivery_id == delivery_id)
            .values(claimed_by=None, claimed_until=None, **values)
        )
        self._write(lambda connection: connection.execute(statement))

    def _select_deliveries(self, *conditions: sa.ColumnElement[bool], limit: int) -> list[Delivery]:
        statement = (
            sa.select(*_COLUMNS)
            .join(runs, runs.c.id == deliveries.c.run)
            .where(*conditions)
            .order_by(deliveries.c.next_attempt_at, deliveries.c.delivery_id)
            .limit(limit)
        )
        with self._read() as connection:
            return [Delivery(**row._mapping) for row in connection.execute(statement)]


def _is_open(addresses: Collection[Address] | None) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of deliveries that are to be made."""
    conditions: list[sa.ColumnElement[bool]] = [IS_UNDELIVERED, deliveries.c.failed_at.is_(None)]
    if addresses is not None:
        address = sa.tuple_(deliveries.c.signal, deliveries.c.receiver)
        conditions.append(address.in_([*addresses]))
    return conditions


def _is_unclaimed(now: int, takes_over: bool) -> sa.ColumnElement[bool]:
    until = deliveries.c.claimed_until
    return sa.or_(until.is_(None), until <= now) if takes_over else until.is_(None)
