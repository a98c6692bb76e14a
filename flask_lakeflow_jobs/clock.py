"""Clocks. Code that waits takes one, so that tests never sleep."""

from __future__ import annotations

import time
from typing import Protocol

#: How far the clocks of this machine and of those of the workspace may be apart.
CLOCK_SKEW_SECONDS = 5.0


class Clock(Protocol):
    """The time, and a way to wait."""

    def now(self) -> float:
        """Return the seconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds that never decrease."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The system's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
