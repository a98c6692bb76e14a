"""The time axis of a timeline: long times in which no task ran are folded. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

#: Distances between the marks of an axis.
STEP_SECONDS = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400),
)

MAX_MARKS = 6

#: Marks closer than this share of the axis would overlap.
MIN_DISTANCE = 0.09

#: An idle time is folded if it is longer than this, and than this share of the work before it.
MIN_IDLE_MS = 30_000
IDLE_SHARE = 0.5

#: What an axis shows of a folded time. It depends on the past alone, so that nothing on the axis
#: moves while a run is active.
MIN_FOLD_MS = 2_000
FOLD_SHARE = 0.05


@dataclass(frozen=True)
class Fold:
    """An idle time that the axis shortens.

    :param start: milliseconds since the epoch, as ``end``.
    :param width: milliseconds that the axis shows of it.
    """

    start: int
    end: int
    width: float


@dataclass(frozen=True)
class Mark:
    """A mark of the time axis.

    :param left: in percent.
    """

    left: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A time axis, from ``start`` to ``end`` in milliseconds since the epoch.

    :param end: after the start.
    :param folds: in their order.
    """

    start: int
    end: int
    folds: Sequence[Fold] = ()

    def at(self, moment: float) -> float:
        """Return where a moment is on the axis, in milliseconds from its start."""
        place = moment - self.start
        for fold in self.folds:
            if moment <= fold.start:
                break
            length = fold.end - fold.start
            share = min(1.0, (moment - fold.start) / length)
            place -= share * (length - fold.width)
        return round(place, 1)

    @property
    def span(self) -> float:
        """The length of the axis in milliseconds."""
        return self.at(self.end)

    @property
    def origin(self) -> float:
        """The moment that is at 0 for all that is after the last fold, for the page's script."""
        return self.end - self.at(self.end)

    def percent(self, moment: float) -> float:
        return round(100 * self.at(moment) / self.span, 3)

    @property
    def marks(self) -> list[Mark]:
        """Marks at whole steps since the start, and at the end of each fold."""
        step = find_step(self.span / 1000)
        bounds = [self.start, *(each for fold in self.folds for each in (fold.start, fold.end))]
        label = _label_of(step, (self.end - self.start) / 1000)
        marks: list[Mark] = []
        for first, last in zip(bounds[::2], [*bounds[1::2], self.end], strict=True):
            seconds = (first - self.start) / 1000
            whole = -int(-seconds // step)
            places = [
                whole + at for at in range(int((last - self.start) / 1000 / step) - whole + 1)
            ]
            moments = [*([seconds] if self.folds else []), *(at * step for at in places)]
            for moment in moments:
                left = self.percent(self.start + moment * 1000)
                if not marks or left - marks[-1].left >= 100 * MIN_DISTANCE:
                    marks.append(Mark(left, label(moment)))
        return marks


def fold_idle_times(start: int, end: int, busy: Iterable[tuple[int, int]]) -> list[Fold]:
    """Return the idle times from ``start`` to ``end`` that an axis folds.

    :param busy: the times of the attempts, in milliseconds since the epoch.
    """
    folds: list[Fold] = []
    times = sorted(busy)
    if not times:
        return folds
    reached, worked = start, 0
    for begin, over in [*times, (end, end)]:
        idle = begin - reached
        if idle > max(MIN_IDLE_MS, IDLE_SHARE * worked):
            folds.append(Fold(reached, begin, max(MIN_FOLD_MS, FOLD_SHARE * worked)))
        worked += max(0, over - max(begin, reached))
        reached = max(reached, over)
    return folds


def find_step(seconds: float) -> float:
    """Return the seconds between two marks of an axis."""
    step = next((each for each in STEP_SECONDS if seconds / each <= MAX_MARKS), None)
    return step or STEP_SECONDS[-1] * (1 + int(seconds / STEP_SECONDS[-1] / MAX_MARKS))


def _label_of(step: float, seconds: float) -> Callable[[float], str]:
    return _fraction if step < 1 else _hours if seconds >= 3600 else _minutes


def _fraction(seconds: float) -> str:
    return f"{seconds:.1f} s"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _hours(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
