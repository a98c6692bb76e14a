"""Graph rules: which keys depend on which."""

from __future__ import annotations

from collections.abc import Mapping


def find_reachable(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    """All keys that are reached from ``start`` along ``edges``."""
    found: set[str] = set()
    pending = [start]
    while pending:
        for key in edges.get(pending.pop(), set()) - found:
            found.add(key)
            pending.append(key)
    return found
