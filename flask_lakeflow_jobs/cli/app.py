"""Which job is meant."""

from __future__ import annotations

import click

from ..config.jobs import NO_JOBS_MESSAGE
from ..errors import UnknownJob
from ..globals import current_state
from ..handle import JobHandle
from ..identity import APP
from ..state import AppState


def app_state() -> AppState:
    """The state of the app whose command line this is.

    :raises click.UsageError: the app is not set up for jobs.
    """
    try:
        return current_state()
    except RuntimeError as error:
        raise click.UsageError(str(error)) from None


def chosen_job(key: str | None) -> JobHandle:
    """The handle of whoever operates the app on the job that is meant.

    :param key: as typed; where the app has exactly one job it may be left out.
    :raises UnknownJob: the app has no job with that key.
    :raises click.UsageError: no key, and not exactly one job.
    """
    state = app_state()
    jobs = state.settings.jobs
    if key is None and len(jobs) == 1:
        key = next(iter(jobs))
    if key is not None:
        if key not in jobs:
            raise UnknownJob(key, jobs)
        return JobHandle(state, jobs[key], APP, is_operator=True)
    if not jobs:
        raise click.UsageError(NO_JOBS_MESSAGE)
    raise click.UsageError(f"Which job? This app has several: {', '.join(jobs)}.")
