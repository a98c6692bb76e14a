"""Runs that were started or repaired elsewhere: by a schedule, the Jobs UI or another client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..errors import LakeflowJobsError
from ..identity import APP, display_name
from ..runs.outcome import has_ended
from ..watching.watched_run import RunKey
from .choice import choose_jobs

if TYPE_CHECKING:
    from ..clock import Clock
    from ..config.jobs import Job
    from ..record.store import Record
    from ..sdk_types import BaseRun
    from ..upstream.gateway import BoundUpstream, Upstream

#: The runs of one list, over several pages if there are so many.
MAX_FOUND_RUNS = 1_000

#: Lists of new runs overlap: a run may appear in them a little after its start.
OVERLAP_MS = 60_000

#: Seconds between two lists of the active runs of a job, which show the runs that were repaired
#: elsewhere.
ACTIVE_LIST_SECONDS = 30.0

#: How far back runs are searched for that started while no process followed. Older ones would
#: flood people with messages.
LOOKBACK_MS = 86_400_000


class RunFinder:
    """Finds runs that were started or repaired elsewhere, of the jobs whose runs are all followed.

    The search begins at the newest recorded run of a job, or a day ago if that is later. So it also
    finds runs from while no process of the app ran. Without a recorded run, it begins now. Active
    runs are found whenever they started.

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
        self.jobs = [job for job in choose_jobs(jobs).values() if job.follow == "all"]
        self._since: dict[str, int] = {}
        self._listed: dict[str, set[int]] = {}
        self._list_active_at: dict[str, float] = {}

    def find(self) -> None:
        """Record the new runs of each job, with one list request per job, and from time to time
        one more for those that are active.

        :raises LakeflowJobsError: the runs of a job could not be listed; those of the others were.
        """
        failure: LakeflowJobsError | None = None
        for job in self.jobs:
            try:
                self._find(job)
            except LakeflowJobsError as error:
                failure = error
        if failure is not None:
            raise failure

    def _find(self, job: Job) -> None:
        calls, since = self._upstream().bind(APP, job), self._since.get(job.key)
        if since is None:
            since = self._choose_begin(job)
        now = self._clock.monotonic()
        lists_active = now >= self._list_active_at.get(job.key, now)
        active: list[BaseRun] = []
        if lists_active:
            active = [run.value for run in calls.list_runs(MAX_FOUND_RUNS, active_only=True)]
        found = calls.list_runs(MAX_FOUND_RUNS, start_time_from=since - OVERLAP_MS)
        runs = [*active, *(run.value for run in found)]
        listed = self._listed.get(job.key, set())
        for run in reversed(runs):  # oldest first, so that a failure loses none
            if run.run_id and run.run_id not in listed:
                self._record.add_found_run(
                    job.key,
                    job.job_id,
                    run.run_id,
                    started_at=run.start_time or since,
                    requested_by=display_name(run.creator_user_name),
                    page_url=run.run_page_url,
                )
        self._listed[job.key] = {run.run_id for run in runs if run.run_id}
        self._since[job.key] = max([since, *(run.start_time or 0 for run in runs)])
        if lists_active:
            self._continue_repaired(job, calls, {run.run_id for run in active if run.run_id})
            self._list_active_at[job.key] = now + ACTIVE_LIST_SECONDS

    def _continue_repaired(self, job: Job, calls: BoundUpstream, active: set[int]) -> None:
        """Follow the active runs again of which the record has an end."""
        unfinished = {run.run_id for run in self._record.list_unfinished_runs([job.job_id])}
        for run_id in active - unfinished:
            ended = self._record.get_run(job.job_id, run_id)
            # The run may have ended since the list was made.
            if ended is None or has_ended(calls.get_run(run_id).value):
                continue
            if self._record.continue_run(ended):
                self._poll_again(RunKey(APP, job, run_id))

    def _choose_begin(self, job: Job) -> int:
        from ..record.runs import RunFilter  # needs SQLAlchemy, an extra

        now = int(self._clock.now() * 1000)
        for source in ("found", None):  # the app may have started runs while no process followed
            newest = self._record.list_runs(RunFilter([job.key], source=source), limit=1)
            if newest:
                return max(newest[0].requested_at, now - LOOKBACK_MS)
        return now
