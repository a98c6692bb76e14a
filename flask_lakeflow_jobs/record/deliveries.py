"""The outbox of the record: what is to be delivered, one row per end and receiver."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from .base import RecordBase
from .schema import IS_UNDELIVERED, deliveries, runs


@dataclass(frozen=True)
class Delivery:
    """The end of a run for one receiver. Times are in milliseconds since the epoch.

    :param delivery_id: the same in every attempt.
    :param run: the row of the run.
    :param end_number: 1 for the first end; a repaired run ends again.
    :param attempts: how many were begun.
    :param claimed_by: the process that delivers it now.
    :param failed_at: when it was given up.
    """

    delivery_id: str
    run: int
    end_number: int
    signal: str
    receiver: str
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

    def list_due_deliveries(self, limit: int = 100) -> list[Delivery]:
        """Return deliveries that are due and that no process has claimed, oldest first."""
        now = self._now()
        return self._select_deliveries(
            IS_UNDELIVERED,
            deliveries.c.failed_at.is_(None),
            deliveries.c.next_attempt_at <= now,
            _is_unclaimed(now),
            limit=limit,
        )

    def list_undelivered(self, limit: int = 1_000) -> list[Delivery]:
        """Return deliveries that have not succeeded, including those that were given up."""
        return self._select_deliveries(IS_UNDELIVERED, limit=limit)

    def claim_delivery(self, delivery_id: str, holder: str, seconds: float) -> bool:
        """Take the right to deliver, and count an attempt.

        :param holder: the process.
        :param seconds: after so long, another process may claim it.
        :return: whether this process has it.
        """
        now = self._now()
        statement = (
            deliveries.update()
            .where(
                deliveries.c.delivery_id == delivery_id,
                IS_UNDELIVERED,
                deliveries.c.failed_at.is_(None),
                _is_unclaimed(now),
            )
            .values(
                claimed_by=holder,
                claimed_until=now + round(seconds * 1000),
                attempts=deliveries.c.attempts + 1,
            )
        )
        return self._write(lambda connection: connection.execute(statement).rowcount) == 1

    def complete_delivery(self, delivery_id: str) -> None:
        """Record that the receiver has returned."""
        self._update(delivery_id, delivered_at=self._now(), last_error=None)

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


def _is_unclaimed(now: int) -> sa.ColumnElement[bool]:
    until = deliveries.c.claimed_until
    return sa.or_(until.is_(None), until <= now)
