"""A circuit breaker for a workspace that does not respond."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ..concurrency import reset_in_new_processes
from ..errors import UpstreamUnavailable

#: Consecutive calls without a response after which the circuit opens.
FAILURE_THRESHOLD = 5

RESET_TIMEOUT_SECONDS = 5.0

_log = logging.getLogger("flask_lakeflow_jobs.upstream")


class CircuitBreaker:
    """Fails calls at once while the workspace does not respond, so that they block no threads.

    *Closed*, it lets all calls pass. After ``FAILURE_THRESHOLD`` consecutive failures it is *open*
    and lets none pass. After ``RESET_TIMEOUT_SECONDS`` it is *half-open*: one call passes, and a
    response to it closes the circuit.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._reset()
        reset_in_new_processes(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether the circuit is open or half-open."""
        return self._failures >= FAILURE_THRESHOLD

    def check(self) -> None:
        """Let a call pass.

        :raises UpstreamUnavailable: the circuit is open.
        """
        now = self._monotonic()
        with self._lock:
            if self._failures < FAILURE_THRESHOLD:
                return
            if now >= self._open_until:
                self._open_until = now + RESET_TIMEOUT_SECONDS  # other calls wait for this one
                return
            retry_after = self._open_until - now
        raise UpstreamUnavailable(
            "The workspace is not responding. Calls are suspended for a few seconds.",
            retry_after=retry_after,
        )

    def record_response(self) -> None:
        """Close the circuit: the workspace has responded, if only with an error."""
        if self._failures:
            with self._lock:
                was_open, self._failures = self.is_open, 0
            if was_open:
                _log.warning("The workspace responds again. The circuit breaker is closed.")

    def record_failure(self) -> None:
        """Count a call without a response."""
        with self._lock:
            self._failures += 1
            opens = self._failures == FAILURE_THRESHOLD
            if opens:
                self._open_until = self._monotonic() + RESET_TIMEOUT_SECONDS
        if opens:
            _log.warning(
                "The workspace did not respond to %d calls in a row. The circuit breaker is open:"
                " calls fail at once, except for one every %g seconds.",
                FAILURE_THRESHOLD,
                RESET_TIMEOUT_SECONDS,
            )
