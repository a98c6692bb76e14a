"""Leases: the right to do something in one process at a time."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from .base import RecordBase
from .schema import leases


class Leases(RecordBase):
    """The leases of the record. A lease ends by itself when its holder does not renew it.

    The clock of a holder may be ahead of the others. So a process may also take a lease over after
    it has seen no renewal for as long as the lease lasts, by its own clock.
    """

    def _initialize(self) -> None:
        super()._initialize()
        self._seen: dict[str, tuple[Any, float]] = {}  # a lease, and since when it is the same

    def acquire_lease(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire a lease, or renew it if this holder has it.

        :param holder: names one process, and no other one ever.
        :param seconds: the same for all holders of a lease.
        :return: whether this holder has the lease now.
        """
        now = self._now()
        values = {"holder": holder, "expires_at": now + round(seconds * 1000)}
        insert = self._insert(leases).values(name=name, **values)
        is_free = sa.or_(leases.c.holder == holder, leases.c.expires_at <= now)
        statement = insert.on_conflict_do_update(
            index_elements=["name"], set_=values, where=is_free
        ).returning(leases.c.name)
        if self._write(lambda connection: connection.scalar(statement)) is not None:
            return True
        found = self._find_abandoned(name, seconds)
        if found is None:
            return False
        is_same = leases.c.holder == found[0], leases.c.expires_at == found[1]
        take_over = leases.update().where(leases.c.name == name, *is_same).values(values)
        return self._execute(take_over) == 1

    def _find_abandoned(self, name: str, seconds: float) -> tuple[str, int] | None:
        """Return the holder and the expiry of a lease that was not renewed for long enough."""
        statement = sa.select(leases.c.holder, leases.c.expires_at).where(leases.c.name == name)
        with self._read() as connection:
            row = connection.execute(statement).first()
        found, now = None if row is None else (row[0], row[1]), self._clock.monotonic()
        seen, since = self._seen.get(name, (None, now))
        if found != seen:
            since = now
        self._seen[name] = found, since
        return found if now - since >= seconds else None

    def release_lease(self, name: str, holder: str) -> None:
        """End a lease, if this holder has it."""
        statement = leases.delete().where(leases.c.name == name, leases.c.holder == holder)
        self._execute(statement)
