"""The trend of a job's durations."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.console.summaries import StateLabel, Summary
from flask_lakeflow_jobs.console.trend import MIN_RUNS, build_trend
from flask_lakeflow_jobs.runs.outcome import SUCCESSES, Outcome


def summary(length: float | None, outcome: Outcome = Outcome.SUCCEEDED) -> Summary:
    ended = None if outcome is Outcome.RUNNING else 1
    return Summary(1, StateLabel(outcome), 0, ended, length, None, None, "")


summaries = st.builds(
    summary,
    st.none() | st.floats(0, 1e9),
    st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RUNNING]),
)


@given(st.lists(summaries, max_size=40))
def test_trend_has_the_ended_runs_inside_its_area(runs: list[Summary]) -> None:
    trend = build_trend(runs)
    ended = [run for run in runs if run.ended is not None and run.length]
    if sum(run.state.outcome in SUCCESSES for run in ended) < MIN_RUNS:
        assert trend is None
        return
    assert trend is not None
    assert [point.run for point in trend.points] == ended[::-1]
    assert all(0 <= point.left <= 100 and 0 <= point.top <= 100 for point in trend.points)
    assert trend.slow_top <= trend.median_top
    assert trend.median <= trend.slow


def test_trend_range_is_that_of_successful_runs() -> None:
    runs = [summary(float(length)) for length in range(1, 21)]
    trend = build_trend([*runs, summary(1000.0, Outcome.FAILED)])
    assert trend is not None
    assert (trend.median, trend.slow) == (10.5, 19.05)
    assert trend.points[0].run.state.outcome is Outcome.FAILED
