"""Describes an exception of the user's code: its last line, and the trace of the user's frames."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

from .advice import advise

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))


def describe_error(
    error: BaseException,
    requirements: Sequence[str] = (),
    missing_libraries: Sequence[str] = (),
    *,
    installs: bool = False,
    mounts: dict[str, str] | None = None,
) -> dict[str, str]:
    """Print the trace; return the ``error`` and ``error_trace`` of a run's output.

    Advice comes first, as lists show one line of an error.

    :param requirements: the packages that the task lists.
    :param missing_libraries: the wheels and projects among them that do not exist.
    :param installs: whether the workspace installs these packages.
    :param mounts: folders of this machine by their paths in the workspace.
    """
    _drop_own_frames(error)
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    last_line = _write(error)

    causes = _list_causes(error)
    found = (
        advise(each, requirements, missing_libraries, installs=installs, mounts=mounts or {})
        for each in causes
    )
    advice = None
    with suppress(Exception):  # the text of an error is the user's code too, and may fail
        advice = next(filter(None, found), None)
    if advice is not None:
        last_line = f"{advice} {last_line}"
        trace += f"{advice}\n"
    elif causes[-1] is not error and (isinstance(error, SystemExit) or _is_own(causes[-1])):
        last_line = f"{_write(causes[-1])} {last_line}"
    # The user's code may have closed stderr.
    with suppress(ValueError, OSError, AttributeError):
        sys.stderr.write(trace)
    return {"error": last_line, "error_trace": trace}


def _list_causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and those that it was raised from.

    An exit is raised from the error before. An error of the workspace says what to do itself, so
    its cause is not among them.
    """
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        if error.__traceback__ is None or _is_own(error):
            break
        before = error.__context__ if isinstance(error, SystemExit) else None
        error = error.__cause__ or before
    return causes


def _is_own(error: BaseException) -> bool:
    """Return whether the workspace has raised an error, and not the user's code."""
    frames = [*traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1][0].f_code.co_filename.startswith(_OWN_FOLDER)


def _write(error: BaseException) -> str:
    return traceback.format_exception_only(type(error), error)[-1].strip()


def _drop_own_frames(error: BaseException) -> None:
    """Drop the first frames of an error, and of those before it, from their traces."""
    visited: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in visited:
            continue
        visited.add(id(each))
        frames = each.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
            frames = frames.tb_next
        each.__traceback__ = frames
        pending += [each.__cause__, each.__context__]
