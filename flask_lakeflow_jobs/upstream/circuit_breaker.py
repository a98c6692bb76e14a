"""A circuit breaker for a workspace that does not respond."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..concurrency import reset_in_new_processes
from ..errors import UpstreamUnavailable

#: Consecutive calls without a response after which the circuit opens.
FAILURE_THRESHOLD = 5

RESET_TIMEOUT_SECONDS = 5.0


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
                self._failures = 0

    def record_failure(self) -> None:
        """Count a call without a response."""
        with self._lock:
            self._failures += 1
            if self._failures == FAILURE_THRESHOLD:
                self._open_until = self._monotonic() + RESET_TIMEOUT_SECONDS
