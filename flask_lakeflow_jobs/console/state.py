"""The memory of the console of one app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flask import current_app

from ..memo import Memo
from .task_markup import MAX_KEPT_TASKS, AttemptId, KeptTask

#: The key of the state in ``app.extensions``.
EXTENSION = "lakeflow_jobs.console"


class ConsoleState:
    """The values that the console of one app keeps.

    :param tasks: those of runs that were shown lately, by the URL of their pages.
    """

    def __init__(self) -> None:
        self.tasks: Memo[str, Mapping[AttemptId, KeptTask]] = Memo(MAX_KEPT_TASKS)


def console_state() -> ConsoleState:
    """Return the state of the current app."""
    return cast("ConsoleState", current_app.extensions[EXTENSION])
