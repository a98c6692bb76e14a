"""Graph rules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.bundle.dependencies import find_cycle, find_reachable

graphs = st.dictionaries(st.sampled_from("abcde"), st.sets(st.sampled_from("abcde")))


@pytest.mark.parametrize(
    ("parents", "cycle"),
    [
        ({}, ""),
        ({"a": "", "b": "a", "c": "ab"}, ""),
        ({"a": "a"}, "aa"),
        ({"z": "a", "a": "b", "b": "a"}, "aba"),
        ({"c": "a", "a": "b", "b": "c"}, "cabc"),
    ],
)
def test_find_cycle_goes_from_key_to_parent(parents: dict[str, str], cycle: str) -> None:
    assert find_cycle(parents) == list(cycle)


@given(graphs)
def test_find_cycle_exists_if_a_key_reaches_itself(parents: dict[str, set[str]]) -> None:
    cycle = find_cycle(parents)
    assert bool(cycle) == any(key in find_reachable([key], parents) for key in parents)
    assert all(parent in parents[key] for key, parent in itertools.pairwise(cycle))
    assert cycle[:1] == cycle[-1:]


@given(graphs)
def test_find_reachable_is_transitive_closure(edges: dict[str, set[str]]) -> None:
    for start in "abcde":
        found = find_reachable([start], edges)
        assert edges.get(start, set()) <= found
        for key in found:
            assert find_reachable([key], edges) <= found
            assert any(key in edges.get(each, set()) for each in {start, *found})
