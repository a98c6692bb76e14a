"""The graph of a run's tasks: its layout, and what its page draws. Pure.

The layout is Sugiyama's: layers by longest path, long edges cut by bends, an order within each
layer that crosses few edges, and rows that keep edges straight. Edges from one task share their
bends, so there are fewer of them than edges times layers.
Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
structures", IEEE Transactions on Systems, Man, and Cybernetics 11 (1981).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from ..runs.outcome import select_last_attempts

if TYPE_CHECKING:
    from ..sdk_types import Run
    from .tasks import Attempt

#: Passes over the layers, to and fro, each of which improves the order and the rows.
SWEEPS = 6


@dataclass(frozen=True)
class Sizes:
    """The measures of a layout, in pixels."""

    width: float = 184
    height: float = 52
    column_gap: float = 56
    row_gap: float = 16
    bend: float = 8
    margin: float = 4

    @property
    def column(self) -> float:
        return self.width + self.column_gap


#: For graphs of more than ``MAX_LARGE_TASKS`` tasks.
SMALL = Sizes(width=152, height=30, column_gap=44, row_gap=8)
MAX_LARGE_TASKS = 40


@dataclass(frozen=True)
class Place:
    """The upper left corner of a task."""

    x: float
    y: float


@dataclass(frozen=True)
class Layout:
    """The places of tasks and of the edges between them.

    :param places: by task key.
    :param edges: (from, to) → the points that the edge goes through.
    """

    width: float
    height: float
    sizes: Sizes
    places: Mapping[str, Place]
    edges: Mapping[tuple[str, str], Sequence[tuple[float, float]]]


#: A task, by its key, or a bend: the task where its edges begin, and its layer.
Spot = str | tuple[str, int]


@dataclass(frozen=True)
class Node:
    """A task in the graph."""

    attempt: Attempt
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """An edge of the graph; its kind is the state of the task where it begins."""

    path: str
    kind: str


@dataclass(frozen=True)
class Graph:
    """The graph that a run's page draws."""

    layout: Layout
    nodes: Sequence[Node]
    edges: Sequence[Edge]


def build_graph(run: Run, rows: Iterable[Attempt]) -> Graph:
    """Draw the tasks of a run, each with its last attempt, and their dependencies."""
    tasks = select_last_attempts(run.tasks)
    layout = lay_out(
        {task.task_key: [each.task_key for each in task.depends_on or []] for task in tasks}
    )
    attempts = {row.key: row for row in rows if row.is_last}
    return Graph(
        layout=layout,
        nodes=[
            Node(attempts[key], place.x, place.y)
            for key, place in layout.places.items()
            if key in attempts
        ],
        edges=[
            Edge(format_path(points), attempts[one].state.kind if one in attempts else "waiting")
            for (one, _), points in layout.edges.items()
        ],
    )


def lay_out(depends_on: Mapping[str, Iterable[str]], sizes: Sizes | None = None) -> Layout:
    """Lay out tasks from left to right.

    :param depends_on: task key → the keys of the tasks that it waits for. Unknown keys are ignored,
        and so is a dependency that closes a cycle.
    :param sizes: ``None``: smaller ones for many tasks.
    """
    sizes = sizes or (Sizes() if len(depends_on) <= MAX_LARGE_TASKS else SMALL)
    depth, edges = _depths(depends_on)
    layers: list[list[Spot]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key in depends_on:
        layers[depth[key]].append(key)
    paths: dict[tuple[str, str], list[Spot]] = {}
    bends: set[Spot] = set()
    for one, other in edges:
        path: list[Spot] = [(one, layer) for layer in range(depth[one] + 1, depth[other])]
        for layer, bend in enumerate(path, depth[one] + 1):
            if bend not in bends:
                bends.add(bend)
                layers[layer].append(bend)
        paths[one, other] = [one, *path, other]
    left, right = _neighbors(paths.values())
    _sort_layers(layers, left, right)
    rows = _find_rows(layers, left, right, sizes)
    height = max((row + _height(spot, sizes) for spot, row in rows.items()), default=0.0)
    return Layout(
        width=max(0.0, len(layers) * sizes.column - sizes.column_gap + 2 * sizes.margin),
        height=height + sizes.margin,
        sizes=sizes,
        places={
            key: Place(sizes.margin + depth[key] * sizes.column, rows[key]) for key in depends_on
        },
        edges={edge: _points(path, depth[edge[0]], rows, sizes) for edge, path in paths.items()},
    )


def _depths(
    depends_on: Mapping[str, Iterable[str]],
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The layer of each task, one after the last that it waits for; and the edges."""
    before = {
        key: [other for other in dict.fromkeys(others) if other in depends_on and other != key]
        for key, others in depends_on.items()
    }
    while True:
        try:
            order = list(TopologicalSorter(before).static_order())
        except CycleError as error:
            one, other = error.args[1][:2]
            before[other].remove(one)
        else:
            break
    depth: dict[str, int] = {}
    for key in order:
        depth[key] = 1 + max((depth[other] for other in before[key]), default=-1)
    return depth, [(other, key) for key, others in before.items() for other in others]


#: The spots of the next layer to the left, or to the right, that a spot has an edge to.
Neighbors = Mapping[Spot, Sequence[Spot]]


def _neighbors(paths: Iterable[Sequence[Spot]]) -> tuple[Neighbors, Neighbors]:
    left: dict[Spot, list[Spot]] = {}
    right: dict[Spot, list[Spot]] = {}
    for one, other in dict.fromkeys(pair for path in paths for pair in pairwise(path)):
        left.setdefault(other, []).append(one)
        right.setdefault(one, []).append(other)
    return left, right


def _sort_layers(layers: list[list[Spot]], left: Neighbors, right: Neighbors) -> None:
    """Sort each layer by the mean position of its neighbors, to and fro."""
    rank = {spot: at for layer in layers for at, spot in enumerate(layer)}
    for sweep in range(SWEEPS):
        neighbors, ordered = (right, layers[::-1]) if sweep % 2 else (left, layers)
        for layer in ordered:
            wish = {
                spot: fmean(rank[each] for each in neighbors[spot])
                if spot in neighbors
                else rank[spot]
                for spot in layer
            }
            layer.sort(key=wish.__getitem__)
            rank.update((spot, at) for at, spot in enumerate(layer))


def _find_rows(
    layers: Sequence[Sequence[Spot]], left: Neighbors, right: Neighbors, sizes: Sizes
) -> dict[Spot, float]:
    """The upper edge of each spot: near the middle of its neighbors, and clear of the others."""
    rows: dict[Spot, float] = {spot: 0.0 for layer in layers for spot in layer}
    for layer in layers:
        _stack(layer, rows, rows, sizes)
    passes = [(left, layers), (right, layers[::-1])] * SWEEPS
    for neighbors, ordered in passes[:-1]:  # the last pass aligns tasks with what they wait for
        for layer in ordered:
            wish = {
                spot: fmean(rows[each] + _height(each, sizes) / 2 for each in neighbors[spot])
                - _height(spot, sizes) / 2
                if spot in neighbors
                else rows[spot]
                for spot in layer
            }
            _stack(layer, wish, rows, sizes)
    top = min(rows.values(), default=0.0)
    return {spot: round(row - top + sizes.margin, 1) for spot, row in rows.items()}


def _stack(
    layer: Sequence[Spot], wish: Mapping[Spot, float], rows: dict[Spot, float], sizes: Sizes
) -> None:
    """Put the spots of a layer where they wish to be, and push apart those that would overlap.

    Spots that touch form a block, which stands where its spots wish it on average.
    """
    blocks: list[tuple[float, float, list[Spot]]] = []  # sum of wishes, height, spots
    for spot in layer:
        total, height, spots = wish[spot], _height(spot, sizes) + sizes.row_gap, [spot]
        while blocks and blocks[-1][0] / len(blocks[-1][2]) + blocks[-1][1] > total / len(spots):
            above_total, above_height, above = blocks.pop()
            total = above_total + total - above_height * len(spots)
            height += above_height
            spots = [*above, *spots]
        blocks.append((total, height, spots))
    for total, _, spots in blocks:
        row = total / len(spots)
        for spot in spots:
            rows[spot] = row
            row += _height(spot, sizes) + sizes.row_gap


def _height(spot: Spot, sizes: Sizes) -> float:
    return sizes.height if isinstance(spot, str) else sizes.bend


def _points(
    path: Sequence[Spot], depth: int, rows: Mapping[Spot, float], sizes: Sizes
) -> list[tuple[float, float]]:
    """From the right of a task, past its bends on both sides of their layers, to the other task."""
    points = []
    for layer, spot in enumerate(path, depth):
        x = sizes.margin + layer * sizes.column
        y = round(rows[spot] + _height(spot, sizes) / 2, 1)
        points += [(x, y), (x + sizes.width, y)]
    return points[1:-1]


def format_path(points: Sequence[tuple[float, float]]) -> str:
    """A smooth line through points, as the ``d`` of an SVG path.

    :param points: at least two, from left to right.
    """
    (x, y), *others = points
    parts = [f"M{x:g} {y:g}"]
    for to_x, to_y in others:
        middle = (x + to_x) / 2
        parts.append(
            f"H{to_x:g}"
            if y == to_y
            else f"C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"
        )
        x, y = to_x, to_y
    return "".join(parts)
