"""The graph of a run's tasks, as its page draws it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from .graph_layout import Layout, lay_out

if TYPE_CHECKING:
    from .tasks import Attempt

#: Layouts that a process keeps: a run's is that of its job, and does not change while it goes on.
MAX_LAYOUTS = 32

#: The keys of the tasks that each task waits for, in a form that can be looked up.
Structure = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Node:
    attempt: Attempt
    x: float
    y: float


@dataclass(frozen=True)
class Edges:
    """The edges that begin at one task, in the color of its state."""

    key: str
    path: str
    kind: str


@dataclass(frozen=True)
class Graph:
    """The graph that a run's page draws."""

    layout: Layout
    nodes: Sequence[Node]
    edges: Sequence[Edges]


def build_graph(structure: Structure, rows: Iterable[Attempt]) -> Graph:
    """Draw the tasks of a run, each with its last attempt, and their dependencies."""
    layout, paths = _draw(structure)
    attempts = {row.key: row for row in rows if row.is_last}
    return Graph(
        layout=layout,
        nodes=[
            Node(attempts[key], place.x, place.y)
            for key, place in layout.places.items()
            if key in attempts
        ],
        edges=[
            Edges(key, path, attempts[key].state.kind if key in attempts else "waiting")
            for key, path in paths.items()
        ],
    )


@lru_cache(maxsize=MAX_LAYOUTS)
def _draw(structure: Structure) -> tuple[Layout, Mapping[str, str]]:
    layout = lay_out(dict(structure))
    return replace(layout, lines={}), layout.paths()
