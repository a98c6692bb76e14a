"""Which job is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..config.jobs import NO_JOBS
from ..globals import State, current_state

if TYPE_CHECKING:
    from ..handle import JobHandle


def app_state() -> State:
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
    jobs = app_state().jobs
    if key is not None:
        return jobs[key].as_operator()
    if len(jobs) == 1:
        return jobs[next(iter(jobs))].as_operator()
    if not jobs:
        raise click.UsageError(NO_JOBS)
    raise click.UsageError(f"Which job? This app has several: {', '.join(jobs)}.")
