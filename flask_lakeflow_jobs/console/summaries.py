"""Summaries of runs, the strip and the trend of a job's runs. Pure.

They come from the SDK's dataclasses or the record, and the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median, quantiles
from typing import TYPE_CHECKING

from ..runs.durations import counts_from_of, counts_from_of_efforts, length_of
from ..runs.outcome import NEVER_STARTED, SUCCESSES, Outcome, has_ended, outcome_of, parse_state
from ..runs.run_parameters import flatten_parameters, parameters_of, requester_of
from . import labels

if TYPE_CHECKING:
    from ..record.values import RecordedRun
    from ..sdk_types import BaseRun, Run
    from ..web.run_list import ListedRun


@dataclass(frozen=True)
class StateLabel:
    """A state as pages show it: a label, and the kind that gives it color and icon."""

    outcome: Outcome

    @property
    def kind(self) -> str:
        return labels.KINDS[self.outcome]

    @property
    def word(self) -> str:
        # "Blocked" reads as an error; the chips above such tasks call them waiting, too.
        return "waiting" if self.outcome is Outcome.BLOCKED else self.outcome.label


@dataclass(frozen=True)
class Summary:
    """A run in a list.

    :param started: milliseconds since the epoch, or ``None``.
    :param ended: the same.
    :param length: milliseconds that it took, or has taken so far.
    :param counts_from: since when these count; ``None`` where it has ended.
    :param who: who requested it; ``None``: not known.
    :param trigger: how it was started.
    :param message: the workspace's state message.
    :param parameters: by name, also those that the app itself adds.
    """

    run_id: int
    state: StateLabel
    started: int | None
    ended: int | None
    length: float | None
    who: str | None
    trigger: str | None
    message: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    counts_from: int | None = None

    @property
    def is_going(self) -> bool:
        return self.ended is None


def summarize_run(
    run: Run | BaseRun,
    now: float,
    requester_parameter: str | None = None,
    started_by: str | None = None,
) -> Summary:
    """Summarize a run.

    :param now: milliseconds since the epoch.
    :param requester_parameter: the job parameter that records who requested the run.
    :param started_by: who requested it, if the app knows that without the parameter.
    """
    ended = (run.end_time or run.start_time or 0) if has_ended(run) else None
    return Summary(
        run_id=run.run_id or 0,
        state=StateLabel(outcome_of(run)),
        started=run.start_time or None,
        ended=ended,
        length=length_of(run, now),
        who=started_by or requester_of(run, requester_parameter),
        trigger=_name_trigger(run.trigger.value) if run.trigger else None,
        message=parse_state(run).message,
        parameters=parameters_of(run),
        counts_from=counts_from_of(run) if ended is None else None,
    )


def summarize_recorded(run: RecordedRun) -> Summary:
    return Summary(
        run_id=run.run_id or 0,
        state=StateLabel(Outcome.parse(run.outcome or "")),
        started=run.started_at or run.requested_at,
        ended=run.ended_at or 0,
        length=run.duration,
        who=run.requested_by,
        trigger=None,
        message=run.error or "",
    )


def summarize_listed(run: ListedRun, now: float, error: str | None) -> Summary:
    """Summarize a run of the list of all jobs.

    :param now: milliseconds since the epoch.
    :param error: one line.
    """
    started, ended = run.started_at, run.ended_at
    length: float | None = run.duration
    if started is not None and ended is None:
        length = max(0.0, now - started)
    return Summary(
        run_id=run.run_id,
        state=StateLabel(run.outcome),
        started=started,
        ended=ended,
        length=None if run.outcome in NEVER_STARTED else length,
        who=run.requested_by,
        trigger=None,
        message=error or "",
        parameters=flatten_parameters(run.params),
        counts_from=started if ended is None else None,
    )


def count_work(run: Summary, efforts: Sequence[Run], now: float) -> Summary:
    """Leave the time before a repair out of the duration of a run that is repaired right now.

    :param efforts: the original run and its repairs, oldest first.
    :param now: milliseconds since the epoch.
    """
    counts_from = counts_from_of_efforts(efforts, now) if run.is_going else None
    if counts_from is None:
        return run
    return replace(run, counts_from=counts_from, length=max(0.0, now - counts_from))


def _name_trigger(name: str) -> str:
    """Return how a run was started, in a word of the Jobs UI where there is one."""
    return {"ONE_TIME": "manual", "PERIODIC": "schedule"}.get(name, name.replace("_", " ").lower())


def usual_length(runs: Iterable[Summary]) -> float | None:
    """Return the median of the milliseconds that successful runs took; ``None`` without any."""
    lengths = [
        run.length for run in runs if run.state.outcome in SUCCESSES and run.length is not None
    ]
    return median(lengths) if lengths else None


@dataclass(frozen=True)
class Bar:
    """A bar in the strip of a job's recent runs.

    :param height: from 1 to :data:`BAR_HEIGHTS`.
    """

    run: Summary
    height: int


#: As many heights of bars as the style sheet has.
BAR_HEIGHTS = 10


def build_strip(runs: Sequence[Summary]) -> list[Bar]:
    """Return the bars of a job's recent runs, newest last, durations as heights.

    :param runs: newest first.
    """
    longest = max((run.length or 0 for run in runs), default=0) or 1
    return [
        Bar(run, height=max(1, round(BAR_HEIGHTS * (run.length or 0) / longest)))
        for run in reversed(runs)
    ]


#: Runs of the record in a trend.
MAX_TREND_RUNS = 100

#: A range of fewer successful runs would say nothing.
MIN_TREND_RUNS = 5

#: The share of the height above the longest run, in percent.
TREND_TOP_MARGIN = 8


@dataclass(frozen=True)
class TrendPoint:
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

    points: Sequence[TrendPoint]
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
    if len(lengths) < MIN_TREND_RUNS:
        return None
    percentiles = quantiles(lengths, n=20, method="inclusive")
    half, slow = percentiles[9], percentiles[18]
    longest = max(run.length or 0.0 for run in ended)

    def top(length: float) -> float:
        return round(100 - (100 - TREND_TOP_MARGIN) * length / longest, 2)

    width = 100 / len(ended)
    points = [
        TrendPoint(run, round(width * (at + 0.5), 2), top(run.length or 0.0))
        for at, run in enumerate(ended)
    ]
    return Trend(points, half, slow, top(half), top(slow))
