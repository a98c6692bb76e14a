"""The values of a record. They need no SQL, so every app may import them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from ..errors import InvalidRequest, quote
from ..runs.ids import parse_id


class RowState(str, Enum):
    """The progress of a run in the record."""

    REQUESTED = "requested"  # the workspace has not responded yet
    STARTED = "started"
    ENDED = "ended"
    NOT_STARTED = "not_started"

    __str__ = str.__str__


#: Longer addresses of clients are cut: no IP address has as many characters.
MAX_ADDRESS_CHARS = 64


@dataclass(frozen=True)
class RequestedRun:
    """A run that is about to be requested.

    :param token: the idempotency token that is sent to the workspace.
    :param fingerprint: a digest of the idempotency key and the request, if there is a key.
    :param identity: the key of the identity that requests it.
    :param params: the parameters as JSON, redacted.
    """

    job_key: str
    job_id: int
    token: str
    identity: str
    fingerprint: str | None = None
    requested_by: str | None = None
    params: str | None = None


@dataclass(frozen=True)
class RunEnd:
    """The end of a run. Times are in milliseconds since the epoch.

    :param outcome: the value of an :class:`~.Outcome`.
    :param error: one line.
    :param attempts: of all tasks.
    :param duration: milliseconds, without the time in the queue and before a repair; ``None`` if
        not known.
    :param params: those that the run has now, as JSON, redacted.
    """

    job_id: int
    run_id: int
    outcome: str
    started_at: int | None
    ended_at: int
    error: str | None = None
    attempts: int = 0
    page_url: str | None = None
    duration: int | None = None
    params: str | None = None


@dataclass(frozen=True)
class RecordedRun:
    """A run as the record has it. Times are in milliseconds since the epoch.

    :param id: the row.
    :param run_id: ``None`` until the workspace has responded.
    :param params: those of the request; those of the workspace for a run that was repaired, or
        started elsewhere.
    :param duration: as in :class:`RunEnd`; ``None`` while the run is active.
    :param source: ``app``, or ``found`` for a run that was started elsewhere.
    :param ends: how many ends were recorded; a repaired run ends again.
    """

    id: int
    job_key: str
    job_id: int
    run_id: int | None
    state: RowState
    source: str
    token: str | None
    fingerprint: str | None
    requested_by: str | None
    identity: str
    params: str | None
    requested_at: int
    started_at: int | None
    ended_at: int | None
    outcome: str | None
    error: str | None
    attempts: int
    repairs: int
    ends: int
    page_url: str | None
    duration: int | None

    @property
    def page_token(self) -> PageToken:
        return PageToken(self.requested_at, self.id)


@dataclass(frozen=True)
class Action:
    """Something that a person or a command did, or tried to do.

    :param action: ``trigger``, ``cancel``, ``cancel_all``, ``repair``, ``pause``, ``resume``, or
        what a policy refused.
    :param result: ``accepted``, ``replayed``, ``refused`` or ``failed``.
    :param requested_by: the name of the person, if known.
    :param identity: the key of the identity that acted.
    :param source: ``cli``, ``http``, ``console`` or ``python``.
    :param address: the address of the client, if the app knows it.
    :param detail: one line, such as the reason of a refusal.
    """

    action: str
    result: str
    job_key: str
    job_id: int
    run_id: int | None = None
    requested_by: str | None = None
    identity: str = "app"
    source: str = "python"
    address: str | None = None
    detail: str | None = None


class PageToken(NamedTuple):
    """The last row of a page of a list, newest first, by which the next page continues.

    :param at: its time, in milliseconds since the epoch.
    :param number: orders rows of one moment.
    """

    at: int
    number: int

    def __str__(self) -> str:
        return f"{self.at}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> PageToken | None:
        """Parse the text of a token; an empty one is ``None``, the first page.

        :raises InvalidRequest: no page has this token.
        """
        if not text:
            return None
        match = re.fullmatch(r"([0-9]{1,14})-([0-9]{1,19})", text)  # before the year 5139
        if match is None or (number := parse_id(match[2])) is None:
            raise InvalidRequest(
                f"'pageToken' must be the nextPageToken of the page before, not {quote(text)}."
            )
        return cls(int(match[1]), number)
