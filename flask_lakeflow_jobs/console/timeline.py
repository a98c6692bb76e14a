"""The timeline of a run's tasks. Pure: from the SDK's dataclasses and the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..runs.outcome import has_ended, select_last_attempts
from .tasks import build_attempt, percent_of_axis

if TYPE_CHECKING:
    from ..sdk_types import Run
    from .tasks import Attempt

#: The share of the axis that stays free while a run is active.
FREE_SHARE = 0.2

MIN_AXIS_MS = 10_000

#: Distances between the marks of an axis.
STEP_SECONDS = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400),
)

MAX_MARKS = 6


@dataclass(frozen=True)
class Mark:
    """A mark of the time axis, in percent."""

    left: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """The attempts over time; the axis begins and ends at milliseconds since the epoch."""

    start: int
    end: int
    marks: Sequence[Mark]
    rows: Sequence[Attempt]


def build_timeline(
    run: Run,
    now: float,
    expected_end: float | None = None,
    build: Callable[..., Attempt] = build_attempt,
) -> Timeline:
    """Build the timeline of all attempts of a run, in the order of their start.

    :param now: milliseconds since the epoch, as ``expected_end``.
    :param build: builds an attempt.
    """
    start, end = _axis(run, now, expected_end)
    last = {id(task) for task in select_last_attempts(run.tasks)}
    tasks = sorted(run.tasks or [], key=lambda task: (not task.start_time, task.start_time or 0))
    return Timeline(
        start=start,
        end=end,
        marks=_marks(start, end),
        rows=[build(task, now, start, end, is_last=id(task) in last) for task in tasks],
    )


def _axis(run: Run, now: float, expected_end: float | None) -> tuple[int, int]:
    starts = [task.start_time for task in run.tasks or [] if task.start_time]
    start = min([run.start_time or int(now), *starts])
    if has_ended(run):
        ends = [task.end_time for task in run.tasks or [] if task.end_time]
        return start, max([run.end_time or start, *ends, start + 1])
    room = (now - start) * (1 + FREE_SHARE)
    span = max(room, (expected_end or 0) - start, MIN_AXIS_MS) / 1000
    step = _step(span)  # the axis grows by whole steps, so that it seldom changes
    return start, start + int(1000 * step) * -int(-span // step)


def _marks(start: int, end: int) -> list[Mark]:
    seconds = (end - start) / 1000
    step = _step(seconds)
    label = _fraction if step < 1 else _hours if seconds >= 3600 else _minutes
    return [
        Mark(percent_of_axis(start + at * step * 1000, start, end), label(at * step))
        for at in range(int(seconds / step) + 1)
    ]


def _step(seconds: float) -> float:
    """Return the seconds between two marks."""
    step = next((each for each in STEP_SECONDS if seconds / each <= MAX_MARKS), None)
    return step or STEP_SECONDS[-1] * (1 + int(seconds / STEP_SECONDS[-1] / MAX_MARKS))


def _fraction(seconds: float) -> str:
    return f"{seconds:.1f} s"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _hours(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
