"""When to look at a run again. Pure."""

from __future__ import annotations

FLOOR = 0.25

#: The pause grows with the age of the run, so that the news is late by at most this share of it.
SHARE_OF_AGE = 0.1


def pause(age: float, ceiling: float) -> float:
    """Seconds until the next look.

    :param age: seconds since the run started.
    :param ceiling: seconds; the longest pause.
    """
    return min(max(FLOOR, age * SHARE_OF_AGE), ceiling)
