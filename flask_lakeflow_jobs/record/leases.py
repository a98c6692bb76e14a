"""Leases: the right to do something in one process at a time."""

from __future__ import annotations

import sqlalchemy as sa

from .base import RecordBase
from .schema import leases


class Leases(RecordBase):
    """The leases of the record. A lease ends by itself when its holder does not renew it."""

    def acquire_lease(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire a lease, or renew it if this holder has it.

        :param holder: names one process, and no other one ever.
        :return: whether this holder has the lease now.
        """
        now = self._now()
        values = {"holder": holder, "expires_at": now + round(seconds * 1000)}
        insert = self._insert(leases).values(name=name, **values)
        is_free = sa.or_(leases.c.holder == holder, leases.c.expires_at <= now)
        statement = insert.on_conflict_do_update(
            index_elements=["name"], set_=values, where=is_free
        ).returning(leases.c.name)
        return self._write(lambda connection: connection.scalar(statement)) is not None

    def renew_lease(self, name: str, holder: str, seconds: float) -> bool:
        """Extend a lease.

        :return: whether this holder still had it, so that no other one can have acted meanwhile.
        """
        statement = (
            leases.update()
            .where(leases.c.name == name, leases.c.holder == holder)
            .values(expires_at=self._now() + round(seconds * 1000))
        )
        return self._write(lambda connection: connection.execute(statement).rowcount) == 1

    def release_lease(self, name: str, holder: str) -> None:
        """End a lease, if this holder has it."""
        statement = leases.delete().where(leases.c.name == name, leases.c.holder == holder)
        self._write(lambda connection: connection.execute(statement))
