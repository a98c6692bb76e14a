"""A clock that a test controls, so that it never sleeps."""

from __future__ import annotations


class FakeClock:
    """A clock that stands still until something sleeps.

    :param now: the initial time, in seconds since the epoch.
    """

    def __init__(self, now: float = 1_764_000_000.0) -> None:
        self._start = now
        self.elapsed = 0.0

    def now(self) -> float:
        return self._start + self.elapsed

    def monotonic(self) -> float:
        return self.elapsed

    def jump(self, seconds: float) -> None:
        """Set the clock on the wall, which changes no monotonic time."""
        self._start += seconds

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
