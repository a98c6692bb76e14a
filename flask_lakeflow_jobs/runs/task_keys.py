"""Keys of the tasks that a call names. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidParameters, suggest


def normalize_task_keys(keys: Sequence[str] | None) -> list[str] | None:
    """Return task keys as a list. A string is one key."""
    if keys is None:
        return None
    return [keys] if isinstance(keys, str) else list(keys)


def choose_task_keys(keys: Sequence[str] | None, argument: str) -> list[str] | None:
    """Return the keys of the tasks to run; ``None``: the caller chooses none.

    :param argument: the name of the argument, for the error.
    :raises InvalidParameters: the list is empty. The workspace would run all tasks.
    """
    task_keys = normalize_task_keys(keys)
    if task_keys == []:
        detail = f"{argument!r} names no task. Name one, or leave it out."
        raise InvalidParameters(detail, {argument: ["Names no task."]})
    return task_keys


def validate_task_keys(only: Sequence[str], tasks: Sequence[str], job: str) -> None:
    """Check that a job has certain tasks.

    :param only: task keys, with ``+`` before or after a key for the tasks up- or downstream.
    :param tasks: the keys of the job's tasks.
    :param job: the job's key, for the message.
    :raises InvalidParameters: the job lacks one of the tasks.
    """
    unknown = [key for key in only if key.strip("+") not in tasks]
    if unknown:
        raise InvalidParameters(
            f"The job {job!r} has no task {', '.join(map(repr, unknown))}."
            f"{suggest(unknown[0].strip('+'), tasks)} Its tasks: {', '.join(tasks) or 'none'}.",
            {"only": [f"Has no task {key!r}." for key in unknown]},
        )
