"""Ids of jobs and runs, and the keys of tasks that a call names. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidParameters, InvalidRequest, quote, suggest

#: Ids of the Jobs API are signed 64-bit integers.
MAX_ID = 2**63 - 1

MAX_DIGITS = 19


def parse_id(value: object) -> int | None:
    """Return the id of a job or run from a number or a string; ``None`` if it is not an id."""
    if isinstance(value, str) and len(value) <= MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= MAX_ID else None


def parse_run_id(value: object) -> int:
    """Return a run id from a number or a string.

    :raises InvalidRequest: it is not an id.
    """
    run_id = parse_id(value)
    if run_id is None:
        raise InvalidRequest(
            f"A run id is a positive whole number below 2**63, not {quote(value)}."
        )
    return run_id


def normalize_task_keys(keys: Sequence[str] | None) -> list[str] | None:
    """Return task keys as a list. A string is one key."""
    if keys is None:
        return None
    return [keys] if isinstance(keys, str) else list(keys)


def choose_task_keys(keys: Sequence[str] | None, argument: str) -> list[str] | None:
    """Return the keys of the tasks to run; ``None``: the caller chooses none.

    :param argument: the name of the argument, for the error.
    :raises InvalidParameters: the list is empty: the workspace would run all tasks; or one of them
        is no text.
    """
    task_keys = normalize_task_keys(keys)
    if task_keys == []:
        detail = f"{argument!r} names no task. Name one, or leave it out."
        raise InvalidParameters(detail, {argument: ["Names no task."]})
    if not all(isinstance(key, str) for key in task_keys or ()):
        detail = f"{argument!r} must be keys of tasks, not {quote(task_keys)}."
        raise InvalidParameters(detail, {argument: ["Must be keys of tasks."]})
    return task_keys


def validate_task_keys(
    only: Sequence[str], tasks: Sequence[str], job: str, argument: str = "only"
) -> None:
    """Check that a job has certain tasks.

    :param tasks: the keys of the job's tasks; in a run, one for each attempt.
    :param job: the job's key, for the message.
    :param argument: as for :func:`choose_task_keys`.
    :raises InvalidParameters: the job lacks one of the tasks.
    """
    unknown = [key for key in only if key not in tasks]
    if unknown:
        raise InvalidParameters(
            f"The job {job!r} has no task {', '.join(map(repr, unknown))}."
            f"{suggest(unknown[0], tasks)}"
            f" Its tasks: {', '.join(dict.fromkeys(tasks)) or 'none'}.",
            {argument: [f"Has no task {key!r}." for key in unknown]},
        )
