"""The availability of the shared cache: a backend that fails or is slow is left alone. Pure."""

from __future__ import annotations

import math

#: A failure or a response that takes longer is slow. The cache is then not used for
#: ``COOLDOWN_SECONDS``: without a cache there are more polls, but a slow one delays every update.
SLOW_FAILURE_SECONDS = 0.1
SLOW_RESPONSE_SECONDS = 0.5

COOLDOWN_SECONDS = 5.0

#: While an access takes longer than this, there are no others: a backend without a timeout may hold
#: each of them forever. After the second time, it is given up, and others try again.
HANGING_SECONDS = 5.0
GIVEN_UP_SECONDS = 60.0


class Availability:
    """The availability of a backend, by its last accesses.

    Reads and writes fail separately: a full Redis still serves reads. An access counts as a failure
    if it raises, or if it takes longer than ``SLOW_RESPONSE_SECONDS``. The backend is available
    again after an access of the same kind succeeds ``COOLDOWN_SECONDS`` after the last failure.
    """

    def __init__(self) -> None:
        self._failing: dict[str, float] = {}  # kind of access: moment of its last failure
        self._suspended_until = -math.inf
        self.current: dict[object, float] = {}  # access: moment of its start

    @property
    def is_failing(self) -> bool:
        return bool(self._failing)

    def is_suspended(self, now: float) -> bool:
        """Return whether the backend is left alone for now."""
        return now < self._suspended_until

    def hanging_seconds(self, now: float) -> float:
        """Return for how long an access has been hanging; 0 if none is."""
        elapsed = [now - began for began in [*self.current.values()]]
        return max([0.0, *(each for each in elapsed if HANGING_SECONDS < each < GIVEN_UP_SECONDS)])

    def record(self, kind: str, elapsed: float, now: float, *, failed: bool) -> bool:
        """Record an access.

        :param elapsed: seconds that it took.
        :return: whether the availability has changed.
        """
        was_failing = self.is_failing
        if failed or elapsed > SLOW_RESPONSE_SECONDS:
            self._failing[kind] = now
            if elapsed > SLOW_FAILURE_SECONDS:
                self._suspended_until = now + COOLDOWN_SECONDS
        elif now - self._failing.get(kind, now) >= COOLDOWN_SECONDS:
            self._failing.pop(kind, None)
        return self.is_failing is not was_failing
