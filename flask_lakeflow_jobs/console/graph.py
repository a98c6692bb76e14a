"""The graph of a run's tasks, as its page draws it. Pure.

The layout is Sugiyama's: layers by longest path, long edges cut by bends, an order within each
layer that crosses few edges, and rows that keep edges straight. Edges from one task share their
bends, and each part that they share is drawn once. A graph of many tasks is drawn without the edges
that follow from others. If it still has too many bends or edges, its lines are straight.
Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
structures", IEEE Transactions on Systems, Man, and Cybernetics 11 (1981).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .tasks import Attempt

#: Passes over the layers, to and fro, each of which improves the order and the rows.
SWEEPS = 6

#: A graph with more edges and bends than this has straight lines, and fewer passes.
MAX_SEGMENTS = 2_000
SWEEPS_OF_STRAIGHT_LINES = 2


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

#: Layouts that a process keeps. The runs of a job share one, which an active run never changes.
MAX_LAYOUTS = 32

#: The keys of the tasks that each task waits for, in a form that can be looked up.
Structure = tuple[tuple[str, tuple[str, ...]], ...]

Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """The upper left corner of a task."""

    x: float
    y: float


@dataclass(frozen=True)
class Layout:
    """The places of tasks and of the lines between them.

    :param places: by task key.
    :param lines: task key → the lines of the edges that begin there. The line of an edge across
        several layers consists of parts, which others share: each begins where another ends.
    :param has_bends: false: there are too many edges for lines that avoid tasks.
    """

    width: float
    height: float
    sizes: Sizes
    places: Mapping[str, Place]
    lines: Mapping[str, Sequence[Sequence[Point]]]
    has_bends: bool = True

    def paths(self) -> dict[str, str]:
        """Return the lines of each task as the ``d`` of an SVG path."""
        format_line = format_curve if self.has_bends else format_straight
        return {key: "".join(map(format_line, lines)) for key, lines in self.lines.items()}


def lay_out(depends_on: Mapping[str, Iterable[str]]) -> Layout:
    """Lay out tasks from left to right.

    :param depends_on: task key → the keys of the tasks that it waits for. Unknown keys are ignored,
        and so is a dependency that closes a cycle.
    """
    sizes = Sizes() if len(depends_on) <= MAX_LARGE_TASKS else SMALL
    spots = Spots.of(depends_on)
    sweeps = SWEEPS if spots.has_bends else SWEEPS_OF_STRAIGHT_LINES
    _sort_layers(spots, sweeps)
    heights = [
        sizes.height if spot < spots.tasks else sizes.bend for spot in range(len(spots.depth))
    ]
    rows = _find_rows(spots, sweeps, heights, sizes)
    keys = list(depends_on)
    return Layout(
        width=max(0.0, len(spots.layers) * sizes.column - sizes.column_gap + 2 * sizes.margin),
        height=max(map(sum, zip(rows, heights, strict=True)), default=0.0) + sizes.margin,
        sizes=sizes,
        places={
            key: Place(sizes.margin + layer * sizes.column, row)
            for key, layer, row in zip(keys, spots.depth, rows, strict=False)
        },
        lines=_find_lines(spots, keys, rows, heights, sizes),
        has_bends=spots.has_bends,
    )


@dataclass(frozen=True)
class Spots:
    """The tasks and bends of a graph, by number: first the tasks, then the bends.

    :param tasks: how many of them are tasks.
    :param origin: the task of each spot; for a bend, the one where its edges begin.
    :param depth: the layer of each spot.
    :param left: the spots that each has an edge from, in layers to the left.
    :param right: the spots that each has an edge to.
    """

    tasks: int
    origin: list[int]
    depth: list[int]
    layers: list[list[int]]
    left: list[list[int]]
    right: list[list[int]]
    has_bends: bool

    @classmethod
    def of(cls, depends_on: Mapping[str, Iterable[str]]) -> Spots:
        before = _number(depends_on)
        depth = _remove_cycles(before)
        if len(before) > MAX_LARGE_TASKS:
            _remove_implied(before, depth)
        count, edges = len(before), sum(map(len, before))
        reach = [0] * count  # the last layer where an edge of each task needs a bend
        for task, others in enumerate(before):
            for other in others:
                reach[other] = max(reach[other], depth[task] - 1)
        bends = sum(max(0, last - first) for first, last in zip(depth, reach, strict=True))
        has_bends = edges + bends <= MAX_SEGMENTS
        origin, left = list(range(count)), [list(others) for others in before]
        if has_bends:
            for task in range(count):
                for layer in range(depth[task] + 1, reach[task] + 1):
                    left.append([len(origin) - 1 if layer > depth[task] + 1 else task])
                    origin.append(task)
                    depth.append(layer)
            bend_of = {(origin[at], depth[at]): at for at in range(count, len(origin))}
            for task, others in enumerate(before):
                left[task] = [bend_of.get((each, depth[task] - 1), each) for each in others]
        right: list[list[int]] = [[] for _ in origin]
        layers: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
        for spot, others in enumerate(left):
            layers[depth[spot]].append(spot)
            for other in others:
                right[other].append(spot)
        return cls(count, origin, depth, layers, left, right, has_bends)


def _number(depends_on: Mapping[str, Iterable[str]]) -> list[list[int]]:
    """Return the numbers of the tasks that each task waits for, each once."""
    numbers = {key: number for number, key in enumerate(depends_on)}
    return [
        [numbers[other] for other in dict.fromkeys(others) if other in numbers]
        for others in depends_on.values()
    ]


def _remove_cycles(before: list[list[int]]) -> list[int]:
    """Remove each dependency that closes a cycle, and return the layer of each task.

    It is one after the last layer of the tasks that the task waits for.
    """
    depth = [-1] * len(before)
    is_open = [False] * len(before)
    for first in range(len(before)):
        path: list[tuple[int, Iterator[int]]] = []
        following: int | None = first if depth[first] < 0 else None
        while path or following is not None:
            if following is not None:
                is_open[following] = True
                path.append((following, iter(list(before[following]))))
                before[following].clear()
            task, others = path[-1]
            following = None
            for other in others:
                if is_open[other]:
                    continue
                before[task].append(other)
                if depth[other] < 0:
                    following = other
                    break
            else:
                path.pop()
                is_open[task] = False
                depth[task] = 1 + max((depth[other] for other in before[task]), default=-1)
    return depth


def _remove_implied(before: list[list[int]], depth: Sequence[int]) -> None:
    """Remove each dependency that follows from the others of its task.

    Of many tasks that wait for all earlier ones, thousands of edges would hide the few that count.
    """
    earlier = [0] * len(before)  # the tasks that each waits for at last, as bits of a number
    for task in sorted(range(len(before)), key=depth.__getitem__):
        implied = 0
        for other in before[task]:
            implied |= earlier[other]
        earlier[task] = implied
        for other in before[task]:
            earlier[task] |= 1 << other
        before[task] = [other for other in before[task] if not implied >> other & 1]


def _sort_layers(spots: Spots, sweeps: int) -> None:
    """Sort each layer by the mean position of its neighbors, to and fro."""
    rank: list[float] = [0.0] * len(spots.depth)
    for sweep in range(sweeps):
        neighbors = spots.right if sweep % 2 else spots.left
        for layer in reversed(spots.layers) if sweep % 2 else spots.layers:
            layer.sort(
                key=dict(zip(layer, _means(layer, neighbors, rank), strict=True)).__getitem__
            )
            for at, spot in enumerate(layer):
                rank[spot] = at


def _means(
    layer: Sequence[int], neighbors: Sequence[Sequence[int]], values: Sequence[float]
) -> list[float]:
    """Return the mean value of the neighbors of each spot, or its own if it has none."""
    return [
        sum([values[other] for other in others]) / len(others)
        if (others := neighbors[spot])
        else values[spot]
        for spot in layer
    ]


def _find_rows(spots: Spots, sweeps: int, heights: Sequence[float], sizes: Sizes) -> list[float]:
    """Return the upper edge of each spot: near the middle of its neighbors, and clear of others."""
    middles = [0.0] * len(heights)
    for layer in spots.layers:
        _stack(layer, [0.0] * len(layer), middles, heights, sizes.row_gap)
    passes = [(spots.left, spots.layers), (spots.right, spots.layers[::-1])] * sweeps
    for neighbors, ordered in passes[:-1]:  # the last pass aligns tasks with what they wait for
        for layer in ordered:
            _stack(layer, _means(layer, neighbors, middles), middles, heights, sizes.row_gap)
    rows = [middle - height / 2 for middle, height in zip(middles, heights, strict=True)]
    top = min(rows, default=0.0) - sizes.margin
    return [round(row - top, 1) for row in rows]


def _stack(
    layer: Sequence[int],
    wishes: Sequence[float],
    middles: list[float],
    heights: Sequence[float],
    gap: float,
) -> None:
    """Put the spots of a layer where they wish to be, and push apart those that would overlap.

    Spots that touch form a block, which stands where its spots wish it on average.
    """
    blocks: list[tuple[float, float, int]] = []  # sum of the wishes for its top, height, spots
    for spot, wish in zip(layer, wishes, strict=True):
        total, height, count = wish - heights[spot] / 2, heights[spot] + gap, 1
        while blocks and blocks[-1][0] / blocks[-1][2] + blocks[-1][1] > total / count:
            above_total, above_height, above_count = blocks.pop()
            total = above_total + total - above_height * count
            height += above_height
            count += above_count
        blocks.append((total, height, count))
    at = 0
    for total, _, count in blocks:
        row = total / count
        for spot in layer[at : at + count]:
            middles[spot] = row + heights[spot] / 2
            row += heights[spot] + gap
        at += count


def _find_lines(
    spots: Spots, keys: Sequence[str], rows: Sequence[float], heights: Sequence[float], sizes: Sizes
) -> dict[str, list[list[Point]]]:
    """Return the lines from the right of each task through bends to the tasks that wait for it."""
    lines: dict[str, list[list[Point]]] = {}
    xs = [sizes.margin + layer * sizes.column for layer in spots.depth]
    ys = [round(row + height / 2, 1) for row, height in zip(rows, heights, strict=True)]
    ends = list(zip(xs, ys, strict=True))  # shared by lines: a graph may have ten thousand of them
    for spot, others in enumerate(spots.right):
        start = (xs[spot] + sizes.width, ys[spot])
        for other in others:
            line = [start, ends[other]]
            if other >= spots.tasks:  # past a bend, on both sides of its layer
                line.append((xs[other] + sizes.width, ys[other]))
            lines.setdefault(keys[spots.origin[spot]], []).append(line)
    return lines


def format_curve(points: Sequence[Point]) -> str:
    """Format a smooth line through points as the ``d`` of an SVG path.

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


def format_straight(points: Sequence[Point]) -> str:
    """Format a straight line from the first point to the last as the ``d`` of an SVG path."""
    (x, y), (to_x, to_y) = points[0], points[-1]
    return f"M{x:g} {y:g}L{to_x:g} {to_y:g}"


@dataclass(frozen=True)
class GraphNode:
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
    nodes: Sequence[GraphNode]
    edges: Sequence[Edges]


def build_graph(structure: Structure, rows: Iterable[Attempt]) -> Graph:
    """Draw the tasks of a run, each with its last attempt, and their dependencies.

    :param rows: all attempts of these tasks.
    """
    layout, paths = _draw(structure)
    attempts = {row.key: row for row in rows if row.is_last}
    return Graph(
        layout=layout,
        nodes=[GraphNode(attempts[key], place.x, place.y) for key, place in layout.places.items()],
        edges=[Edges(key, path, attempts[key].state.kind) for key, path in paths.items()],
    )


@lru_cache(maxsize=MAX_LAYOUTS)
def _draw(structure: Structure) -> tuple[Layout, Mapping[str, str]]:
    layout = lay_out(dict(structure))
    return replace(layout, lines={}), layout.paths()
