"""Where the tasks of a job stand in its picture: in layers, from left to right. Pure.

The method is Sugiyama's: layers by the longest way there, edges over several layers cut by bends,
an order within each layer that crosses few edges, and places that keep edges straight.
Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
structures", IEEE Transactions on Systems, Man, and Cybernetics 11 (1981).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

SWEEPS = 6


@dataclass(frozen=True)
class Sizes:
    """The measures of a picture, in pixels."""

    width: float = 184
    height: float = 52
    across: float = 56
    down: float = 16
    bend: float = 8
    margin: float = 4


#: For more tasks than are taken in at a glance.
SMALL = Sizes(width=152, height=30, across=44, down=8)
MANY = 40


@dataclass(frozen=True)
class Place:
    """The upper left corner of a task."""

    x: float
    y: float


@dataclass(frozen=True)
class Picture:
    """A picture of tasks.

    :param places: by task key.
    :param edges: (from, to) → the points that the line goes through.
    """

    width: float
    height: float
    sizes: Sizes
    places: Mapping[str, Place]
    edges: Mapping[tuple[str, str], Sequence[tuple[float, float]]]


#: A task's key, or a bend: an edge and the layer in which it bends.
Node = str | tuple[str, str, int]


def draw(depends_on: Mapping[str, Iterable[str]], sizes: Sizes | None = None) -> Picture:
    """Lay out tasks.

    :param depends_on: task key → the keys of the tasks that it waits for; unknown ones do not
        count, nor does what would close a circle.
    :param sizes: the measures; by default such that many tasks are small.
    """
    sizes = sizes or (Sizes() if len(depends_on) <= MANY else SMALL)
    before = {
        key: [other for other in dict.fromkeys(others) if other in depends_on and other != key]
        for key, others in depends_on.items()
    }
    depth = _depths(before)
    edges = [
        (other, key)
        for key, others in before.items()
        for other in others
        if depth[other] < depth[key]
    ]
    layers, ways = _with_bends(depth, edges)
    _order(layers, ways)
    rows = _rows(layers, ways, sizes)
    places = {
        key: Place(sizes.margin + depth[key] * (sizes.width + sizes.across), rows[key])
        for key in depends_on
    }
    height = max((row + _height(node, sizes) for node, row in rows.items()), default=0.0)
    width = len(layers) * (sizes.width + sizes.across) - sizes.across + 2 * sizes.margin
    return Picture(
        width=max(0.0, width),
        height=height + sizes.margin,
        sizes=sizes,
        places=places,
        edges={edge: _points(edge, ways[edge], rows, sizes, depth) for edge in edges},
    )


def _depths(before: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The layer of each task: one after the last of those that it waits for."""
    depth: dict[str, int] = {}
    for start in before:
        path = [start]
        while path:
            key = path[-1]
            open_ones = [other for other in before[key] if other not in depth and other not in path]
            if open_ones:
                path.append(open_ones[0])
            else:
                depth[key] = 1 + max((depth.get(other, -1) for other in before[key]), default=-1)
                path.pop()
    return depth


Ways = dict[tuple[str, str], list[Node]]


def _with_bends(
    depth: Mapping[str, int], edges: Sequence[tuple[str, str]]
) -> tuple[list[list[Node]], Ways]:
    """The layers, and the way of each edge from layer to layer."""
    layers: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key, layer in depth.items():
        layers[layer].append(key)
    ways: Ways = {}
    for one, other in edges:
        bends: list[Node] = [(one, other, at) for at in range(depth[one] + 1, depth[other])]
        for at, bend in enumerate(bends, depth[one] + 1):
            layers[at].append(bend)
        ways[one, other] = [one, *bends, other]
    return layers, ways


def _neighbours(ways: Ways) -> tuple[dict[Node, list[Node]], dict[Node, list[Node]]]:
    left: dict[Node, list[Node]] = {}
    right: dict[Node, list[Node]] = {}
    for way in ways.values():
        for one, other in pairwise(way):
            left.setdefault(other, []).append(one)
            right.setdefault(one, []).append(other)
    return left, right


def _order(layers: list[list[Node]], ways: Ways) -> None:
    """Sort each layer by where its neighbours stand, to and fro."""
    left, right = _neighbours(ways)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        beside = left if forward else right
        for layer in layers if forward else reversed(layers):
            rank = {node: at for each in layers for at, node in enumerate(each)}
            own = {node: at for at, node in enumerate(layer)}
            layer.sort(
                key=lambda node, rank=rank, own=own, beside=beside: (  # type: ignore[misc]
                    mean(rank[each] for each in beside[node]) if node in beside else own[node]
                )
            )


def _rows(layers: list[list[Node]], ways: Ways, sizes: Sizes) -> dict[Node, float]:
    """The upper edge of each node: near the middle of its neighbours, and clear of the others."""
    left, right = _neighbours(ways)
    rows: dict[Node, float] = {}
    for layer in layers:
        _stack(layer, dict.fromkeys(layer, 0.0), rows, sizes)
    for sweep in range(SWEEPS):
        for beside, ordered in ((left, layers), (right, layers[::-1])):
            if sweep == SWEEPS - 1 and beside is right:
                break  # the last word is with what comes before
            for layer in ordered:
                wanted = {
                    node: mean(_middle(each, rows, sizes) for each in beside[node])
                    - _height(node, sizes) / 2
                    if node in beside
                    else rows[node]
                    for node in layer
                }
                _stack(layer, wanted, rows, sizes)
    least = min(rows.values(), default=0.0)
    return {node: round(row - least + sizes.margin, 1) for node, row in rows.items()}


def _stack(
    layer: Sequence[Node], wanted: Mapping[Node, float], rows: dict[Node, float], sizes: Sizes
) -> None:
    """Put the nodes of a layer where they want to be, and push apart those that would overlap.

    Nodes that touch form a block, which stands where its nodes want it on average.
    """
    blocks: list[tuple[float, int, float, list[Node]]] = []
    for node in layer:
        height = _height(node, sizes) + sizes.down
        total, count, length, nodes = wanted[node], 1, height, [node]
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][2] > total / count:
            above_total, above_count, above_length, above = blocks.pop()
            total = above_total + total - above_length * count
            count += above_count
            length += above_length
            nodes = [*above, *nodes]
        blocks.append((total, count, length, nodes))
    for total, count, _, nodes in blocks:
        row = total / count
        for node in nodes:
            rows[node] = row
            row += _height(node, sizes) + sizes.down


def _height(node: Node, sizes: Sizes) -> float:
    return sizes.height if isinstance(node, str) else sizes.bend


def _middle(node: Node, rows: Mapping[Node, float], sizes: Sizes) -> float:
    return rows[node] + _height(node, sizes) / 2


def _points(
    edge: tuple[str, str],
    way: Sequence[Node],
    rows: Mapping[Node, float],
    sizes: Sizes,
    depth: Mapping[str, int],
) -> list[tuple[float, float]]:
    """From the right of a task, past its bends on both sides of their layers, to the other task."""
    column = sizes.width + sizes.across
    points = []
    for at, node in enumerate(way, depth[edge[0]]):
        x, y = sizes.margin + at * column, round(_middle(node, rows, sizes), 1)
        if node != edge[0]:
            points.append((x, y))
        if node != edge[1]:
            points.append((x + sizes.width, y))
    return points


def curve(points: Sequence[tuple[float, float]]) -> str:
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
