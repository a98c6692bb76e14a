"""A clock that moves only when it is told to, so that tests never sleep."""

from __future__ import annotations


class FakeClock:
    """Time that stands still until somebody sleeps.

    :param now: seconds since the epoch at which it starts.
    """

    def __init__(self, now: float = 1_764_000_000.0) -> None:
        self._start = now
        self.elapsed = 0.0

    def now(self) -> float:
        return self._start + self.elapsed

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
