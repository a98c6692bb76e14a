"""The tasks of a run: as a graph and over time. Pure: from the SDK's dataclasses and the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..runs.outcome import last_attempts
from .layout import Picture, curve, draw

if TYPE_CHECKING:
    from ..sdk_types import Run
    from .tasks import Attempt


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
