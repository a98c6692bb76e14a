"""The choice of the jobs to follow, and of the job that a recorded run belongs to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
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


def find_job(jobs: Mapping[str, Job], key: str, job_id: int) -> Job | None:
    """Return the job that a run belongs to, with the id that it had then.

    The key or the id of a job may have changed since the run was recorded, such as after the
    bundle was deployed again.

    :param jobs: by key.
    :param key: the key in the record.
    :param job_id: the id in the record.
    :return: ``None`` if the app no longer has the job.
    """
    by_key = jobs.get(key)
    if by_key is not None and by_key.job_id == job_id:
        return by_key
    by_id = next((job for job in jobs.values() if job.job_id == job_id), None)
    return by_id or (by_key and replace(by_key, job_id=job_id))


def choose_runs(
    unfinished: Iterable[RecordedRun], jobs: Mapping[str, Job], skipped: Collection[RunKey]
) -> list[RunKey]:
    """Return the unfinished runs to follow.

    :param jobs: those of the app, by key.
    """
    chosen, chosen_jobs = [], choose_jobs(jobs)
    for run in unfinished:
        current = jobs.get(run.job_key)
        if current is not None and current.job_id == run.job_id:
            job = chosen_jobs.get(run.job_key)  # not another key of the same job
        else:
            job = find_job(chosen_jobs, run.job_key, run.job_id)
        if job is None or run.run_id is None:
            continue
        run_key = RunKey(APP, job, run.run_id)
        if run_key not in skipped:
            chosen.append(run_key)
    return chosen
