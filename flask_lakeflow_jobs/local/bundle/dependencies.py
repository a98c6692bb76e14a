"""Graph rules: which keys depend on which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


def find_cycle(parents: Mapping[str, Collection[str]]) -> list[str]:
    """Return the keys of a cycle, each followed by one of its parents; empty if there is none.

    The cycle starts and ends with the one that comes first in ``parents``.
    """
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        *cycle, _ = reversed(error.args[1])
        start = cycle.index(next(key for key in parents if key in cycle))
        return [*cycle[start:], *cycle[: start + 1]]
    return []


def find_reachable(starts: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    """Return all keys that are reached from one of ``starts`` along ``edges``."""
    found: set[str] = set()
    pending = list(starts)
    while pending:
        for key in edges.get(pending.pop(), set()) - found:
            found.add(key)
            pending.append(key)
    return found
