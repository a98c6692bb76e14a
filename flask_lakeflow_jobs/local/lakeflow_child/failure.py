"""Describes an exception of the user's code: its last line, and the trace of the user's frames."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

from .spark_advice import find_advice

_PACKAGES_ADVICE = (
    f"The local workspace installs no packages: tasks use those of {sys.prefix}. "
    "Install missing ones there.\n"
)
_PATHS_ADVICE = (
    "The local workspace translates paths of the workspace in task parameters and in dbutils.fs. "
    "Everywhere else, they are paths of this machine.\n"
)
_WORKSPACE_ROOTS = ("/Volumes", "/Workspace", "/dbfs")
_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))


def describe_error(error: BaseException) -> dict[str, str]:
    """Print the trace; return the ``error`` and ``error_trace`` of a run's output."""
    visited: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in visited:
            visited.add(id(each))
            _drop_own_frames(each)
            pending += [each.__cause__, each.__context__]
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    trace += _advice(error)
    last_line = traceback.format_exception_only(type(error), error)[-1].strip()
    if advice := find_advice(error):  # first, as lists show one line of an error
        last_line = f"{advice} {last_line}"
        trace += f"{advice}\n"
    # The user's code may have closed stderr.
    with suppress(ValueError, OSError, AttributeError):
        sys.stderr.write(trace)
    return {"error": last_line, "error_trace": trace}


def _advice(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _PACKAGES_ADVICE
    if isinstance(error, OSError) and str(error.filename).startswith(_WORKSPACE_ROOTS):
        return _PATHS_ADVICE
    return ""


def _drop_own_frames(error: BaseException) -> None:
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frames = frames.tb_next
    error.__traceback__ = frames
