"""Lines that the streams of a process log once."""

from __future__ import annotations

import logging

_log = logging.getLogger("flask_lakeflow_jobs.web")

#: The lines that were logged, each with the call that logged it.
_logged: dict[str, object] = {}


def log_once(message: str) -> None:
    """Log a line about the streams of this process, if it is the first such line."""
    call = object()
    if _logged.setdefault(message, call) is call:  # atomic: streams open at the same time
        _log.info(message)
