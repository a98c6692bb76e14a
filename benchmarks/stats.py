"""Summaries of numbers, and their text. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of the values does not exceed.

    :param values: in any order.
    :param share: from 0 to 1.
    """
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the value in the middle.

    :param values: in any order.
    """
    return percentile(values, 0.5)


def mean(values: Sequence[float]) -> float:
    """Return the average.

    :param values: in any order.
    """
    return sum(values) / len(values) if values else float("nan")


def ms(seconds: float) -> str:
    """Return seconds as text in milliseconds."""
    return f"{seconds * 1000:.3g} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def s(seconds: float) -> str:
    """Return seconds as text."""
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
