"""Pages of a long list, newest first: each continues after the last row of the one before it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..errors import InvalidRequest, quote


class PageToken(NamedTuple):
    """The last row of a page, by which the next page continues.

    :param at: its time, in milliseconds since the epoch.
    :param row_id: its id.
    """

    at: int
    row_id: int

    def __str__(self) -> str:
        return f"{self.at}-{self.row_id}"

    @classmethod
    def parse(cls, text: str) -> PageToken:
        """Parse the text of a token.

        :raises InvalidRequest: no page has this token.
        """
        match = re.fullmatch(r"([0-9]{1,15})-([0-9]{1,15})", text, re.ASCII)
        if match is None:
            raise InvalidRequest(
                f"{quote(text)} is not the nextPageToken of a page. Start with the first page."
            )
        return cls(int(match[1]), int(match[2]))


def select_page(
    statement: sa.Select[Any],
    at: sa.Column[int],
    row_id: sa.Column[int],
    limit: int,
    token: PageToken | None,
) -> sa.Select[Any]:
    """Return a select of one page, newest first.

    :param at: the column with the time of a row.
    """
    if token is not None:
        statement = statement.where(sa.tuple_(at, row_id) < sa.tuple_(token.at, token.row_id))
    return statement.order_by(at.desc(), row_id.desc()).limit(limit)
