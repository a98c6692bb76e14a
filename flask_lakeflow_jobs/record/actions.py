"""The actions of the record: who did what, when and from where."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from .base import RecordBase, insert_action, select_page
from .schema import actions
from .values import Action, PageToken

#: Actions that one read returns about several runs.
MAX_RUN_ACTIONS = 1_000


@dataclass(frozen=True)
class RecordedAction:
    """An action as the record has it.

    :param at: milliseconds since the epoch.
    """

    id: int
    at: int
    action: str
    result: str
    job_key: str
    job_id: int
    run_id: int | None
    requested_by: str | None
    identity: str
    source: str
    address: str | None
    detail: str | None

    @property
    def page_token(self) -> PageToken:
        return PageToken(self.at, self.id)


_COLUMNS = [actions.c[field.name] for field in fields(RecordedAction)]


class RecordedActions(RecordBase):
    """The actions of the record."""

    def record_action(self, action: Action) -> None:
        """Record an action as of now."""
        self._write(lambda connection: insert_action(connection, action, self._now()))

    def list_actions(
        self,
        *,
        job_keys: Sequence[str] | None = None,
        job_ids: Collection[int] | None = None,
        run_id: int | None = None,
        requested_by: str | None = None,
        since: int | None = None,
        until: int | None = None,
        limit: int = 50,
        token: PageToken | None = None,
    ) -> list[RecordedAction]:
        """Return one page of actions, newest first.

        :param job_ids: with ``run_id``, so that the index of runs serves.
        :param since: milliseconds since the epoch, inclusive.
        :param until: milliseconds since the epoch, exclusive.
        :param token: the ``page_token`` of the last action of the page before.
        """
        conditions: list[sa.ColumnElement[bool]] = []
        if job_keys is not None:
            conditions.append(actions.c.job_key.in_(job_keys))
        if job_ids is not None:
            conditions.append(actions.c.job_id.in_(job_ids))
        if run_id is not None:
            conditions.append(actions.c.run_id == run_id)
        if requested_by is not None:
            conditions.append(actions.c.requested_by == requested_by)
        if since is not None:
            conditions.append(actions.c.at >= since)
        if until is not None:
            conditions.append(actions.c.at < until)
        statement = sa.select(*_COLUMNS).where(*conditions)
        page = select_page(statement, actions.c.at, actions.c.id, limit, token)
        with self._read() as connection:
            return [_parse(row) for row in connection.execute(page)]

    def list_run_actions(self, job_id: int, run_ids: Sequence[int]) -> list[RecordedAction]:
        """Return the accepted actions on runs that had an effect, oldest first."""
        newest = (
            sa.select(*_COLUMNS)
            .where(actions.c.job_id == job_id, actions.c.run_id.in_(run_ids))
            .where(actions.c.result == "accepted", actions.c.detail.is_(None))
            .order_by(actions.c.at.desc(), actions.c.id.desc())
            .limit(MAX_RUN_ACTIONS)
        )
        with self._read() as connection:
            return [_parse(row) for row in connection.execute(newest)][::-1]

    def prune_actions(self, before: int) -> int:
        """Delete earlier actions.

        :param before: milliseconds since the epoch.
        :return: how many were deleted.
        """
        return self._delete(actions, actions.c.at < before)


def _parse(row: Any) -> RecordedAction:
    return RecordedAction(**row._mapping)
