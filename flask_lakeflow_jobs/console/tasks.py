"""The tasks of a run: as a graph and over time. Pure: from the SDK's dataclasses and the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..links import page_url
from ..outcome import has_ended, last_attempts, outcome_of, words_of
from . import words
from .layout import Picture, curve, draw
from .runs import State

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run, RunTask

#: The phases of a task, in their order, and the fields of the Jobs API that have their lengths.
PHASES = (
    ("queue", "queue_duration"),
    ("setup", "setup_duration"),
    ("run", "execution_duration"),
    ("cleanup", "cleanup_duration"),
)

#: The share of the time axis that stays free while a run goes on.
ROOM = 0.2
SHORTEST_AXIS = 10_000

#: Lengths of time between the marks of an axis, in seconds.
STEPS = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400),
)
MOST_MARKS = 6


@dataclass(frozen=True)
class Segment:
    """A phase of an attempt, in per cent of the axis."""

    phase: str
    left: float
    width: float
    length: str
    is_growing: bool = False


@dataclass(frozen=True)
class Attempt:
    """An attempt of a task, a row of the time line.

    :param key: the task's.
    :param number: counted from 1.
    :param started: milliseconds since the epoch, or ``None``.
    """

    key: str
    run_id: int | None
    number: int
    is_last: bool
    state: State
    kind: str
    started: int | None
    ended: int | None
    length: float | None
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


@dataclass(frozen=True)
class Node:
    """A task in the graph."""

    attempt: Attempt
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """A line of the graph; it is open as long as it waits for its first task."""

    path: str
    kind: str


@dataclass(frozen=True)
class Graph:
    picture: Picture
    nodes: Sequence[Node]
    edges: Sequence[Edge]


@dataclass(frozen=True)
class Mark:
    """A mark of the time axis, in per cent."""

    left: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """The attempts over time.

    :param start: milliseconds since the epoch.
    :param end: the same.
    """

    start: int
    end: int
    marks: Sequence[Mark]
    rows: Sequence[Attempt]


def anchor(key: str, number: int) -> str:
    """What the row of an attempt goes by within its page.

    :param key: the task's.
    :param number: of the attempt, counted from 1.
    """
    return f"{key}-{number}"


def timeline(run: Run, now: float, expected_end: float | None = None) -> Timeline:
    """All attempts of a run over time, by their start.

    :param run: with its tasks.
    :param now: milliseconds since the epoch.
    :param expected_end: the same, if something is expected.
    """
    start, end = _axis(run, now, expected_end)
    last = {id(task) for task in last_attempts(run.tasks)}
    tasks = sorted(run.tasks or [], key=lambda task: (not task.start_time, task.start_time or 0))
    return Timeline(
        start=start,
        end=end,
        marks=_marks(start, end),
        rows=[_attempt(task, now, start, end, is_last=id(task) in last) for task in tasks],
    )


def graph(run: Run, rows: Iterable[Attempt]) -> Graph:
    """The tasks of a run, each with its last attempt, and what waits for what.

    :param run: with its tasks.
    :param rows: its attempts.
    """
    tasks = last_attempts(run.tasks)
    picture = draw(
        {task.task_key: [each.task_key for each in task.depends_on or []] for task in tasks}
    )
    attempts = {row.key: row for row in rows if row.is_last}
    return Graph(
        picture=picture,
        nodes=[
            Node(attempts[key], place.x, place.y)
            for key, place in picture.places.items()
            if key in attempts
        ],
        edges=[
            Edge(curve(points), attempts[one].state.kind if one in attempts else "waiting")
            for (one, _), points in picture.edges.items()
        ],
    )


def _axis(run: Run, now: float, expected_end: float | None) -> tuple[int, int]:
    starts = [task.start_time for task in run.tasks or [] if task.start_time]
    start = min([run.start_time or int(now), *starts])
    if has_ended(run):
        ends = [task.end_time for task in run.tasks or [] if task.end_time]
        return start, max([run.end_time or start, *ends, start + 1])
    room = (now - start) * (1 + ROOM)
    span = max(room, (expected_end or 0) - start, SHORTEST_AXIS) / 1000
    step = _step(span)  # the axis grows by whole steps, so that it seldom changes
    return start, start + int(1000 * step) * -int(-span // step)


def _share(at: float, start: int, end: int) -> float:
    return round(100 * (at - start) / (end - start), 3)


def _marks(start: int, end: int) -> list[Mark]:
    seconds = (end - start) / 1000
    step = _step(seconds)
    label = _fraction if step < 1 else _hours if seconds >= 3600 else _minutes
    return [
        Mark(_share(start + at * step * 1000, start, end), label(at * step))
        for at in range(int(seconds / step) + 1)
    ]


def _step(seconds: float) -> float:
    """The length between two marks, in seconds."""
    step = next((each for each in STEPS if seconds / each <= MOST_MARKS), None)
    return step or STEPS[-1] * (1 + int(seconds / STEPS[-1] / MOST_MARKS))


def _fraction(seconds: float) -> str:
    return f"{seconds:.1f} s"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _hours(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def _attempt(task: RunTask, now: float, start: int, end: int, *, is_last: bool) -> Attempt:
    state = State(outcome_of(task))
    began = task.start_time or None
    over = (task.end_time or began) if has_ended(task) else None
    has_run = began is not None and not state.never_ran
    return Attempt(
        key=task.task_key,
        run_id=task.run_id,
        number=(task.attempt_number or 0) + 1,
        is_last=is_last,
        state=state,
        kind=kind_of(task),
        started=began,
        ended=over,
        length=max(0.0, (now if over is None else over) - (began or 0)) if has_run else None,
        message=words_of(task).message,
        progress=_progress(task),
        url=page_url(task.run_page_url),
        segments=_segments(task, now, start, end) if has_run else [],
    )


def kind_of(task: RunTask) -> str:
    """What a task is.

    :param task: it.
    """
    return next(
        (name for field, name in words.TASK_KINDS.items() if getattr(task, field, None)), "Task"
    )


def _progress(task: RunTask) -> str:
    loop = task.for_each_task
    stats = loop.stats.task_run_stats if loop and loop.stats else None
    if stats is None or not stats.total_iterations:
        return ""
    return f"{stats.completed_iterations or 0}/{stats.total_iterations}"


def _segments(task: RunTask, now: float, start: int, end: int) -> list[Segment]:
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
            width = max(0.2, _share(at + length, start, end) - _share(at, start, end))
            segments.append(
                Segment(
                    phase,
                    _share(at, start, end),
                    round(width, 3),
                    words.duration(length),
                    is_growing,
                )
            )
            at += length
    if not segments:
        width = max(0.2, _share(over, start, end) - _share(at, start, end))
        segments.append(
            Segment("run", _share(at, start, end), round(width, 3), words.duration(over - at))
        )
    return segments
