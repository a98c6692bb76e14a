"""Time as a value that is passed in, so that tests never sleep."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What waiting code needs of time."""

    def now(self) -> float:
        """:return: seconds since the epoch."""

    def monotonic(self) -> float:
        """:return: seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait.

        :param seconds: how long.
        """


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
