"""When the workspace does not answer: fail fast, and try it out now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import UpstreamUnavailable
from ..forks import call_in_children

#: Calls in a row without an answer after which no more are made for a while.
ENOUGH = 5

#: Seconds until one call is let through to find out.
WHILE = 5.0


class Breaker:
    """Keeps the threads of an app from all waiting for a workspace that is silent.

    :param monotonic: the time.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._start_afresh()
        call_in_children(self._start_afresh)

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._silent = 0
        self._closed_until = 0.0

    def check(self) -> None:
        """Let a call through, or not.

        :raises UpstreamUnavailable: not.
        """
        now = self._monotonic()
        with self._lock:
            if self._silent < ENOUGH:
                return
            if now >= self._closed_until:
                self._closed_until = now + WHILE  # this call finds out; the others wait for it
                return
            left = self._closed_until - now
        raise UpstreamUnavailable(
            "The workspace has not answered lately, so it is not asked just now. Try again in a"
            " few seconds.",
            retry_after=left,
        )

    def answered(self) -> None:
        """Say that the workspace has answered, whatever it said."""
        if self._silent:
            with self._lock:
                self._silent = 0

    def was_silent(self) -> None:
        """Say that it has not answered in time, or could not be reached."""
        with self._lock:
            self._silent += 1
            if self._silent == ENOUGH:
                self._closed_until = self._monotonic() + WHILE
