"""Attempts of tasks as graph and timeline show them, and grouped by state. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..pages import find_databricks_url
from ..runs.durations import PHASES, times_of
from ..runs.iterations import count_iterations
from ..runs.outcome import Outcome, has_ended, outcome_of, parse_state
from . import labels
from .labels import KIND_NAMES
from .summaries import StateLabel

if TYPE_CHECKING:
    from ..sdk_types import RunTask, Task
    from .axis import Axis

#: The kinds of states in the order of the page: what needs attention comes first.
KIND_ORDER = (
    *("bad", "late", "unknown", "retry", "going", "ending", "waiting"),
    *("stopped", "partly", "never", "good"),
)

#: Groups that are closed until a reader opens them.
CLOSED_KINDS = frozenset({"waiting", "never", "good"})

#: Up to this number of tasks, their rows are in one list, in the order of their start.
MAX_LISTED_TASKS = 40

#: From this number of tasks on, a page offers filters.
MIN_FILTERED_TASKS = 13


@dataclass(frozen=True)
class Segment:
    """A phase of an attempt.

    :param left: milliseconds from the start of the axis, as ``width``.
    :param length: the duration as text.
    """

    phase: str
    left: float
    width: float
    length: str
    is_growing: bool = False


@dataclass(frozen=True)
class Attempt:
    """An attempt of a task, a row of the timeline.

    :param number: counted from 1.
    :param started: milliseconds since the epoch, or ``None``.
    :param length: milliseconds that it took, or has taken so far.
    :param counts_from: since when these count.
    """

    key: str
    run_id: int | None
    number: int
    is_last: bool
    state: StateLabel
    kind: str
    started: int | None
    ended: int | None
    length: float | None
    counts_from: int | None
    message: str
    progress: str
    url: str | None
    segments: Sequence[Segment]

    @property
    def is_going(self) -> bool:
        return self.started is not None and self.ended is None

    @property
    def anchor(self) -> str:
        return anchor(self.key, self.number)


def anchor(key: str, number: int) -> str:
    """Return the anchor of an attempt's row.

    :param number: of the attempt, counted from 1.
    """
    return f"{key}-{number}"


def build_attempt(task: RunTask, now: float, axis: Axis, *, is_last: bool) -> Attempt:
    """Build the row of an attempt.

    :param now: milliseconds since the epoch.
    """
    state = StateLabel(outcome_of(task))
    times = times_of(task, now)
    return Attempt(
        key=task.task_key,
        run_id=task.run_id,
        number=(task.attempt_number or 0) + 1,
        is_last=is_last,
        state=state,
        kind=kind_label(task),
        started=times.started,
        ended=times.ended,
        length=times.length,
        counts_from=times.counts_from,
        # The page states once, above the tasks, that the run was canceled.
        message="" if state.outcome is Outcome.CANCELED else parse_state(task).message,
        progress=f"{counts.done}/{counts.total}" if (counts := count_iterations(task)) else "",
        url=find_databricks_url(task.run_page_url),
        segments=_segments(task, now, axis) if times.started else [],
    )


def without_growth(attempt: Attempt) -> Attempt:
    """Return an active attempt without the durations that the page's script sets.

    It is then the same at any time, and in any process.
    """
    segments = [
        replace(part, width=0.0, length="") if part.is_growing else part
        for part in attempt.segments
    ]
    return replace(attempt, length=None, segments=segments)


def kind_label(task: RunTask | Task) -> str:
    return next(
        (name for field, name in labels.TASK_KIND_LABELS.items() if getattr(task, field, None)),
        "Task",
    )


def _segments(task: RunTask, now: float, axis: Axis) -> list[Segment]:
    at = float(task.start_time or 0)
    over = float(task.end_time or at) if has_ended(task) else now
    segments = []
    for phase, field in PHASES:
        length = getattr(task, field, None) or 0
        if phase == "run" and not has_ended(task):
            length = max(0.0, over - at)
        length = min(length, max(0.0, over - at))
        is_growing = phase == "run" and not has_ended(task)
        if length or is_growing:
            segments.append(_segment(phase, at, length, axis, is_growing=is_growing))
            at += length
    return segments or [_segment("run", at, over - at, axis)]


def _segment(
    phase: str, at: float, length: float, axis: Axis, *, is_growing: bool = False
) -> Segment:
    # An attempt is in no fold, so its durations are as long on the axis as they were.
    text = labels.duration(length, is_growing=is_growing)
    return Segment(phase, axis.at(at), round(length, 1), text, is_growing)


@dataclass(frozen=True)
class TaskFilter:
    """The tasks that a reader has asked to see.

    :param kind: of the states; empty: all.
    :param text: that the keys of the tasks contain.
    """

    kind: str = ""
    text: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> TaskFilter:
        """Read a query; ignore what is not valid."""
        kind = query.get("state", "")
        return cls(kind if kind in KIND_NAMES else "", query.get("find", "")[:100].strip())

    def matches(self, key: str) -> bool:
        """Return whether the key of a task contains the text."""
        return self.text.casefold() in key.casefold()


NO_FILTER = TaskFilter()


@dataclass(frozen=True)
class TaskGroup:
    """The tasks whose last attempts have states of one kind.

    :param count: the number of tasks.
    :param rows: their attempts.
    """

    kind: str
    count: int
    rows: Sequence[Attempt]

    @property
    def name(self) -> str:
        return KIND_NAMES[self.kind]

    @property
    def is_open(self) -> bool:
        return self.kind not in CLOSED_KINDS


def group_rows(rows: Iterable[Attempt]) -> list[TaskGroup]:
    """Group the attempts of a run by the state of the last attempt of their task."""
    rows = list(rows)
    kinds = {row.key: row.state.kind for row in rows if row.is_last}
    found: dict[str, list[Attempt]] = {kind: [] for kind in KIND_ORDER}
    for row in rows:
        found[kinds.get(row.key, row.state.kind)].append(row)
    counts = list(kinds.values())
    return [TaskGroup(kind, counts.count(kind), some) for kind, some in found.items()]
