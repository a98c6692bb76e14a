"""Lists of recorded runs in which a run without a recorded end is as the workspace has it now.

The record learns of an end when somebody reads the run, or if the app follows its runs. So every
list reads such runs again, and records the ends that it finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from .errors import LakeflowJobsError, RunNotFound, UpstreamTimeout
from .following.ends import NO_RUN, build_end
from .following.job_selection import find_job
from .identity import APP
from .reader import record_end
from .record.recording import describe_params
from .record.values import RowState
from .runs.outcome import RunStatus, has_ended, outcome_of
from .runs.run_parameters import fields_of
from .upstream.cached_reads import CachedReads
from .upstream.concurrent_reads import read_each
from .watching.watched_run import RunKey

if TYPE_CHECKING:
    from .config.jobs import Job
    from .record.recorded_runs import RunFilter
    from .record.store import Record
    from .record.values import PageToken, RecordedRun
    from .state import AppState


class ReadLimit(NamedTuple):
    """The limit on reads of the workspace for one list.

    :param runs: the newest unfinished runs that are read.
    :param seconds: how long the list waits for all of them.
    :param reason: says why the others are not read.
    """

    runs: int
    seconds: float
    reason: str


#: Seconds that a list waits while the workspace does not respond.
OUTAGE_SECONDS = 0.25

#: The limit for a page.
PAGE_LIMIT = ReadLimit(50, 3.0, "Only the newest 50 are read. There may be more.")

#: The limit for an export of any number of pages.
EXPORT_LIMIT = ReadLimit(1_000, 10.0, "Only the newest 1,000 are read. There may be more.")


class PresentRuns:
    """The pages of one list. They share the limit, and no run is read twice.

    Runs are read as the app.

    :param state: of an app with a record; without one, each page is empty.
    """

    def __init__(self, state: AppState, limit: ReadLimit) -> None:
        self._state = state
        self._limit = limit
        self._runs_left, self._seconds_left = limit.runs, limit.seconds
        self._present: dict[int, RecordedRun] = {}  # as far as read, by row
        #: How many runs may have ended, but could not be read, by the reason.
        self.unread: Counter[str] = Counter()
        #: The newest run that the limit left unread, by its token; ``None``: all were read.
        self.unread_from: PageToken | None = None
        #: True if a read was too late, such as in an outage.
        self.is_late = False

    def list_runs(
        self, filters: RunFilter, *, limit: int, token: PageToken | None = None
    ) -> list[RecordedRun]:
        """Return one page as :meth:`.RecordedRuns.list_runs` does, with active outcomes too.

        A run that could not be read is as recorded, without an outcome.

        :param filters: an outcome must be one of ended runs.
        """
        if (record := self._state.record) is None:
            return []
        rows = unfinished = record.list_runs(filters, limit=limit, token=token)
        if filters.outcome is not None and not self._present:
            # A run may have it whose end is not recorded. One more than is read shows that there
            # are more.
            started = replace(filters, outcome=None, state=RowState.STARTED)
            unfinished = record.list_runs(started, limit=self._runs_left + 1, token=token)
        while self._read(record, unfinished):
            # Among the unfinished runs, others follow those that have ended.
            rows = unfinished = record.list_runs(filters, limit=limit, token=token)
        return [
            self._present.get(row.id, row) if row.state is RowState.STARTED else row for row in rows
        ]

    def _read(self, record: Record, rows: Sequence[RecordedRun]) -> bool:
        """Read unfinished runs for the first time, and return whether one of them has ended."""
        rows = [row for row in rows if row.state is RowState.STARTED]
        rows = [row for row in rows if row.id not in self._present]
        self._present.update((row.id, row) for row in rows)
        jobs = self._state.settings.jobs
        found = [(row, job) for row in rows if (job := find_job(jobs, row.job_key, row.job_id))]
        chosen = found[: self._runs_left] if self._seconds_left > 0 else []
        self._runs_left -= len(chosen)
        if len(chosen) < len(found) and self.unread_from is None:
            self.unread_from = found[len(chosen)][0].page_token
        clock = self._state.clock
        began = clock.monotonic()
        # In an outage, calls that test whether it is over may hang.
        most = OUTAGE_SECONDS if self._state.is_circuit_open else self._seconds_left
        results = read_each(
            lambda pair: self._read_run(record, *pair), chosen, min(most, self._seconds_left)
        )
        self._seconds_left -= clock.monotonic() - began
        read = [result for result in results if not isinstance(result, LakeflowJobsError)]
        self._present.update((row.id, row) for row in read)
        errors = [result for result in results if isinstance(result, LakeflowJobsError)]
        self.is_late = self.is_late or any(isinstance(each, UpstreamTimeout) for each in errors)
        self.unread.update(error.detail for error in errors)
        self.unread[self._limit.reason] += len(found) - len(chosen)
        self.unread["The app no longer has their job."] += len(rows) - len(found)
        self.unread = +self.unread
        return any(row.state is RowState.ENDED for row in read)

    def _read_run(self, record: Record, row: RecordedRun, job: Job) -> RecordedRun:
        """Return a run as it is now; its end is recorded."""
        state, run_key = self._state, RunKey(APP, job, row.run_id or 0)
        now = int(state.clock.now() * 1000)
        # It does not record ends itself: it may be cached since before the record had the run.
        reads = CachedReads(state.upstream, APP, job, stale_if_error=True)
        try:
            # In the cache of this process, a run that was repaired elsewhere may have its last end.
            document = (
                reads.poll(run_key.run_id).document
                if row.ends
                else reads.get_run(run_key.run_id).value
            )
        except RunNotFound:  # the workspace has deleted it
            if not state.ends.abandon(run_key):
                raise
            return replace(row, state=RowState.ENDED, outcome="unknown", ended_at=now, error=NO_RUN)
        if not has_ended(document):
            fields = {name: value for name, value in document.items() if name != "tasks"}
            run = state.upstream.parse_run(fields)
            return replace(
                row,
                outcome=outcome_of(document).value,
                started_at=run.start_time or row.started_at,
                params=_choose_params(row, describe_params(fields_of(run), job)),
            )
        status = RunStatus(now, state.upstream.parse_run(document), document=document)
        if not state.ends.has_deferred:  # otherwise each list would defer this end again
            record_end(state, record, run_key, lambda: status)
        end = {name: value for name, value in vars(build_end(run_key, status)).items() if value}
        end["params"] = _choose_params(row, end.get("params"))
        return replace(row, **end, state=RowState.ENDED)


def _choose_params(row: RecordedRun, present: str | None) -> str | None:
    """Return the parameters that the record will have, see :meth:`.RunChanges.finish_run`."""
    return row.params if row.params and not row.ends else present or row.params
