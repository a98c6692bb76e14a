"""The memory of the console of one app: tasks and root errors that it has read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple, cast

from flask import current_app

from ..memo import Memo
from .task_markup import MAX_KEPT_TASKS, AttemptId, KeptTask

#: The key of the state in ``app.extensions``.
CONSOLE_KEY = "lakeflow_jobs.console"

#: Root errors in the memory of one process.
MAX_ROOT_ERRORS = 2_000


class RootError(NamedTuple):
    """The error of the first task that made a run fail.

    :param text: one line; empty: there is none.
    :param read_again: seconds since the epoch.
    """

    text: str
    read_again: float


class ConsoleState:
    """The memory of the console of one app."""

    def __init__(self) -> None:
        #: The tasks of runs that were shown lately, by the URL of their pages.
        self.tasks: Memo[str, Mapping[AttemptId, KeptTask]] = Memo(MAX_KEPT_TASKS)
        #: The root errors of runs, by identity, key and id of the job, run and end.
        self.root_errors: Memo[Hashable, RootError] = Memo(MAX_ROOT_ERRORS)


def console_state() -> ConsoleState:
    """Return the state of the current app."""
    return cast("ConsoleState", current_app.extensions[CONSOLE_KEY])
