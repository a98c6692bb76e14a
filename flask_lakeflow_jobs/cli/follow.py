"""The command that follows runs in a process of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

import click
from flask.cli import with_appcontext

from ..following.follower import Follower
from ..maintenance import Maintenance
from .end_signals import handle_end_signals
from .exit_codes import ExitCode, format_exit_codes
from .handles import get_state
from .printing import print_progress
from .record import get_record


def build_report(follower: Follower) -> Callable[[], None]:
    """Return a function that prints what a follower does, if that has changed."""
    last = ""

    def report() -> None:
        nonlocal last
        before, last = last, "Another process of the app follows its runs. Waiting to take over."
        if follower.is_leading:
            count = follower.run_count
            last = f"Following {count} run{'' if count == 1 else 's'}."
        if last != before:
            print_progress(last)

    return report


@click.command(short_help="Follow unfinished runs to their end.", epilog=format_exit_codes())
@with_appcontext
def follow() -> None:
    """Follow the unfinished runs of the record to their end, and deliver their ends.

    It also keeps the record in order: it deletes old rows, and resolves requests without a
    response. One process of the app follows at a time; others wait to take over. Use this beside
    servers whose workers cannot follow themselves, under a supervisor. It runs until it gets
    SIGTERM, and then exits with 0, or until it is interrupted or its terminal closes.
    """
    state, record = get_state(), get_record()
    follower = state.build_follower()
    Maintenance(state, record).start()  # this may be the only process of the app that runs for long
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        follower.stop()

    with handle_end_signals(stop):
        follower.run(build_report(follower))
    state.ends.stop()
    print_progress("Stopped. Another process takes over the runs, if there is one.")
    if received and received != [signal.SIGTERM]:
        raise click.exceptions.Exit(ExitCode.INTERRUPTED)
