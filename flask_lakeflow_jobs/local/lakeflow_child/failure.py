"""How an exception of the user's code is told: its last line, and the trace of the user's
frames.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

from .vault import redacted

# Bundles name packages, and notebooks install them; neither counts here.
_ABOUT_PACKAGES = (
    f"The local workspace installs no packages: its tasks have those of {sys.prefix}. "
    "Install there what is missing.\n"
)
_ABOUT_PATHS = (
    "Paths of the workspace lead to the local one's folders where a task is given them as a "
    "parameter, and in dbutils.fs. Elsewhere this machine's own files are meant.\n"
)
_OF_THE_WORKSPACE = ("/Volumes", "/Workspace", "/dbfs")
_HERE = os.path.dirname(os.path.abspath(__file__))


def describe(error: BaseException) -> dict[str, str]:
    """The ``error`` and ``error_trace`` of a run's output."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            _drop_own_frames(each)
            pending += [each.__cause__, each.__context__]
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    trace += _advice(error)
    last_line = traceback.format_exception_only(type(error), error)[-1].strip()
    # The user's code may have closed it.
    with suppress(ValueError, OSError, AttributeError):
        sys.stderr.write(trace)
    return {"error": redacted(last_line), "error_trace": redacted(trace)}


def _advice(error: BaseException) -> str:
    """What the message of an error cannot know, a sentence in a line of its own."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _ABOUT_PACKAGES
    if isinstance(error, OSError) and str(error.filename).startswith(_OF_THE_WORKSPACE):
        return _ABOUT_PATHS
    return ""


def _drop_own_frames(error: BaseException) -> None:
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_HERE):
        frames = frames.tb_next
    error.__traceback__ = frames
