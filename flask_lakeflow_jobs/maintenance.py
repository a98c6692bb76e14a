"""The upkeep of the record, by one process at a time: unanswered requests, and old rows."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Sequence, Set
from typing import TYPE_CHECKING

from .clock import CLOCK_SKEW_SECONDS
from .concurrency import start_thread
from .errors import DatabaseUnavailable, JobNotFound, LakeflowJobsError, RecordOutdated
from .following.job_selection import find_job
from .identity import APP
from .runs.redaction import redact
from .runs.run_parameters import ParameterMatch, compare_parameters

if TYPE_CHECKING:
    from .config.jobs import Job
    from .record.store import Record
    from .record.values import RecordedRun
    from .sdk_types import BaseRun
    from .state import AppState

RESOLVE_LEASE, PRUNE_LEASE = "resolve", "prune"

#: Longer than it takes to resolve the requests of one job.
RESOLVE_SECONDS = 120.0

DAY_SECONDS = 24 * 3600.0

#: The wait between two rounds, and while requests are unanswered.
IDLE_SECONDS, BUSY_SECONDS = 600.0, 15.0

#: The runs of one list, and the lists of runs that are compared with requests of a few minutes.
RUNS_PER_LIST, MAX_LISTS = 1_000, 10

NOT_STARTED = (
    "The app ended before the workspace responded. The workspace has no run of this request."
)

_log = logging.getLogger("flask_lakeflow_jobs")


class Maintenance:
    """Keeps the record of one app in order.

    :param state: of an app with a record.
    """

    def __init__(self, state: AppState, record: Record) -> None:
        self._state = state
        self._record = record
        self._unknown: set[int] = set()  # rows of requests that cannot be resolved

    def start(self) -> None:
        """Run from now on, in a thread. Without a free one, other processes maintain the record."""
        try:
            start_thread(self.run_forever)
        except RuntimeError as error:
            _log.warning("This process does not maintain the record: %s", error)

    def run_forever(self) -> None:
        """Run a round now, and others later. Never return."""
        while True:
            self._state.clock.sleep(self.run_round())

    def run_round(self) -> float:
        """Do what is due, unless another process does it.

        :return: seconds until the next round.
        """
        try:
            self._prune_once_a_day()
            return BUSY_SECONDS if self._resolve() else IDLE_SECONDS
        except (DatabaseUnavailable, RecordOutdated) as error:
            _log.info("The record is not maintained: %s", error)
        except Exception:
            _log.exception("Unexpected error while the record was maintained.")
        return IDLE_SECONDS

    def _prune_once_a_day(self) -> None:
        # Nobody renews or releases this lease, so it comes free once a day.
        if self._record.acquire_lease(PRUNE_LEASE, uuid.uuid4().hex, DAY_SECONDS):
            self.prune(self._state.settings.record_days)

    def prune(self, days: float) -> tuple[int, int]:
        """Delete runs and actions that are older than some days; unfinished runs 60 days later.

        :return: how many runs and how many actions were deleted.
        """
        before = round((self._state.clock.now() - days * DAY_SECONDS) * 1000)
        return self._record.prune(before), self._record.prune_actions(before)

    def _resolve(self) -> bool:
        """Resolve requests without a response, unless another process does.

        :return: whether there are any.
        """
        if not self._list_unresolved(self._state.clock.now()):
            return False
        holder = uuid.uuid4().hex
        if self._record.acquire_lease(RESOLVE_LEASE, holder, RESOLVE_SECONDS):
            try:
                self.resolve_requests()
            finally:
                self._record.release_lease(RESOLVE_LEASE, holder)
        return True

    def resolve_requests(self) -> None:
        """Find the runs of requests whose process ended before the workspace responded.

        The Jobs API cannot be asked for the run of a token: it would start one. So the runs of the
        job since the request are compared with it. If none is the same, the request was not carried
        out, as enough time has passed to send it and to get its response.
        """
        settled = self._state.clock.now() - self._state.settings.write_timeout - CLOCK_SKEW_SECONDS
        jobs = self._state.settings.jobs
        rows_of: dict[tuple[str, int], tuple[Job, list[RecordedRun]]] = {}
        for row in self._list_unresolved(settled):
            if (job := find_job(jobs, row.job_key, row.job_id)) is not None:
                rows_of.setdefault((job.key, job.job_id), (job, []))[1].append(row)
        for job, rows in rows_of.values():
            try:
                self._resolve_job(job, rows)
            except JobNotFound as error:
                self._leave_unknown(job, rows, str(error))
            except LakeflowJobsError as error:
                _log.info("The requests of %s are resolved later: %s", job.key, error)

    def _list_unresolved(self, before: float) -> list[RecordedRun]:
        """Return requests of the app's jobs that can be resolved, oldest first.

        :param before: when they were made, in seconds since the epoch.
        """
        jobs = self._state.settings.jobs
        job_ids = {job.job_id for job in jobs.values()}
        rows = self._record.list_unresolved_runs(job_ids, round(before * 1000), jobs.keys())
        return [row for row in rows if row.id not in self._unknown]

    def _resolve_job(self, job: Job, rows: Sequence[RecordedRun]) -> None:
        window = round((self._state.settings.write_timeout + CLOCK_SKEW_SECONDS) * 1000)
        ignored = frozenset(filter(None, [self._state.settings.progress_parameter]))
        for close in split_by_time(rows, window):
            runs = self._list_runs(
                job, close[0].requested_at - window, close[-1].requested_at + window
            )
            if runs is None:
                self._leave_unknown(job, close, "too many runs started at the same time.")
                continue
            known = self._record.get_runs(job.job_id, [int(run.run_id or 0) for run in runs])
            # what was found may be the run of one of these requests
            taken = {run_id for run_id, row in known.items() if row.source != "found"}
            candidates = [run for run in runs if run.run_id not in taken]
            found = match_requests(close, candidates, window, ignored=ignored)
            for row in close:
                if (run_id := found.get(row.id)) is not None:
                    self._record.complete_run(row.token or "", row.job_id, run_id)
                else:
                    self._record.fail_run(row.token or "", NOT_STARTED, row.requested_at)
            _log.info(
                "Requests of %s without a response: %d runs found, %d not started.",
                *(job.key, len(found), len(close) - len(found)),
            )

    def _leave_unknown(self, job: Job, rows: Sequence[RecordedRun], reason: str) -> None:
        _log.warning(
            "It stays unknown whether %d requests of %s have started a run: %s",
            *(len(rows), job.key, reason),
        )
        self._unknown.update(row.id for row in rows)

    def _list_runs(self, job: Job, since: int, until: int) -> list[BaseRun] | None:
        """Return the runs of a job that started in a period, redacted; ``None`` if there are more
        than can be read.

        :param since: milliseconds since the epoch, like ``until``; both inclusive.
        """
        parse, calls = self._state.upstream.parse_base_run, self._state.upstream.bind(APP, job)
        found: dict[int | None, BaseRun] = {}
        for _ in range(MAX_LISTS):
            listed = calls.list_runs(
                RUNS_PER_LIST,
                expand_tasks=True,  # otherwise the workspace leaves job parameters out
                start_time_from=since,
                start_time_to=until,
            )
            runs = [parse(redact(run.document, job.secret_overrides)) for run in listed]
            found |= {run.run_id: run for run in runs}
            if len(listed) < RUNS_PER_LIST:
                return [*found.values()]
            until = min(run.start_time or until for run in runs)
        return None


def split_by_time(rows: Iterable[RecordedRun], window: int) -> list[list[RecordedRun]]:
    """Return requests in groups, each of which spans at most some milliseconds. Pure.

    An outage may last for days, with any number of runs in between.

    :param rows: oldest first.
    """
    groups: list[list[RecordedRun]] = []
    for row in rows:
        if not groups or row.requested_at - groups[-1][0].requested_at > window:
            groups.append([])
        groups[-1].append(row)
    return groups


def match_requests(
    rows: Iterable[RecordedRun],
    runs: Iterable[BaseRun],
    window: int,
    *,
    ignored: Set[str],
) -> dict[int, int]:
    """Return which run each request has started: the first in time with its parameters. Pure.

    A run that does not state its parameters fits only where no other run does.

    :param rows: oldest first.
    :param runs: of the same job, that belong to no other request; redacted like the requests.
    :param window: milliseconds from the request in which its run has started.
    :param ignored: the names of parameters that are not compared.
    :return: row → run id.
    """
    free = sorted(runs, key=lambda run: (run.start_time or 0, run.run_id or 0))
    skew = round(CLOCK_SKEW_SECONDS * 1000)
    found: dict[int, int] = {}
    for row in rows:
        fields = json.loads(row.params or "{}")
        in_time = [
            run for run in free if -skew <= (run.start_time or 0) - row.requested_at <= window
        ]
        by_result = {
            compare_parameters(run, fields, ignored=ignored): run for run in reversed(in_time)
        }
        run = by_result.get(ParameterMatch.SAME) or by_result.get(ParameterMatch.UNKNOWN)
        if run is not None:
            found[row.id] = int(run.run_id or 0)
            free.remove(run)
    return found
