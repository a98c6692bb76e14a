"""The jobs and the runs that are followed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from ..identity import APP
from ..watching.watched_run import RunKey

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..record.values import RecordedRun


def choose_jobs(jobs: Mapping[str, Job]) -> dict[str, Job]:
    """Return the jobs whose runs are followed: those that run as the app and are not excluded.

    A run of a job that runs as its users needs the token of a user, which only a viewer brings.

    :param jobs: by key.
    """
    return {
        key: job for key, job in jobs.items() if job.run_as == "app" and job.follow is not False
    }


def choose_runs(
    unfinished: Iterable[RecordedRun], jobs: Mapping[str, Job], skipped: Collection[RunKey] = ()
) -> list[RunKey]:
    """Return the runs to follow.

    :param jobs: those whose runs are followed, by key.
    """
    chosen = []
    for run in unfinished:
        job = jobs.get(run.job_key)
        if job is None or job.job_id != run.job_id or run.run_id is None:
            continue  # the job has another id now
        run_key = RunKey(APP, job, run.run_id)
        if run_key not in skipped:
            chosen.append(run_key)
    return chosen
