"""The app's state and the handles of its jobs, for commands."""

from __future__ import annotations

import getpass
import sys

import click

from ..config.jobs import NO_JOBS_MESSAGE
from ..errors import UnknownJob
from ..globals import current_state
from ..handle import JobHandle
from ..identity import APP
from ..record.recording import Origin
from ..state import AppState

#: Seconds that a table waits for what it can do without, such as in an outage.
MAX_TABLE_READ_SECONDS = 10.0


def get_state() -> AppState:
    """Return the state of the current app.

    :raises click.UsageError: the app does not use the extension.
    """
    try:
        return current_state()
    except RuntimeError as error:
        raise click.UsageError(str(error)) from None


def get_handle(key: str | None) -> JobHandle:
    """Return the handle of a job, which acts as the app.

    :param key: ``None`` selects the only job of the app. If there are several, the user is asked on
        a terminal.
    :raises UnknownJob: the app has no job with this key.
    :raises click.UsageError: there is no key, and no job to select.
    """
    jobs = get_state().settings.jobs
    if key is None and len(jobs) > 1 and is_interactive():
        key = click.prompt("Which job?", type=click.Choice(list(jobs)), err=True)
    return find_handle(key)


def is_interactive() -> bool:
    """Return whether a person can read a question and respond."""
    streams = (sys.stdin, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams)


def find_handle(key: str | None) -> JobHandle:
    """Return a handle as :func:`get_handle` does, without asking the user."""
    state = get_state()
    jobs = state.settings.jobs
    if key is None:
        if not jobs:
            raise click.UsageError(NO_JOBS_MESSAGE)
        if len(jobs) > 1:
            raise click.UsageError(f"Which job? This app has several: {', '.join(jobs)}.")
        key = next(iter(jobs))
    if key not in jobs:
        raise UnknownJob(key, jobs)
    return JobHandle(state, jobs[key], APP, is_operator=True, find_origin=_find_origin)


def _find_origin() -> Origin:
    return Origin("cli", user=find_operator())


def find_operator() -> str | None:
    """Return the name of the user who runs the command, if the system has one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without an entry, or Windows
        return None
