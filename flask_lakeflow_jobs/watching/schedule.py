"""Rules for when a run is polled next, and when it is expected to end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..runs import RUNS_PER_PAGE
from ..runs.durations import age_of
from ..runs.outcome import has_ended, life_cycle_of
from ..runs.phases import Phase, PhaseDurations, active_phases, is_predictable
from .forecast import choose_delay, expected_end, forecast_end

if TYPE_CHECKING:
    from ..sdk_types import Run

MIN_DELAY_SECONDS = 0.5

#: Without history, the delay grows with the age of the run, so that an update is late by at most
#: this share of it.
DELAY_SHARE_OF_AGE = 0.25

#: A poll is worth this many seconds of lateness, or this share of the spread of the past durations
#: if that is more, but at most this share of the longest delay. The share is larger for runs of
#: several tasks, each of which costs polls.
POLL_COST_SECONDS = 0.3
POLL_COST_PER_SPREAD = 0.032
POLL_COST_PER_SPREAD_OF_TASKS = 0.05
POLL_COST_PER_DELAY = 0.125

#: How long the end of a run is served to new subscribers before the run is polled again. A repair
#: may continue the run at any time.
TERMINAL_DELAY_SECONDS = 1.0

#: How long new subscribers get a failure that another poll would repeat, such as a missing run.
ERROR_DELAY_SECONDS = 5.0

#: A ``Retry-After`` is respected for at most so long: the end of the run must not be missed.
MAX_RETRY_AFTER_SECONDS = 30.0

TERMINATING_DELAY_SECONDS = 2 * MIN_DELAY_SECONDS

#: From this many runs of one job, pages of a list are cheaper than one read per run.
MIN_GROUP_SIZE = 4

#: The longest delay, as a share of the poll interval: a poll takes a moment.
LONGEST_DELAY_SHARE = 0.92


@dataclass(frozen=True)
class PollSettings:
    """The settings of an app that decide how its runs are polled.

    :param poll_interval: seconds; the setting. See :attr:`longest_delay`.
    :param terminal_ttl: seconds for which an end that another process saw is valid.
    :param accepts_notifications: notifications may arrive, in this process or in another.
    :param read_timeout: seconds that one read takes at most.
    """

    poll_interval: float
    terminal_ttl: float
    accepts_notifications: bool = False
    read_timeout: float = 30.0

    @property
    def longest_delay(self) -> float:
        """Return the longest delay between two polls of an active run, in seconds."""
        return self.poll_interval * LONGEST_DELAY_SHARE


class NextPoll(NamedTuple):
    """The time of a run's next poll.

    :param delay: seconds.
    :param eta: the expected end of the run in milliseconds since the epoch, if there is one.
    """

    delay: float
    eta: int | None = None


def plan_next_poll(
    run: Run,
    durations: PhaseDurations,
    longest_delay: float,
    now: float,
    seconds_watched: float = 0.0,
) -> NextPoll:
    """Decide when to poll a run that was polled just now.

    It is polled when one of its phases is likely to have ended. Phases that nothing predicts are
    polled often at first, and less as the run ages.

    :param durations: of the phases of past runs of the job.
    :param longest_delay: seconds.
    :param now: seconds since the epoch.
    :param seconds_watched: since the first poll. It counts as the age of a run that has not started
        by this machine's clock, which may be wrong.
    """
    if has_ended(run):
        return NextPoll(min(TERMINAL_DELAY_SECONDS, longest_delay))
    if life_cycle_of(run) == "TERMINATING":
        return NextPoll(min(TERMINATING_DELAY_SECONDS, longest_delay))
    age = age_of(run, now) or seconds_watched
    phases = active_phases(run, durations, now)
    known = [phase for phase in phases if is_predictable(phase.name, durations)]
    delay = longest_delay if len(known) == len(phases) else delay_by_age(age, longest_delay)
    if known:
        has_several = len(run.tasks or ()) > 1
        share = POLL_COST_PER_SPREAD_OF_TASKS if has_several else POLL_COST_PER_SPREAD
        delay = min(delay, delay_by_phases(known, durations, longest_delay, share))
    eta = expected_end(run, durations, now)
    return NextPoll(delay, eta)


def delay_by_phases(
    phases: Sequence[Phase],
    durations: PhaseDurations,
    longest_delay: float,
    cost_per_spread: float = POLL_COST_PER_SPREAD,
) -> float:
    """Return the delay until the next poll of a run with phases that past runs predict.

    A poll costs a share of the seconds by which such a phase varies, at most a share of the longest
    delay. So short runs are polled as carefully as long ones.
    """
    past = [sorted(durations[phase.name]) for phase in phases]
    spread = max(seconds[-1] - seconds[0] for seconds in past)
    cost = min(spread * cost_per_spread, longest_delay * POLL_COST_PER_DELAY)
    return choose_delay(
        [forecast_end(phase.seconds, each) for phase, each in zip(phases, past, strict=True)],
        poll_cost=max(POLL_COST_SECONDS, cost),
        min_delay=MIN_DELAY_SECONDS,
        max_delay=longest_delay,
    )


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


def is_list_cheaper(runs: int, due: int) -> bool:
    """Return whether listing the active runs of a group costs no more than reading those due.

    :param runs: the number of runs.
    :param due: the number of those that are due.
    """
    return runs >= MIN_GROUP_SIZE and -(-runs // RUNS_PER_PAGE) <= due
