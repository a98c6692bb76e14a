"""The graph of a run's tasks, and its layout."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.console import graph
from flask_lakeflow_jobs.console.graph import (
    MAX_LARGE_TASKS,
    MAX_SEGMENTS,
    SMALL,
    SWEEPS,
    SWEEPS_OF_STRAIGHT_LINES,
    Layout,
    Point,
    Sizes,
    build_graph,
    format_curve,
    format_straight,
    lay_out,
)
from flask_lakeflow_jobs.console.timeline import build_timeline
from tests.run_documents import SUCCEEDED, run, run_state, task

SIZES = Sizes()

Job = dict[str, list[str]]


def edges_of(layout: Layout) -> dict[tuple[str, str], list[Point]]:
    """The points of the edges of a layout, from the task where each begins to the other."""
    half = layout.sizes.height / 2
    ends = {(place.x, round(place.y + half, 1)): key for key, place in layout.places.items()}
    edges: dict[tuple[str, str], list[Point]] = {}

    def follow(one: str, points: list[Point]) -> None:
        for line in layout.lines[one]:
            if line[0] == points[-1]:
                path = [*points, *line[1:]]
                if line[-1] in ends:
                    edges[one, ends[line[-1]]] = path
                else:
                    follow(one, path)

    for one in layout.lines:
        place = layout.places[one]
        follow(one, [(place.x + layout.sizes.width, round(place.y + half, 1))])
    return edges


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Tasks that wait for any others: earlier, later, themselves, unknown ones."""
    keys = [f"t{number}" for number in range(draw(st.integers(0, 12)))]
    others = st.lists(st.sampled_from([*keys, "elsewhere"]), max_size=4)
    return {key: draw(others) for key in keys}


@given(jobs())
def test_layout_has_all_tasks_without_overlap(job: Job) -> None:
    layout = lay_out(job)
    assert set(layout.places) == set(job)
    places = list(layout.places.values())
    for index, one in enumerate(places):
        assert 0 <= one.x <= layout.width - SIZES.width
        assert 0 <= one.y <= layout.height - SIZES.height
        for other in places[index + 1 :]:
            assert abs(one.x - other.x) >= SIZES.width or abs(one.y - other.y) >= SIZES.height


@given(jobs())
def test_layout_edges_lead_left_to_right(job: Job) -> None:
    layout = lay_out(job)
    for (one, other), points in edges_of(layout).items():
        assert one in job[other]
        xs = [x for x, _ in points]
        assert xs == sorted(xs)
        assert all(right - left <= SIZES.width for left, right in pairwise(xs)), "it has a bend"
        assert points[0] == (
            layout.places[one].x + SIZES.width,
            layout.places[one].y + SIZES.height / 2,
        )
        assert points[-1] == (
            layout.places[other].x,
            layout.places[other].y + SIZES.height / 2,
        )


@given(jobs())
def test_layout_without_cycle_has_every_edge(job: Job) -> None:
    order = list(job)
    acyclic = {
        key: [o for o in others if o in order[:at]] for at, (key, others) in enumerate(job.items())
    }
    expected = {(other, key) for key, others in acyclic.items() for other in others}
    assert set(edges_of(lay_out(acyclic))) == expected


def test_layout_of_chain_is_straight() -> None:
    layout = lay_out({"a": [], "b": ["a"], "c": ["b"]})
    assert len({place.y for place in layout.places.values()}) == 1
    assert format_curve(edges_of(layout)["a", "b"]).startswith("M188 30H")


def test_layout_puts_fork_between_its_branches() -> None:
    places = lay_out({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}).places
    assert places["a"].y == places["d"].y == (places["b"].y + places["c"].y) / 2


def test_layout_puts_a_task_beside_the_one_that_it_waits_for() -> None:
    places = lay_out({"a": [], "b": [], "c": [], "d": ["a"], "e": ["c"]}).places
    assert (places["d"].y, places["e"].y) == (places["a"].y, places["c"].y)


def test_layout_long_edge_avoids_tasks_between() -> None:
    layout = lay_out({"a": [], "b": ["a"], "c": ["a", "b"]})
    middle = layout.places["b"]
    for x, y in edges_of(layout)["a", "c"][1:-1]:
        assert middle.x <= x <= middle.x + SIZES.width
        assert not middle.y <= y <= middle.y + SIZES.height


def test_edges_from_one_task_share_their_bends() -> None:
    layout = lay_out({"a": [], "b": ["a"], "c": ["a", "b"], "d": ["a", "c"]})
    assert [len(lines) for lines in layout.lines.values()] == [5, 1, 1]  # a: b, bend, c, bend, d
    assert ("a", "d") in edges_of(layout)


def chain(count: int) -> Job:
    keys = [f"t{at}" for at in range(count)]
    return {key: keys[max(0, at - 1) : at] for at, key in enumerate(keys)}


def each_after_all(count: int) -> Job:
    keys = [f"t{at}" for at in range(count)]
    return {key: keys[:at] for at, key in enumerate(keys)}


def layers(count: int, width: int) -> Job:
    keys = [f"t{at}" for at in range(count)]
    return {
        key: keys[(at // width - 1) * width : at // width * width] if at >= width else []
        for at, key in enumerate(keys)
    }


def at_random(count: int, most: int) -> Job:
    choice, keys = random.Random(most), [f"t{at}" for at in range(count)]
    return {key: choice.sample(keys[:at], min(at, most)) for at, key in enumerate(keys)}


SHAPES: Mapping[str, Job] = {
    "chain": chain(200),
    "chain with a last one": {**chain(199), "last": list(chain(199))},
    "chain, each after the first": {key: ["t0", *some] for key, some in chain(200).items()},
    "each after all": each_after_all(200),
    "layers of 14": layers(200, 14),
    "layers of 100": layers(200, 100),
    "wide": {f"t{at}": [] for at in range(200)},
    "after the 20 before": {key: some[-20:] for key, some in each_after_all(200).items()},
    "at random, 2": at_random(200, 2),
    "at random, 30": at_random(200, 30),
    "with cycles": {key: list(chain(200))[::7] for key in chain(200)},
    "a ring": {**chain(200), "t0": ["t199"]},
}


@pytest.mark.parametrize("job", SHAPES.values(), ids=SHAPES)
def test_layout_work_is_linear_in_tasks_and_edges(
    monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    """A run of 200 tasks took up to two minutes: each edge had a bend of its own in each layer."""
    visits = 0
    means, stack = graph._means, graph._stack

    def count_means(
        layer: Sequence[int], neighbors: Sequence[Sequence[int]], values: Sequence[float]
    ) -> list[float]:
        nonlocal visits
        visits += len(layer) + sum(len(neighbors[spot]) for spot in layer)
        return means(layer, neighbors, values)

    def count_stack(layer: Sequence[int], *others: Sequence[float]) -> None:
        nonlocal visits
        visits += len(layer)
        stack(layer, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(graph, "_means", count_means)
    monkeypatch.setattr(graph, "_stack", count_stack)
    layout = lay_out(job)
    assert set(layout.places) == set(job)
    edges = sum(map(len, job.values()))
    size = len(job) + (MAX_SEGMENTS if layout.has_bends else edges)
    sweeps = SWEEPS if layout.has_bends else SWEEPS_OF_STRAIGHT_LINES
    assert visits <= 6 * sweeps * size
    assert sum(map(len, layout.lines.values())) <= max(MAX_SEGMENTS, edges)
    assert "L" not in "".join(layout.paths().values()) or not layout.has_bends


@pytest.mark.parametrize("job", SHAPES.values(), ids=SHAPES)
def test_layout_of_many_tasks_has_every_edge_that_follows_from_no_others(job: Job) -> None:
    layout = lay_out(job)
    order = {key: at for at, key in enumerate(job)}
    given = {(one, key) for key, before in job.items() for one in before if one != key}
    found = edges_of(layout) if layout.has_bends else straight_edges_of(layout)
    assert found.keys() <= given
    if any(order[one] > order[other] for one, other in given):  # a cycle
        return
    earlier: dict[str, set[str]] = {}
    for key, before in job.items():
        others = {one for one in before if one != key}
        earlier[key] = others.union(*(earlier.get(one, set()) for one in others))
    implied = {
        (one, key)
        for key, before in job.items()
        for one in before
        if any(one in earlier.get(other, ()) for other in before)
    }
    assert found.keys() == given - implied


def test_layout_of_few_tasks_has_edges_that_follow_from_others() -> None:
    assert ("a", "c") in edges_of(lay_out({"a": [], "b": ["a"], "c": ["a", "b"]}))


def straight_edges_of(layout: Layout) -> dict[tuple[str, str], Iterable[Point]]:
    half = layout.sizes.height / 2
    ends = {(place.x, round(place.y + half, 1)): key for key, place in layout.places.items()}
    return {(key, ends[line[-1]]): line for key, lines in layout.lines.items() for line in lines}


def test_layout_of_many_tasks_is_small() -> None:
    assert lay_out(chain(MAX_LARGE_TASKS)).sizes == SIZES
    assert lay_out(chain(MAX_LARGE_TASKS + 1)).sizes is SMALL


def test_straight_line_passes_no_bends() -> None:
    assert format_straight([(0, 1), (10, 5), (20, 2.5)]) == "M0 1L20 2.5"


def test_layout_without_tasks_is_empty() -> None:
    layout = lay_out({})
    assert not layout.places
    assert not layout.lines


def test_layout_avoids_needless_crossings() -> None:
    places = lay_out({"a": [], "b": [], "c": ["b"], "d": ["a"]}).places
    assert (places["a"].y < places["b"].y) == (places["d"].y < places["c"].y)


def test_graph_is_laid_out_once_while_a_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was laid out for each viewer and each update."""
    graph._draw.cache_clear()
    states = [run_state("PENDING"), run_state("RUNNING"), SUCCEEDED]
    drawn = []
    for state in states:
        ongoing = run(
            tasks=[
                task("first", state, start_time=1),
                task("second", run_state("BLOCKED"), depends_on=[{"task_key": "first"}]),
            ]
        )
        structure = (("first", ()), ("second", ("first",)))
        drawn.append(build_graph(structure, build_timeline(ongoing, 2.0).rows))
    assert graph._draw.cache_info().misses == 1
    assert [[each.kind for each in one.edges] for one in drawn] == [
        ["waiting"],
        ["going"],
        ["good"],
    ]
    assert len({each.edges[0].path for each in drawn}) == 1
