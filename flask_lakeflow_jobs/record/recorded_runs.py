"""The runs of the record: one by one, and in lists."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

import sqlalchemy as sa

from .base import RecordBase, select_page
from .schema import runs
from .values import PageToken, RecordedRun, RowState

#: The most runs that one read of the oldest returns.
MAX_OLDEST_RUNS = 1_000

_COLUMNS = [runs.c[field.name] for field in fields(RecordedRun)]


@dataclass(frozen=True)
class RunFilter:
    """The filters of a list of runs. ``None``: all.

    :param job_keys: the jobs, at least one.
    :param job_ids: the ids of the jobs; with ``run_id``, so that the index of runs serves.
    :param outcome: the value of an :class:`~.Outcome`.
    :param source: as in :class:`RecordedRun`.
    :param has_run_id: leave out requests for which the workspace has started no run, or not yet.
    :param since: milliseconds since the epoch, inclusive; when the run was requested.
    :param until: milliseconds since the epoch, exclusive.
    """

    job_keys: Sequence[str] | None = None
    job_ids: Collection[int] | None = None
    run_id: int | None = None
    outcome: str | None = None
    requested_by: str | None = None
    state: RowState | None = None
    source: str | None = None
    has_run_id: bool = False
    since: int | None = None
    until: int | None = None

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """Yield the conditions, except that on the keys of jobs."""
        if self.job_ids is not None:
            yield runs.c.job_id.in_(self.job_ids)
        for name in ("run_id", "outcome", "requested_by", "state", "source"):
            if (value := getattr(self, name)) is not None:
                yield self._column(name) == value
        if self.has_run_id:
            yield runs.c.run_id.is_not(None)
        if self.since is not None:
            yield runs.c.requested_at >= self.since
        if self.until is not None:
            yield runs.c.requested_at < self.until

    def is_of_jobs(self) -> sa.ColumnElement[bool]:
        return self._column("job_key").in_(self.job_keys or ())

    def _column(self, name: str) -> sa.ColumnElement[Any]:
        """Return a column; as an expression if only the index of states is to serve.

        Few runs are unfinished. With statistics, SQLite would read all runs of a job for them.
        """
        is_text = name in ("job_key", "requested_by")
        is_expression = is_text and self.state is RowState.STARTED
        return runs.c[name] + "" if is_expression else runs.c[name]


ALL_RUNS = RunFilter()


class RecordedRuns(RecordBase):
    """Reads the runs of the record."""

    def get_run(self, job_id: int, run_id: int) -> RecordedRun | None:
        """Return a run, or ``None`` if the record does not have it."""
        return self.get_runs(job_id, [run_id]).get(run_id)

    def get_runs(self, job_id: int, run_ids: Sequence[int]) -> dict[int, RecordedRun]:
        """Return the runs of a job that the record has, by id."""
        is_one = (runs.c.job_id == job_id) & runs.c.run_id.in_(run_ids)
        with self._read() as connection:
            rows = connection.execute(sa.select(*_COLUMNS).where(is_one))
            return {row.run_id: _parse(row) for row in rows}

    def list_unfinished_runs(
        self,
        job_ids: Collection[int],
        job_keys: Collection[str] = (),
        limit: int = MAX_OLDEST_RUNS,
    ) -> list[RecordedRun]:
        """Return runs that have started and not ended, oldest first.

        :param job_ids: the ids of the jobs.
        :param job_keys: the keys of further jobs, such as one that had another id.
        """
        return self._list_oldest(RowState.STARTED, _is_of(job_ids, job_keys), limit=limit)

    def list_unresolved_runs(
        self, job_ids: Collection[int], requested_before: int, job_keys: Collection[str] = ()
    ) -> list[RecordedRun]:
        """Return runs whose request has no recorded response, oldest first.

        :param job_ids: as in :meth:`list_unfinished_runs`, like ``job_keys``.
        :param requested_before: milliseconds since the epoch; later ones may still get theirs.
        """
        is_old = runs.c.requested_at < requested_before
        return self._list_oldest(RowState.REQUESTED, _is_of(job_ids, job_keys), is_old)

    def _list_oldest(
        self, state: RowState, *conditions: sa.ColumnElement[bool], limit: int = MAX_OLDEST_RUNS
    ) -> list[RecordedRun]:
        statement = (
            sa.select(*_COLUMNS)
            .where(runs.c.state == state.value, *conditions)
            .order_by(runs.c.requested_at, runs.c.id)
            .limit(limit)
        )
        with self._read() as connection:
            return [_parse(row) for row in connection.execute(statement)]

    def find_failed_jobs(self, job_keys: Collection[str], since: int) -> set[str]:
        """Return which of some jobs have a run that did not succeed.

        :param since: milliseconds since the epoch; only runs that were requested later count.
        """
        statement = (
            sa.select(runs.c.job_key)
            .where(runs.c.job_key.in_(job_keys), runs.c.requested_at >= since)
            .where(runs.c.outcome != "succeeded")
            .distinct()
        )
        with self._read() as connection:
            return set(connection.scalars(statement))

    def list_runs(
        self, filters: RunFilter = ALL_RUNS, *, limit: int = 50, token: PageToken | None = None
    ) -> list[RecordedRun]:
        """Return one page of runs, the last requested first.

        :param token: the ``page_token`` of the last run of the page before.
        """
        statement = sa.select(*_COLUMNS).where(*filters.conditions())
        page = select_page(statement, runs.c.requested_at, runs.c.id, limit, token)
        with self._read() as connection:
            if filters.job_keys is None:
                return [_parse(row) for row in connection.execute(page)]
            if filters.state is RowState.STARTED:
                return [_parse(row) for row in connection.execute(page.where(filters.is_of_jobs()))]
            # One index scan per job: a database would sort all runs of several jobs.
            by_job = [
                map(_parse, connection.execute(page.where(runs.c.job_key == job_key)))
                for job_key in dict.fromkeys(filters.job_keys)
            ]
            newest = heapq.merge(*by_job, key=lambda run: run.page_token, reverse=True)
            return list(islice(newest, limit))


def _is_of(job_ids: Collection[int], job_keys: Collection[str]) -> sa.ColumnElement[bool]:
    return runs.c.job_id.in_(job_ids) | runs.c.job_key.in_(job_keys)


def _parse(row: Any) -> RecordedRun:
    values = dict(row._mapping)
    state = RowState(values["state"])
    if state in (RowState.REQUESTED, RowState.STARTED):  # a repaired run keeps its last end
        values["ended_at"] = values["duration"] = None
    return RecordedRun(**{**values, "state": state})
