"""Rules for when a run is polled next, and when it is expected to end. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..runs.durations import age_of
from ..runs.outcome import has_ended, parse_state

if TYPE_CHECKING:
    from ..sdk_types import Run

MIN_DELAY_SECONDS = 0.5

#: Without history, the delay grows with the age of the run, so that an update is late by at most
#: this share of it.
DELAY_SHARE_OF_AGE = 0.25

#: Fewer past durations than this predict nothing.
MIN_DURATIONS = 3

#: A poll is worth this many seconds of lateness: the more the past durations differ, the more often
#: a run is polled, but no more often than once per ``MIN_ENDED_SHARE`` of the past runs.
POLL_COST_SECONDS = 0.6
MIN_ENDED_SHARE = 0.23

#: How long the end of a run is served to new subscribers before the run is polled again. A repair
#: may continue the run at any time.
TERMINAL_DELAY_SECONDS = 1.0

#: How long a failure that a new poll would repeat, such as a missing run, is served to new
#: subscribers.
ERROR_DELAY_SECONDS = 5.0

#: A ``Retry-After`` is respected for at most so long: the end of the run must not be missed.
MAX_RETRY_AFTER_SECONDS = 30.0

TERMINATING_DELAY_SECONDS = 2 * MIN_DELAY_SECONDS

#: From this many runs of one job, pages of a list are cheaper than one read per run. The runs are
#: then polled together, once per poll interval.
MIN_GROUP_SIZE = 4

#: The maximum of the Jobs API.
RUNS_PER_PAGE = 25


@dataclass(frozen=True)
class PollSettings:
    """The settings of an app that decide how its runs are polled.

    :param poll_interval: seconds; the longest delay between two polls of an active run.
    :param terminal_ttl: seconds for which an end that another process saw is valid.
    :param accepts_notifications: notifications may arrive, in this process or in another.
    """

    poll_interval: float
    terminal_ttl: float
    accepts_notifications: bool = False


class NextPoll(NamedTuple):
    """The time of a run's next poll.

    :param delay: seconds.
    :param eta: the expected end of the run in milliseconds since the epoch, if there is one.
    """

    delay: float
    eta: int | None = None


def plan_next_poll(
    run: Run, durations: Sequence[float], poll_interval: float, now: float
) -> NextPoll:
    """Decide when to poll a run that was polled just now.

    :param durations: of past runs of the job, in seconds, sorted.
    :param now: seconds since the epoch.
    """
    if has_ended(run):
        return NextPoll(min(TERMINAL_DELAY_SECONDS, poll_interval))
    state, age = parse_state(run), age_of(run, now)
    life_cycle = state.life_cycle or state.status
    if life_cycle == "QUEUED":
        return NextPoll(delay_by_age(age, poll_interval))
    if life_cycle == "TERMINATING":
        return NextPoll(min(TERMINATING_DELAY_SECONDS, poll_interval))
    delay = delay_by_history(age, durations, poll_interval)
    active_tasks = sum(not has_ended(task) for task in run.tasks or [])
    if life_cycle != "RUNNING" or active_tasks > 1:  # the state may change before the run ends
        delay = min(delay, delay_by_age(age, poll_interval))
    remaining = remaining_seconds(age, durations)
    return NextPoll(delay, None if remaining is None else int((now + remaining) * 1000))


def delay_by_history(age: float, durations: Sequence[float], max_delay: float) -> float:
    """Return the delay until the next poll of a running run.

    With history, a run is polled each time that a fixed share of the past runs would have ended:
    not at all while it cannot have ended, and more often the likelier its end is.

    :param age: seconds since the run started.
    """
    if len(durations) < MIN_DURATIONS:
        delay = age * DELAY_SHARE_OF_AGE
    elif age < durations[-1]:
        delay = _next_quantile(age, durations) - age
    else:
        overdue = age - durations[-1]
        delay = max(_spread(durations) / len(durations), overdue * DELAY_SHARE_OF_AGE)
    return min(max(MIN_DELAY_SECONDS, delay), max_delay)


def delay_by_age(age: float, max_delay: float) -> float:
    """Return the delay until the next poll of a run whose history predicts nothing.

    :param age: seconds since the run was requested.
    """
    return min(max(MIN_DELAY_SECONDS, age * DELAY_SHARE_OF_AGE), max_delay)


def delay_after_failures(failures: int, retry_after: float | None, poll_interval: float) -> float:
    """Return the delay after failed polls: exponential, but at least what the workspace asks for,
    up to ``MAX_RETRY_AFTER_SECONDS``.

    :param failures: consecutive ones, at least 1.
    :param retry_after: seconds that the workspace asks for.
    """
    backoff = MIN_DELAY_SECONDS * 2.0 ** min(failures, 10)
    return max(min(poll_interval, backoff), min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS))


def remaining_seconds(age: float, durations: Sequence[float]) -> float | None:
    """Predict how long a run will take from now.

    The prediction is the median of the past runs that took longer than this one has so far.

    :param age: seconds since the run started.
    :param durations: of past runs of the job, in seconds, sorted.
    :return: ``None`` if there are too few durations, or all of them are shorter.
    """
    if len(durations) < MIN_DURATIONS:
        return None
    longer = durations[bisect_right(durations, age) :]
    return longer[len(longer) // 2] - age if longer else None


def is_list_cheaper(runs: int, due: int) -> bool:
    """Return whether listing the active runs of a group costs no more than reading those due.

    :param runs: in the group.
    :param due: those of them that are due.
    """
    return runs >= MIN_GROUP_SIZE and -(-runs // RUNS_PER_PAGE) <= due


def _next_quantile(age: float, durations: Sequence[float]) -> float:
    share = _ended_share(durations)
    quantiles = (
        _quantile(durations, min(1.0, poll * share)) for poll in range(1, int(1 / share) + 2)
    )
    return next(quantile for quantile in quantiles if quantile > age)


def _ended_share(durations: Sequence[float]) -> float:
    """Return the share of the past runs that ended between two polls.

    With ``n`` polls over a spread of ``s`` seconds, an update is late by ``s/2n`` on average, at a
    cost of ``n/2`` polls. The sum is smallest if ``n`` is the square root of ``s``, in these units.
    """
    polls = math.sqrt(_spread(durations) / POLL_COST_SECONDS)
    return max(MIN_ENDED_SHARE, 1 / max(1.0, polls))


def _spread(durations: Sequence[float]) -> float:
    return durations[-1] - durations[0]


def _quantile(durations: Sequence[float], share: float) -> float:
    position = share * (len(durations) - 1)
    below = int(position)
    above = min(below + 1, len(durations) - 1)
    return durations[below] + (durations[above] - durations[below]) * (position - below)
