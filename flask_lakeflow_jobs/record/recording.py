"""Writes requests of runs and actions to the record.

Without a record, all of it does nothing. If the record fails, the app continues without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ..errors import LakeflowJobsError
from ..runs.redaction import redact
from ..text import clean_line
from .values import MAX_ADDRESS_CHARS, Action, RequestedRun

if TYPE_CHECKING:
    from ..clock import Clock
    from ..config.jobs import Job
    from ..identity import Identity
    from .store import Record

#: Longer details of an action are cut.
MAX_DETAIL_CHARS = 500

Source = Literal["cli", "http", "console", "python"]


@dataclass(frozen=True)
class Origin:
    """The place that an action comes from.

    :param address: the address of the client, if the app knows it.
    :param user: the user of the command line's process.
    """

    source: Source = "python"
    address: str | None = None
    user: str | None = None


@dataclass(frozen=True)
class Actor:
    """The user who acts on a job, and the place of the action.

    :param requested_by: the name of the requester, if known.
    """

    job: Job
    identity: Identity
    origin: Origin
    requested_by: str | None = None

    @property
    def name(self) -> str | None:
        """The name of the requester, or of the user of the command line."""
        return self.requested_by or self.origin.user

    def describe(self, action: str, result: str = "accepted", **values: Any) -> Action:
        """Return an action of this actor, for the record.

        :param values: the other fields of :class:`.Action`.
        """
        return Action(
            action=action,
            result=result,
            job_key=self.job.key,
            job_id=self.job.job_id,
            requested_by=self.name,
            identity=self.identity.key,
            source=self.origin.source,
            address=(self.origin.address or "")[:MAX_ADDRESS_CHARS] or None,
            **values,
        )


class RunRequestEntry:
    """The entry of one request, for the response to it."""

    def __init__(self) -> None:
        #: The run that the workspace has started.
        self.run_id: int | None = None


class RunRequestRow:
    """The row of one request in the record, from before it is sent to the response.

    :param at: the time of the request, in milliseconds since the epoch.
    """

    def __init__(self, record: Record, actor: Actor, request: RequestedRun, at: int) -> None:
        self._record = record
        self._actor = actor
        self._request = request
        self._at = at
        self._is_written = record.attempt(self._begin) is not None

    def _begin(self) -> str:
        return self._record.begin_run(self._request, self._at)

    def fail(self, error: LakeflowJobsError) -> None:
        """Record that the request has failed; the row stays open if a run may have started."""
        record, detail = self._record, clean_line(error.detail, MAX_DETAIL_CHARS)
        action = self._actor.describe("trigger", "failed", detail=detail)
        if not self._is_written or error.is_ambiguous:
            record.attempt(partial(record.record_action, action))
        else:
            record.attempt(partial(record.fail_run, self._request.token, detail, self._at, action))

    def complete(self, run_id: int) -> Callable[[], None] | None:
        """Record the run that has started.

        :return: the write to make later, if the record could not be reached.
        """
        record, token, job_id = self._record, self._request.token, self._request.job_id
        action = self._actor.describe("trigger", run_id=run_id)
        complete = partial(record.complete_run, token, job_id, run_id, action)
        if self._is_written and record.attempt(complete) is not None:
            return None

        def begin_and_complete() -> None:
            self._begin()
            found = record.get_run(job_id, run_id)
            if found is None or found.token != token:  # a write that failed may have been made
                complete(self._at)

        return begin_and_complete


class Recording:
    """The writes of one app to its record.

    :param record: ``None``: nothing is recorded.
    :param defer: makes a write as soon as the record can be reached again.
    """

    def __init__(
        self, record: Record | None, clock: Clock, defer: Callable[[Callable[[], None]], None]
    ) -> None:
        self._record = record
        self._clock = clock
        self._defer = defer

    @contextmanager
    def request_run(
        self, actor: Actor, token: str, fields: Mapping[str, Any], fingerprint: str | None
    ) -> Iterator[RunRequestEntry]:
        """Record a run before the block requests it, and the result afterwards.

        If the block ends without a response or an error, the entry stays open and is resolved
        later. While the record is unavailable, a run that has started is kept and recorded later.

        :param token: the idempotency token of the request.
        :param fields: the fields of run-now that carry parameters.
        :param fingerprint: a digest of the request, if the caller has an idempotency key.
        """
        entry = RunRequestEntry()
        if (record := self._record) is None:
            yield entry
            return
        request = RequestedRun(
            job_key=actor.job.key,
            job_id=actor.job.job_id,
            token=token,
            identity=actor.identity.key,
            fingerprint=fingerprint,
            requested_by=actor.name,
            params=describe_params(fields, actor.job),
        )
        row = RunRequestRow(record, actor, request, round(self._clock.now() * 1000))
        try:
            yield entry
        except LakeflowJobsError as error:
            row.fail(error)
            raise
        if entry.run_id is not None and (write := row.complete(entry.run_id)) is not None:
            self._defer(write)

    @contextmanager
    def record_call(
        self, actor: Actor, action: str, run_id: int | None, detail: str | None
    ) -> Iterator[None]:
        """Record the action that the block carries out, and whether that failed.

        :param detail: says that an accepted action has no effect.
        """
        try:
            yield
        except LakeflowJobsError as error:
            reason = clean_line(error.detail, MAX_DETAIL_CHARS)
            self.record_action(actor, action, "failed", run_id=run_id, detail=reason)
            raise
        self.record_action(actor, action, run_id=run_id, detail=detail)

    def record_action(
        self, actor: Actor, action: str, result: str = "accepted", **values: Any
    ) -> None:
        """Record an action.

        :param values: the other fields of :class:`.Action`.
        """
        if (record := self._record) is not None:
            description = actor.describe(action, result, **values)
            record.attempt(partial(record.record_action, description))


def describe_params(fields: Mapping[str, Any], job: Job) -> str | None:
    """Return parameters as JSON, without the values of secrets; ``None`` if there are none.

    :param fields: the fields of run-now that carry them.
    """
    fields = {name: value for name, value in fields.items() if value}
    return json.dumps(redact(fields, job.secret_overrides)) if fields else None
