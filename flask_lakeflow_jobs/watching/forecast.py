"""Forecasts of when phases of a run end, from how long they took in past runs. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from math import inf, sqrt
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from ..runs.durations import age_of
from ..runs.outcome import has_ended, life_cycle_of, select_last_attempts
from ..runs.phases import (
    MIN_DURATIONS,
    RUN,
    PhaseDurations,
    active_phase_of,
    execution_of,
    is_predictable,
    setup_of,
)

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run

#: Equal durations are taken to differ by this much.
MIN_SPREAD_SECONDS = 0.001

#: Probabilities per second below this are rounding errors.
MIN_SLOPE = 1e-9


class ForecastPoint(NamedTuple):
    """A point of a forecast, which is linear between its points.

    :param delay: seconds from now.
    :param probability: that the phase has ended by then.
    """

    delay: float
    probability: float


Forecast = Sequence[ForecastPoint]


def forecast_end(age: float, durations: Sequence[float]) -> list[ForecastPoint]:
    """Forecast the end of a phase that has begun.

    Of the past durations, only the shortest, the median and the longest count: the others differ
    by chance. After ``n`` phases, the next is the shortest or the longest with a probability of
    ``1/(n+1)`` each. One that is longer ends within about as long as it is overdue.

    :param age: seconds since the phase began.
    :param durations: of the phase in past runs, sorted; at least :data:`MIN_DURATIONS`.
    """
    shortest, longest, count = durations[0], durations[-1], len(durations)
    gap, rest = (longest - shortest) / (count - 1), 1 / (count + 1)
    if age >= longest:
        latest = max(MIN_SPREAD_SECONDS, 2 * gap + age - longest)
        return [ForecastPoint(0.0, 0.0), ForecastPoint(latest, 1.0)]
    ended_by = [
        (shortest - max(gap, MIN_SPREAD_SECONDS), 0.0),
        (shortest, rest),
        (median(durations), 0.5),
        (longest, 1.0 - rest),
        (longest + 2 * gap, 1.0),
    ]
    past = _interpolate(ended_by, age)
    return [
        ForecastPoint(max(0.0, seconds - age), max(0.0, probability - past) / (1 - past))
        for seconds, probability in ended_by
    ]


def choose_delay(
    forecasts: Iterable[Forecast], poll_cost: float, min_delay: float, max_delay: float
) -> float:
    """Return the delay with the least cost per change that the next poll finds.

    The cost of a poll at a moment is its own, plus the seconds by which it finds the expected
    changes late. If a phase may end at any moment of a span, polls by this rule cost about as
    little in all as polls can.

    :param poll_cost: of one poll, in seconds by which one change is found late.
    """
    changes_of_slope = [(min_delay, 0.0), (max_delay, 0.0)]
    for forecast in forecasts:
        for start, end in pairwise(forecast):
            if end.probability > start.probability:
                seconds = max(MIN_SPREAD_SECONDS, end.delay - start.delay)
                more = (end.probability - start.probability) / seconds
                changes_of_slope += [(end.delay - seconds, more), (end.delay, -more)]
    changes_of_slope.sort()
    best_delay, best_cost = max_delay, inf
    delay = changes = lateness = slope = 0.0  # changes and lateness are those expected by then
    for until, change_of_slope in changes_of_slope:
        if until > max_delay:
            break
        seconds = until - delay
        if delay >= min_delay and slope > MIN_SLOPE:
            # Here the cost per change neither falls nor rises.
            best_changes = sqrt(max(0.0, 2 * slope * (poll_cost + lateness) - changes**2))
            after = (best_changes - changes) / slope
            if 0.0 < after < seconds and best_changes / slope < best_cost:
                best_delay, best_cost = delay + after, best_changes / slope
        lateness += changes * seconds + slope * seconds**2 / 2
        changes += slope * seconds
        delay, slope = until, slope + change_of_slope
        if delay >= min_delay and changes > 0.0 and (poll_cost + lateness) / changes < best_cost:
            best_delay, best_cost = delay, (poll_cost + lateness) / changes
    return best_delay


def expected_end(run: Run | BaseRun, durations: PhaseDurations, now: float) -> int | None:
    """Predict when an active run will end.

    :param durations: of the phases of past runs of the job.
    :param now: seconds since the epoch.
    :return: milliseconds since the epoch; ``None`` if too few runs are known, or the run takes
        longer than all of them.
    """
    if has_ended(run) or life_cycle_of(run) in ("QUEUED", "TERMINATING") or not run.start_time:
        return None
    age = age_of(run, now)
    seconds = _seconds_by_tasks(run, age, durations, now)
    if seconds is None:
        seconds = remaining_seconds(age, sorted(durations.get(RUN, ())))
    return None if seconds is None else int((now + seconds) * 1000)


def remaining_seconds(age: float, durations: Sequence[float]) -> float | None:
    """Predict how long a phase will take from now.

    The prediction is the median of the past phases that took longer than this one has so far.

    :param age: seconds since the phase began.
    :param durations: of the phase in past runs, in seconds, sorted.
    :return: ``None`` if there are too few durations, or all of them are shorter.
    """
    if len(durations) < MIN_DURATIONS:
        return None
    longer = durations[bisect_right(durations, age) :]
    return longer[len(longer) // 2] - age if longer else None


def _seconds_by_tasks(
    run: Run | BaseRun, run_age: float, durations: PhaseDurations, now: float
) -> float | None:
    """Predict when the last task of a run ends, in seconds from now.

    :return: ``None`` if too little is known of a task that has not ended.
    """
    last = select_last_attempts(run.tasks)
    tasks = {task.task_key: task for task in last if not has_ended(task)}
    if not all(is_predictable(execution_of(key), durations) for key in tasks):
        return None
    graph = {
        key: [each.task_key for each in task.depends_on or () if each.task_key in tasks]
        for key, task in tasks.items()
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError:  # a response that makes no sense must not end the polls
        return None
    ends: dict[str, float] = {}
    for key in order:
        task = tasks[key]
        execution = median(durations[execution_of(key)])
        if life_cycle_of(task) == "BLOCKED":
            setup = median(durations.get(setup_of(key)) or [0.0])
            ends[key] = max((ends[each] for each in graph[key]), default=0.0) + setup + execution
            continue
        name, age = active_phase_of(task, run_age, durations, now)
        seconds = remaining_seconds(age, sorted(durations.get(name, ())))
        if seconds is None:
            return None
        ends[key] = seconds + (execution if name == setup_of(key) else 0.0)
    return max(ends.values(), default=0.0 if last else None)


def _interpolate(points: Sequence[tuple[float, float]], at: float) -> float:
    """Return the value at a place, from places and values in order."""
    index = bisect_right([place for place, _ in points], at)
    if index == 0:
        return points[0][1]
    (start, first), (end, last) = points[index - 1], points[index]
    return first + (last - first) * (at - start) / (end - start)
