"""The layout of a job's tasks."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.console.graph import MAX_LARGE_TASKS, SMALL, Sizes, format_path, lay_out

SIZES = Sizes()


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Tasks that wait for any others: earlier, later, themselves, unknown ones."""
    keys = [f"t{number}" for number in range(draw(st.integers(0, 12)))]
    others = st.lists(st.sampled_from([*keys, "elsewhere"]), max_size=4)
    return {key: draw(others) for key in keys}


@given(jobs())
def test_layout_has_all_tasks_without_overlap(job: dict[str, list[str]]) -> None:
    layout = lay_out(job)
    assert set(layout.places) == set(job)
    places = list(layout.places.values())
    for index, one in enumerate(places):
        assert 0 <= one.x <= layout.width - SIZES.width
        assert 0 <= one.y <= layout.height - SIZES.height
        for other in places[index + 1 :]:
            assert abs(one.x - other.x) >= SIZES.width or abs(one.y - other.y) >= SIZES.height


@given(jobs())
def test_layout_edges_lead_left_to_right(job: dict[str, list[str]]) -> None:
    layout = lay_out(job)
    for (one, other), points in layout.edges.items():
        assert one in job[other]
        xs = [x for x, _ in points]
        assert xs == sorted(xs)
        assert points[0] == (
            layout.places[one].x + SIZES.width,
            layout.places[one].y + SIZES.height / 2,
        )
        assert points[-1][0] == layout.places[other].x


@given(jobs())
def test_layout_without_cycle_has_every_edge(job: dict[str, list[str]]) -> None:
    order = list(job)
    acyclic = {
        key: [o for o in others if o in order[:at]] for at, (key, others) in enumerate(job.items())
    }
    expected = {(other, key) for key, others in acyclic.items() for other in others}
    assert set(lay_out(acyclic).edges) == expected


def test_layout_of_chain_is_straight() -> None:
    layout = lay_out({"a": [], "b": ["a"], "c": ["b"]})
    assert len({place.y for place in layout.places.values()}) == 1
    assert format_path(layout.edges["a", "b"]).startswith("M188 30H")


def test_layout_puts_fork_between_its_branches() -> None:
    places = lay_out({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}).places
    assert places["a"].y == places["d"].y == (places["b"].y + places["c"].y) / 2


def test_layout_long_edge_avoids_tasks_between() -> None:
    layout = lay_out({"a": [], "b": ["a"], "c": ["a", "b"]})
    middle = layout.places["b"]
    for x, y in layout.edges["a", "c"][1:-1]:
        assert middle.x <= x <= middle.x + SIZES.width
        assert not middle.y <= y <= middle.y + SIZES.height


def test_layout_of_many_tasks_is_small_and_quick() -> None:
    job = {f"t{at}": [f"t{other}" for other in range(max(0, at - 7), at - 3)] for at in range(200)}
    assert len(job) > MAX_LARGE_TASKS
    before = time.process_time()
    layout = lay_out(job)
    assert time.process_time() - before < 2
    assert layout.sizes is SMALL


def test_layout_without_tasks_is_empty() -> None:
    layout = lay_out({})
    assert not layout.places
    assert not layout.edges


def test_layout_avoids_needless_crossings() -> None:
    places = lay_out({"a": [], "b": [], "c": ["b"], "d": ["a"]}).places
    assert (places["a"].y < places["b"].y) == (places["d"].y < places["c"].y)
