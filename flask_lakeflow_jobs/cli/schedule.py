"""The commands that pause and resume the schedule of a job."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from ..reader import cached_reads_of
from ..runs.triggers import triggers_of
from .formatting import format_moment
from .handles import get_handle, get_state
from .options import key_argument
from .output import print_progress


@click.command()
@with_appcontext
@key_argument
def pause(key: str | None) -> None:
    """Pause the schedule and all triggers of a job.

    Active runs go on, and you can still start runs yourself.
    """
    handle = get_handle(key)
    handle.pause()
    print_progress(f"{handle.key} is paused. Resume it: flask jobs resume {handle.key}")


@click.command()
@with_appcontext
@key_argument
def resume(key: str | None) -> None:
    """Resume the schedule and all triggers of a job.

    A continuous job starts at once.
    """
    handle = get_handle(key)
    handle.resume()
    job = cached_reads_of(handle).get_job().value
    print_progress(f"{handle.key} is no longer paused. It starts:")
    for trigger in triggers_of(job, get_state().clock.now() * 1000):
        when = f", next {format_moment(trigger.next_start)}" if trigger.next_start else ""
        print_progress(f"  {trigger.label}{when}")
