"""The timeline of a run's tasks. Pure: from the SDK's dataclasses and the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..runs.outcome import Outcome, has_ended, outcome_of, select_last_attempts
from .axis import Axis, find_step, fold_idle_times
from .labels import duration
from .tasks import build_attempt

if TYPE_CHECKING:
    from ..sdk_types import Run
    from .tasks import Attempt

#: The share of the axis that stays free while a run is active.
FREE_SHARE = 0.2

MIN_AXIS_MS = 10_000


@dataclass(frozen=True)
class Band:
    """A time on the axis that belongs to no task, in percent: the run's queue, or a fold.

    :param kind: ``queue`` or ``idle``.
    :param length: how long it was.
    """

    kind: str
    left: float
    width: float
    length: str


@dataclass(frozen=True)
class Timeline:
    """The attempts over time."""

    axis: Axis
    bands: Sequence[Band]
    rows: Sequence[Attempt]

    @property
    def phases(self) -> set[str]:
        """The phases of the attempts and the kinds of the bands that are drawn."""
        drawn = {part.phase for row in self.rows for part in row.segments}
        return drawn | {band.kind for band in self.bands}


def build_timeline(
    run: Run,
    now: float,
    expected_end: float | None = None,
    build: Callable[..., Attempt] = build_attempt,
) -> Timeline:
    """Build the timeline of all attempts of a run, in the order of their start.

    :param now: milliseconds since the epoch, as ``expected_end``.
    """
    axis = _axis(run, now, expected_end)
    last = {id(task) for task in select_last_attempts(run.tasks)}
    tasks = sorted(run.tasks or [], key=lambda task: (not task.start_time, task.start_time or 0))
    return Timeline(
        axis=axis,
        bands=_bands(run, now, axis),
        rows=[build(task, now, axis, is_last=id(task) in last) for task in tasks],
    )


def _axis(run: Run, now: float, expected_end: float | None) -> Axis:
    started = [task for task in run.tasks or [] if task.start_time]
    start = min([run.start_time or int(now), *(task.start_time or 0 for task in started)])
    busy = [
        (task.start_time or 0, (task.end_time or 0) if has_ended(task) else int(now))
        for task in started
    ]
    if has_ended(run):
        end = max([run.end_time or start, start + 1, *(over for _, over in busy)])
        return Axis(start, end, fold_idle_times(start, end, busy))
    reached = max([start, *(over for _, over in busy)])
    folds = fold_idle_times(start, reached, busy)
    unfolded = Axis(start, int(now), folds).at(now)
    room = unfolded * (1 + FREE_SHARE)
    span = max(room, unfolded + (expected_end or 0) - now, MIN_AXIS_MS) / 1000
    step = find_step(span)  # the axis grows by whole steps, so that it seldom changes
    folded = now - start - unfolded
    return Axis(start, int(start + folded) + int(1000 * step) * -int(-span // step), folds)


def _bands(run: Run, now: float, axis: Axis) -> list[Band]:
    bands = [_band("idle", axis, fold.start, fold.end) for fold in axis.folds]
    queued = run.queue_duration or 0
    if outcome_of(run) is Outcome.QUEUED and run.start_time:
        queued = int(now) - run.start_time
    if queued and run.start_time:
        bands.append(_band("queue", axis, run.start_time, run.start_time + queued))
    return bands


def _band(kind: str, axis: Axis, start: int, end: int) -> Band:
    left = axis.percent(start)
    return Band(kind, left, round(axis.percent(end) - left, 3), duration(end - start))
