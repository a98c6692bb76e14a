"""When to look at a run again, and when it will end. Pure: times in seconds, no clock."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

#: The shortest pause between two looks.
FLOOR = 0.5

#: Without history the pause grows with the age of the run, so that news is late by at most this
#: share of it.
SHARE_OF_AGE = 0.25

#: Fewer past durations than this foretell nothing.
ENOUGH_HISTORY = 3

#: A look upstream is worth this many seconds of delay: the more past runs differ, the more looks
#: they get, down to a share of the runs that each look is to see ended.
SECONDS_PER_LOOK = 0.6
LEAST_SHARE = 0.23


def next_look(age: float, past: Sequence[float], ceiling: float) -> float:
    """The pause until the next look at a run that is going.

    With history, each look comes when a set share of the past runs will have ended since the last
    one: none while the run cannot be over, the more the likelier its end is.

    :param age: since the run started.
    :param past: durations of past runs of the job, sorted.
    :param ceiling: the longest pause.
    """
    if len(past) < ENOUGH_HISTORY:
        delay = age * SHARE_OF_AGE
    elif age < past[-1]:
        delay = _next_moment(age, past) - age
    else:
        delay = max(_spread(past) / len(past), (age - past[-1]) * SHARE_OF_AGE)
    return min(max(FLOOR, delay), ceiling)


def waiting_look(waited: float, ceiling: float) -> float:
    """The pause until the next look at a run that waits for its start.

    :param waited: since it was asked for.
    :param ceiling: the longest pause.
    """
    return min(max(FLOOR, waited * SHARE_OF_AGE), ceiling)


def remaining(age: float, past: Sequence[float]) -> float | None:
    """How long a run will go on: the median of those past runs that were not over at its age.

    :param age: since the run started.
    :param past: durations of past runs of the job, sorted.
    :return: ``None`` where the past foretells nothing, or the run is longer than any before.
    """
    if len(past) < ENOUGH_HISTORY:
        return None
    longer = past[bisect_right(past, age) :]
    return longer[len(longer) // 2] - age if longer else None


def _next_moment(age: float, past: Sequence[float]) -> float:
    share = _share(past)
    moments = (_quantile(past, min(1.0, look * share)) for look in range(1, int(1 / share) + 2))
    return next(moment for moment in moments if moment > age)


def _share(past: Sequence[float]) -> float:
    """The share of the past runs that ended between two looks.

    With ``n`` looks over a spread of ``s`` seconds, news is late by ``s/2n`` on average, at a cost
    of ``n/2`` looks; the sum is least where ``n`` is the root of ``s``, in these units.
    """
    looks = math.sqrt(_spread(past) / SECONDS_PER_LOOK)
    return max(LEAST_SHARE, 1 / max(1.0, looks))


def _spread(past: Sequence[float]) -> float:
    return past[-1] - past[0]


def _quantile(past: Sequence[float], share: float) -> float:
    position = share * (len(past) - 1)
    below = int(position)
    above = min(below + 1, len(past) - 1)
    return past[below] + (past[above] - past[below]) * (position - below)
