"""The runs of all jobs, newest first, page by page: from the record if the app has one, otherwise
from the workspace.

Runs of jobs that run as their users always come from the workspace, read with the user's token.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InvalidRequest, InvalidUserToken, MissingUserToken, NotAllowed, quote
from ..globals import current_state
from ..identity import display_name
from ..present_runs import PAGE_LIMIT, PresentRuns
from ..record.values import PageToken, RecordedRun, RowState
from ..runs import RUNS_PER_PAGE
from ..runs.durations import duration_of, end_of
from ..runs.outcome import ACTIVE_OUTCOMES, Outcome, has_ended, outcome_of, parse_state
from ..runs.redaction import redact
from ..runs.run_parameters import fields_of, requester_of

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..handle import JobHandle
    from ..sdk_types import BaseRun
    from .authorization import Authorizer

PAGE_SIZE = 50

#: Runs of one read of the workspace.
READ_SIZE = RUNS_PER_PAGE

#: Reads for one page besides the first of each source, if the filters match few runs.
MAX_MORE_READS = 20

#: The query parameters that select runs.
FILTERS = ("job", "outcome", "by", "from", "to", "pageToken")


@dataclass(frozen=True)
class ListedRun:
    """A run in the list. Times are in milliseconds since the epoch.

    :param params: the fields of run-now with parameters, redacted; no part of the HTTP API.
    :param duration: milliseconds that it took, without the time before a repair; ``None`` while it
        is active, or if that is not known.
    :param is_of_former_id: the key had another id then. The app reads runs of the present id only.
    """

    job: str
    run_id: int
    outcome: Outcome
    requested_by: str | None
    started_at: int | None
    ended_at: int | None
    error: str | None
    position: PageToken
    params: Mapping[str, Any] = field(default_factory=dict)
    duration: int | None = None
    is_of_former_id: bool = False

    @property
    def requested_at(self) -> int:
        return self.position.at

    def to_dict(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "runId": self.run_id,
            "outcome": self.outcome.value,
            "requestedBy": self.requested_by,
            "requestedAt": self.requested_at,
            "startedAt": self.started_at,
            "endedAt": self.ended_at,
            "duration": self.duration,
            "error": self.error,
        }


@dataclass(frozen=True)
class RunQuery:
    """The filters of a list of runs. ``None``: all.

    :param by: the name of the requester.
    :param since: milliseconds since the epoch, inclusive.
    :param until: milliseconds since the epoch, exclusive.
    :param after: the last run of the page before.
    """

    job: str | None = None
    outcome: Outcome | None = None
    by: str | None = None
    since: int | None = None
    until: int | None = None
    after: PageToken | None = None

    def matches(self, run: ListedRun) -> bool:
        return (self.outcome is None or run.outcome is self.outcome) and (
            self.by is None or run.requested_by == self.by
        )


@dataclass(frozen=True)
class RunPage:
    """A page of the list.

    :param next: the token of the next page; ``None``: this is the last one.
    """

    runs: Sequence[ListedRun]
    next: PageToken | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "runs": [run.to_dict() for run in self.runs],
            "nextPageToken": None if self.next is None else str(self.next),
        }


def read_run_query(arguments: Mapping[str, str], keys: Sequence[str]) -> RunQuery:
    """Read the filters of a request.

    :param arguments: of its query.
    :param keys: of the jobs that it may select.
    :raises InvalidRequest: a filter is invalid. The message says what is accepted.
    """
    values = {name: arguments.get(name, "").strip() for name in FILTERS}
    if values["job"] and values["job"] not in keys:
        accepted = f"one of {', '.join(keys)}" if keys else "left out: there is no job"
        raise InvalidRequest(f"'job' must be {accepted}, not {quote(values['job'])}.")
    since = parse_time("from", values["from"])
    until = parse_time("to", values["to"], is_end=True)
    if since is not None and until is not None and since >= until:
        raise InvalidRequest("'from' must be earlier than 'to'.")
    return RunQuery(
        job=values["job"] or None,
        outcome=_parse_outcome(values["outcome"]),
        by=display_name(values["by"]),
        since=since,
        until=until,
        after=PageToken.parse(values["pageToken"]),
    )


def _parse_outcome(text: str) -> Outcome | None:
    try:
        return Outcome(text) if text else None
    except ValueError:
        accepted = ", ".join(outcome.value for outcome in Outcome)
        raise InvalidRequest(f"'outcome' must be one of {accepted}, not {quote(text)}.") from None


def parse_time(name: str, text: str, *, is_end: bool = False) -> int | None:
    """Parse a date, or a time with or without an offset, as milliseconds since the epoch.

    :param is_end: a date means its end, otherwise its beginning; both in UTC.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = moment.timestamp()
        if is_end and len(text) <= len("2026-01-31"):  # or 20260131
            seconds += timedelta(days=1).total_seconds()  # 9999-12-31 has no next day
        return max(0, round(seconds * 1000))
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{name!r} must be a date such as 2026-01-31 or a time such as 2026-01-31T08:00:00Z,"
            f" not {quote(text)}."
        ) from None


def format_time(at: int) -> str:
    """Return milliseconds since the epoch as a time that :func:`parse_time` reads."""
    moment = datetime.fromtimestamp(at / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Position(NamedTuple):
    """A position in the list up to which a source has all runs that match."""

    position: PageToken


class _ReadsSpent(Exception):
    """A page has read as much as it may."""


def read_run_page(
    authorizer: Authorizer,
    query: RunQuery,
    limit: int | None = None,
    present: PresentRuns | None = None,
) -> RunPage:
    """Read one page of the runs that the user may view.

    Jobs that the workspace does not show to the caller are left out, unless it shows none.

    :param present: the lists of the record; ``None``: the page is the only one.
    :raises MissingUserToken: the query names a job that runs as its users, and the request carries
        no token.
    :raises InvalidUserToken: the same, but the token is invalid.
    :raises NotAllowed: the workspace refuses to show the job that the query names, or each job.
    :raises DatabaseUnavailable: the record does not respond.
    """
    limit = limit or PAGE_SIZE
    jobs = [job for job in authorizer.viewable_jobs() if query.job in (None, job.key)]
    has_record = current_state().record is not None
    recorded = {job.key: job.job_id for job in jobs if has_record and job.run_as == "app"}
    read = [job.key for job in jobs if job.key not in recorded]
    reads = iter(range(bool(recorded) + len(read) + MAX_MORE_READS))  # of all sources together
    refusals: list[NotAllowed | InvalidUserToken] = []
    with ExitStack() as stack:
        present = present or PresentRuns(current_state(), PAGE_LIMIT)
        sources: list[Iterator[ListedRun | _Position]] = []
        if recorded:
            sources.append(_read_record(present, recorded, query, limit + 1, reads))
        for key in read:
            try:
                handle = stack.enter_context(authorizer.request_handle(key))
            except (MissingUserToken, InvalidUserToken):
                if query.job is not None:
                    raise
                continue
            sources.append(_read_workspace(handle, query, reads, refusals))
        page = _merge(sources, query, limit)
    if refusals and len(refusals) == len(sources):
        raise refusals[0]
    return page


def _merge(
    sources: Sequence[Iterable[ListedRun | _Position]], query: RunQuery, limit: int
) -> RunPage:
    merged = heapq.merge(*sources, key=lambda run: run.position, reverse=True)
    found: list[ListedRun] = []
    last = query.after
    try:
        for run in merged:
            if len(found) == limit:
                return RunPage(found, last)
            last = run.position
            if isinstance(run, ListedRun) and query.matches(run):
                found.append(run)
    except _ReadsSpent:
        return RunPage(found, last)
    return RunPage(found, None)


def _read_record(
    present: PresentRuns,
    job_ids: Mapping[str, int],
    query: RunQuery,
    limit: int,
    reads: Iterator[int],
) -> Iterator[ListedRun | _Position]:
    """Yield the runs of the record, newest first; for an active outcome, all that have not ended.

    A run may have the outcome of the query only in the workspace, so the page ends where the limit
    leaves a run unread.

    :param reads: as for :func:`_read_workspace`, like the error.
    """
    # Only apps with a record import it.
    from ..record.recorded_runs import RunFilter

    is_active = query.outcome in ACTIVE_OUTCOMES.values()
    filters = RunFilter(
        job_keys=[*job_ids],
        outcome=query.outcome.value if query.outcome and not is_active else None,
        requested_by=query.by,
        state=RowState.STARTED if is_active else None,
        has_run_id=True,  # here, not below: a page with fewer runs would count as the last
        since=query.since,
        until=query.until,
    )
    last = query.after
    for _ in reads:
        rows = present.list_runs(filters, limit=limit, token=last)
        unread = present.unread_from if query.outcome else None
        exact = [row for row in rows if unread is None or row.page_token > unread]
        yield from (_from_row(row, job_ids[row.job_key]) for row in exact)
        if len(exact) < limit:
            if unread is None:
                return
            yield _Position(unread._replace(number=unread.number + 1))
            break
        last = exact[-1].page_token
    raise _ReadsSpent


def _from_row(row: RecordedRun, present_id: int) -> ListedRun:
    return ListedRun(
        job=row.job_key,
        run_id=row.run_id or 0,
        outcome=Outcome.parse(row.outcome) if row.outcome else Outcome.RUNNING,
        requested_by=row.requested_by,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error=row.error,
        position=row.page_token,
        params=json.loads(row.params) if row.params else {},
        duration=row.duration,
        is_of_former_id=row.job_id != present_id,
    )


def _read_workspace(
    handle: JobHandle,
    query: RunQuery,
    reads: Iterator[int],
    refusals: list[NotAllowed | InvalidUserToken],
) -> Iterator[ListedRun]:
    """Yield the runs of a job, newest first; none if the workspace refuses to show them.

    :param reads: has one item for each read that the page still may make.
    :param refusals: gets the refusal.
    :raises _ReadsSpent: there may be more, but this page has read enough.
    """
    last = query.after
    for _ in reads:
        try:
            runs = _list_runs(handle, query, last)
        except (NotAllowed, InvalidUserToken) as refusal:
            refusals.append(refusal)
            return
        older = [run for run in runs if last is None or run.position < last]
        yield from older
        if len(runs) < READ_SIZE or not older:
            return
        last = older[-1].position
    raise _ReadsSpent


def _list_runs(handle: JobHandle, query: RunQuery, last: PageToken | None) -> list[ListedRun]:
    """Read once the runs of a job that started no later than the last one, newest first."""
    ends = [] if last is None else [last.at]
    if query.until is not None:
        ends.append(query.until - 1)
    runs = handle.list_runs(
        READ_SIZE, start_time_from=query.since, start_time_to=min(ends, default=None)
    )
    actions = current_state().requesters.read(handle.job.job_id, [run.run_id or 0 for run in runs])
    listed = [_from_run(handle.job, run, actions[run.run_id or 0].started_by) for run in runs]
    return sorted(listed, key=lambda run: run.position, reverse=True)


def _from_run(job: Job, run: BaseRun, started_by: str | None) -> ListedRun:
    parameter = current_state().settings.attribution_parameter
    took = duration_of(run)
    return ListedRun(
        job=job.key,
        run_id=run.run_id or 0,
        outcome=outcome_of(run),
        requested_by=started_by or requester_of(run, parameter),
        started_at=run.start_time or None,
        ended_at=end_of(run),
        error=(parse_state(run).message or None) if has_ended(run) else None,
        position=PageToken(run.start_time or 0, run.run_id or 0),
        params=redact(fields_of(run), job.secret_overrides),
        duration=None if took is None else round(1000 * took),
    )
