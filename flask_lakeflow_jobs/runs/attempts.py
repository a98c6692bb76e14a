"""Attempts of tasks, found by the task's key or by their own run id. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import InvalidRequest, quote
from .outcome import select_last_attempts

if TYPE_CHECKING:
    from ..sdk_types import RunTask


def find_attempt(tasks: Iterable[RunTask] | None, key: str, attempt: int | None = None) -> RunTask:
    """Return an attempt of a task.

    :param tasks: of a run.
    :param attempt: counted from 1; by default the last one.
    :raises InvalidRequest: the run has no such task or attempt.
    """
    attempts = [task for task in tasks or () if task.task_key == key and task.run_id]
    if not attempts:
        raise InvalidRequest(f"The run has no task {quote(key)} that has started.")
    if attempt is None:
        return select_last_attempts(attempts)[0]
    for task in attempts:
        if (task.attempt_number or 0) + 1 == attempt:
            return task
    raise InvalidRequest(f"The task {quote(key)} has no attempt {attempt}. It has {len(attempts)}.")
