"""Clocks. Code that waits takes one, so that tests never sleep."""

from __future__ import annotations

import time
from typing import Protocol

from werkzeug.http import parse_date

#: How far the clocks of this machine and of those of the workspace may be apart.
CLOCK_SKEW_SECONDS = 5.0


def parse_server_time(header: str | None) -> float | None:
    """Return the seconds since the epoch of a ``Date`` header, on average; ``None`` without one."""
    date = parse_date(header)
    return None if date is None else date.timestamp() + 0.5  # it has no fractions of seconds


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

    # Bound here, as freezegun replaces names of modules: a wait would never end.
    monotonic = staticmethod(time.monotonic)

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
