"""The trend of a job's durations, with the range in which most runs end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from ..runs.outcome import SUCCESSES
from .summaries import Summary

#: Runs of the record in a trend.
MAX_RECORDED_RUNS = 100

#: A range of fewer successful runs would say nothing.
MIN_RUNS = 5

#: The share of the height above the longest run, in percent.
TOP_MARGIN = 8


@dataclass(frozen=True)
class Point:
    """A run in the trend, in percent of its width and height."""

    run: Summary
    left: float
    top: float


@dataclass(frozen=True)
class Trend:
    """The durations of a job's last runs, the newest to the right.

    :param median: of the successful runs, in milliseconds.
    :param slow: 95 of 100 successful runs take less, in milliseconds.
    :param median_top: the place of the median, in percent of the height, as ``slow_top``.
    """

    points: Sequence[Point]
    median: float
    slow: float
    median_top: float
    slow_top: float


def build_trend(runs: Sequence[Summary]) -> Trend | None:
    """Build the trend of ended runs; ``None`` if too few of them succeeded.

    :param runs: newest first. Active runs and runs that never ran are left out.
    """
    ended = [run for run in reversed(runs) if run.ended is not None and run.length]
    lengths = [run.length or 0.0 for run in ended if run.state.outcome in SUCCESSES]
    if len(lengths) < MIN_RUNS:
        return None
    percentiles = quantiles(lengths, n=20, method="inclusive")
    median, slow = percentiles[9], percentiles[18]
    longest = max(run.length or 0.0 for run in ended)

    def top(length: float) -> float:
        return round(100 - (100 - TOP_MARGIN) * length / longest, 2)

    width = 100 / len(ended)
    points = [
        Point(run, round(width * (at + 0.5), 2), top(run.length or 0.0))
        for at, run in enumerate(ended)
    ]
    return Trend(points, median, slow, top(median), top(slow))
