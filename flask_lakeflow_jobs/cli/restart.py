"""Before a run is started anew: the end of those that go on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ..errors import LakeflowJobsError, RunNotFound, RunTimeout
from .display import error_lines
from .exits import Exit
from .printing import print_error, print_progress
from .words import word

if TYPE_CHECKING:
    from ..clock import Clock
    from ..handle import JobHandle

#: The most runs that are ended: as many as a job can have at once.
#: Source: Jobs API, ``max_concurrent_runs``.
MOST = 1000


def make_way(handle: JobHandle, clock: Clock, timeout: float | None) -> None:
    """Cancel all runs of a job that go on, and wait for their ends.

    :param handle: the job's.
    :param clock: the time.
    :param timeout: seconds for all of it; ``None``: the job's ``wait_timeout``.
    :raises click.exceptions.Exit: they have not ended, for a reason that was printed.
    """
    try:
        _end_active_runs(handle, clock, handle.job.wait_timeout if timeout is None else timeout)
    except LakeflowJobsError as error:
        print_error("\n".join([*error_lines(error), "No new run was started."]))
        raise click.exceptions.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print_error("Interrupted. No new run was started.")
        raise click.exceptions.Exit(Exit.INTERRUPTED) from None


def _end_active_runs(handle: JobHandle, clock: Clock, seconds: float) -> None:
    deadline = clock.monotonic() + seconds
    # newest first: a queued run whose predecessor ends would start
    active = [int(run.run_id or 0) for run in handle.list_runs(MOST, active_only=True)]
    if not active:
        print_progress(f"No run of {handle.key} goes on.")
    for run_id in active:
        print_progress(f"Canceling run {run_id} of {handle.key}.")
        with suppress(RunNotFound):
            handle.cancel_run(run_id)
    for run_id in active:
        left = max(0.0, deadline - clock.monotonic())
        try:
            end = handle.wait(run_id, timeout=left)
        except RunNotFound:
            continue
        except RunTimeout as late:
            raise RunTimeout(run_id, seconds, trouble=late.trouble) from None
        print_progress(f"Run {run_id} of {handle.key}: {word(end.outcome)}.")
