"""Runs that were started or repaired elsewhere: by a schedule, the Jobs UI or another client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import LakeflowJobsError
from ..identity import APP, display_name
from ..record.values import RowState
from ..runs import RUNS_PER_PAGE
from ..runs.outcome import has_ended
from ..watching.watched_run import RunKey
from .job_selection import choose_jobs
from .notifier import MAX_MESSAGE_AGE_MS

if TYPE_CHECKING:
    from ..clock import Clock
    from ..config.jobs import Job
    from ..record.store import Record
    from ..record.values import RecordedRun
    from ..sdk_types import BaseRun, Run
    from ..upstream.gateway import BoundUpstream, Upstream

#: The runs of one list, over several pages if there are so many.
MAX_FOUND_RUNS = 1_000

#: The time that one list covers, if the search has fallen behind. With more, a job that starts
#: every minute could have more runs than a list has, or than can be read within one timeout.
WINDOW_MS = 3_600_000

#: Lists of new runs overlap: a run may appear in them a little after its start.
OVERLAP_MS = 60_000

#: Seconds between two searches for the runs of a job that were repaired elsewhere. They are among
#: the active runs, or if the repair took less time, among the newest ones.
REPAIRED_SECONDS = 30.0

#: How far back runs are searched for that started while no process followed.
LOOKBACK_MS = MAX_MESSAGE_AGE_MS

#: How long after its request a run that did not succeed may still be repaired. It counts for jobs
#: of which only the app's own runs are followed.
REPAIR_MS = 7 * 86_400_000


class RunFinder:
    """Finds runs that were started or repaired elsewhere.

    It searches the jobs with ``follow: all`` for runs that were started elsewhere. The search of a
    job begins at its newest recorded run, or a day ago if that is later. So it also finds runs that
    were started while no process of the app ran. Without a recorded run, it begins now. It finds
    active runs whenever they started.

    It searches the same jobs for runs that were repaired elsewhere. It also searches a job of which
    only the app's own runs are followed, if one of these did not succeed lately.

    :param poll_again: polls a run that the hub knows as ended.
    """

    def __init__(
        self,
        record: Record,
        upstream: Callable[[], Upstream],
        jobs: Mapping[str, Job],
        clock: Clock,
        poll_again: Callable[[RunKey], None],
    ) -> None:
        self._record = record
        self._upstream = upstream
        self._clock = clock
        self._poll_again = poll_again
        self._epoch = clock.now() - clock.monotonic()
        self._jobs = choose_jobs(jobs)
        self._since: dict[str, int] = {}
        self._listed: dict[str, set[int]] = {}
        self._find_repaired_at: dict[str, float] = {}

    def find(self) -> None:
        """Record the new runs of each job, with one list request per job, and from time to time
        two more for those that were repaired.

        :raises LakeflowJobsError: the runs of a job could not be listed; those of the others were.
        """
        failure: LakeflowJobsError | None = None
        repairable = self._choose_repairable()
        for job in self._jobs.values():
            calls = self._upstream().bind(APP, job)
            try:
                if job.follow == "all":
                    self._find_new(job, calls)
                if job.key in repairable:
                    self._find_repaired(job, calls)
            except LakeflowJobsError as error:
                failure = error
                if error.retryable:  # a short repair is found only while its run is a new one
                    self._find_repaired_at.pop(job.key, None)
        if failure is not None:
            raise failure

    def _choose_repairable(self) -> set[str]:
        """Return the jobs whose repaired runs are to be found now."""
        now = self._clock.monotonic()
        due = {key for key in self._jobs if self._find_repaired_at.get(key, now) <= now}
        if not due:
            return due
        failed = self._record.find_failed_jobs(due, self._now() - REPAIR_MS)
        self._find_repaired_at.update(dict.fromkeys(due, now + REPAIRED_SECONDS))
        return {key for key in due if self._jobs[key].follow == "all" or key in failed}

    def _find_new(self, job: Job, calls: BoundUpstream) -> None:
        begin = self._since.get(job.key) or self._choose_begin(job)
        begin = min(begin, self._now())  # it may be from before the clock was put back
        # A full window ended an hour ago or more, so a clock that is a little wrong hides no run.
        while begin + 2 * WINDOW_MS < self._now():
            end = begin + WINDOW_MS
            self._list(job, calls, start_time_from=begin - OVERLAP_MS, start_time_to=end)
            begin = self._since[job.key] = end
        newest = self._list(job, calls, start_time_from=begin - OVERLAP_MS)
        self._since[job.key] = max(begin, newest)

    def _list(self, job: Job, calls: BoundUpstream, **filters: int) -> int:
        """Record the new runs of a list, and return when the newest run has started."""
        runs = [run.value for run in calls.list_runs(MAX_FOUND_RUNS, **filters)]
        listed = self._listed.get(job.key, set())
        self._add(job, [run for run in runs if run.run_id not in listed])
        self._listed[job.key] = {run.run_id for run in runs if run.run_id}
        return max((run.start_time or 0 for run in runs), default=0)

    def _find_repaired(self, job: Job, calls: BoundUpstream) -> None:
        """Follow runs again that are active, or have ended again, since they were recorded."""
        active = [run.value for run in calls.list_runs(MAX_FOUND_RUNS, active_only=True)]
        newest = [run.value for run in calls.list_runs(RUNS_PER_PAGE)]
        runs = {run.run_id: run for run in (*active, *newest) if run.run_id}
        recorded = self._record.get_runs(job.job_id, [*runs])
        if job.follow == "all":
            self._add(job, [run for run in active if run.run_id not in recorded])
        for run_id, run in recorded.items():
            # It is read again, as an active run may have ended since the list was made.
            if was_repaired(run, runs[run_id]) and was_repaired(run, calls.get_run(run_id).value):
                self._poll_again(RunKey(APP, job, run_id))
                self._record.continue_run(run)  # last: then it is not found again

    def _add(self, job: Job, runs: Sequence[BaseRun]) -> None:
        for run in reversed(runs):  # oldest first, so that a failure loses none
            if run.run_id:
                self._record.add_found_run(
                    job.key,
                    job.job_id,
                    run.run_id,
                    started_at=run.start_time or self._now(),
                    requested_by=display_name(run.creator_user_name),
                    page_url=run.run_page_url,
                )

    def _choose_begin(self, job: Job) -> int:
        from ..record.recorded_runs import RunFilter  # needs SQLAlchemy, an extra

        now = begin = self._now()
        of_job = RunFilter(job_ids=[job.job_id])
        of_key = RunFilter([job.key])  # its job may have another id now
        for filters in (of_job, of_key):
            # The app may have started runs while no process followed.
            found = self._record.list_runs(replace(filters, source="found"), limit=1)
            if newest := found or self._record.list_runs(filters, limit=1):
                begin = max(newest[0].requested_at, now - LOOKBACK_MS)
                break
        self._since[job.key] = begin
        return begin

    def _now(self) -> int:
        """Return the milliseconds since the epoch.

        A clock that jumps ahead would hide runs, so this time never passes faster than real time.
        """
        return int(min(self._clock.now(), self._epoch + self._clock.monotonic()) * 1000)


def was_repaired(recorded: RecordedRun, run: BaseRun | Run) -> bool:
    """Return whether a run is active, or has ended again, since its end was recorded. Pure."""
    if recorded.state is not RowState.ENDED:
        return False
    return not has_ended(run) or (run.end_time or 0) > (recorded.ended_at or 0)
