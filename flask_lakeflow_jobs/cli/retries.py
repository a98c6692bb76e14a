"""Telling people that a call is tried again, so that a long wait has a reason."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

from .printing import print_progress

_CALLS = "flask_lakeflow_jobs.upstream"
_LONGEST = 300  # characters: an answer that is a page is quoted as a whole


@contextmanager
def telling_of_retries() -> Iterator[None]:
    """Print the first line that the log gets about a call that is tried again.

    An app that shows these lines itself is left to do so.
    """
    log = logging.getLogger(_CALLS)
    if log.isEnabledFor(logging.INFO):
        yield
        return
    level, propagates = log.level, log.propagate
    teller = _Teller()
    log.addHandler(teller)
    log.setLevel(logging.INFO)
    log.propagate = False  # the app did not ask for them
    try:
        yield
    finally:
        log.removeHandler(teller)
        log.setLevel(level)
        log.propagate = propagates


class _Teller(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._has_told = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._has_told:
            self._has_told = True
            print_progress(textwrap.shorten(record.getMessage(), _LONGEST, placeholder=" …"))
