"""Runs of the record, in lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_lakeflow_jobs.record.recorded_runs import RunFilter
from flask_lakeflow_jobs.record.store import Record
from flask_lakeflow_jobs.record.values import RowState
from tests.clocks import FakeClock
from tests.record.rows import add_run, end, request
from tests.records import switchable_record


def test_list_unfinished_runs_oldest_first(record: Record, clock: FakeClock) -> None:
    for run_id in (1, 2, 3):
        add_run(record, run_id)
        clock.sleep(1)
    record.begin_run(request())
    record.finish_run(end(2))
    assert [run.run_id for run in record.list_unfinished_runs([1])] == [1, 3]


def test_list_unresolved_runs_leaves_recent_requests_and_other_jobs(
    record: Record, clock: FakeClock
) -> None:
    old = record.begin_run(request())
    record.begin_run(request(job_id=2))
    clock.sleep(60)
    record.begin_run(request())
    unresolved = record.list_unresolved_runs([1], round(clock.now() * 1000))
    assert [run.token for run in unresolved] == [old]


JOBS, OUTCOMES, NAMES = ["etl", "report"], ["succeeded", "failed", None], ["ada", "bob", None]

RUNS = st.lists(
    st.tuples(st.sampled_from(JOBS), st.sampled_from(OUTCOMES), st.sampled_from(NAMES)),
    max_size=12,
)
FILTERS = st.builds(
    RunFilter,
    job_keys=st.none() | st.lists(st.sampled_from([*JOBS, "other"]), min_size=1, max_size=3),
    outcome=st.sampled_from(OUTCOMES),
    requested_by=st.sampled_from(NAMES),
    state=st.sampled_from([None, RowState.STARTED]),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RUNS, FILTERS, st.integers(1, 5), st.integers(0, 2))
def test_list_runs_any_filter_pages_are_complete(
    record: Record, clock: FakeClock, rows: list[Any], filters: RunFilter, limit: int, step: int
) -> None:
    record.prune(2**50)
    with record.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM lakeflow_runs")
    expected = []
    for number, (job_key, outcome, name) in enumerate(rows):
        row_id = add_run(record, number, job_key, requested_by=name)
        if outcome is not None:
            record.finish_run(end(number, outcome))
        clock.sleep(step)
        if (
            (filters.job_keys is None or job_key in filters.job_keys)
            and filters.outcome in (None, outcome)
            and filters.requested_by in (None, name)
            and (filters.state is None or outcome is None)
        ):
            expected.append(row_id)

    listed: list[int] = []
    token = None
    while page := record.list_runs(filters, limit=limit, token=token):
        assert len(page) <= limit
        listed += [run.id for run in page]
        token = page[-1].page_token
    assert listed == expected[::-1]


@pytest.mark.parametrize("names", [{"job_keys": ["job-1"]}, {"requested_by": "ada"}])
def test_list_of_unfinished_runs_reads_no_others_in_sqlite(
    tmp_path: Path, clock: FakeClock, names: dict[str, Any]
) -> None:
    """With statistics, the index of a job or a person seems better, and has all ended runs."""
    statements: list[tuple[str, Any]] = []
    with switchable_record(tmp_path, clock) as record:
        for number in range(40):
            add_run(record, number, f"job-{number % 4}", requested_by=["ada", "bob"][number % 2])
            record.finish_run(end(number))
        with record.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
        record.database.close()  # connections read the statistics when they open
        sa.event.listen(
            record.database.engine,
            "before_cursor_execute",
            lambda _, __, sql, values, *___: statements.append((sql, values)),
        )
        record.list_runs(RunFilter(state=RowState.STARTED, **names))
        sql, values = statements[-1]
        with record.database.read() as connection:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
    assert "lakeflow_runs_state" in str(rows)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (RunFilter(), {None, 1, 2, 3}),
        (RunFilter(has_run_id=True), {1, 2, 3}),
        (RunFilter(job_ids=[2]), {3}),
        (RunFilter(job_ids=[1, 2], run_id=2), {2}),
        (RunFilter(source="found"), {1}),
        (RunFilter(state=RowState.ENDED), {2}),
    ],
)
def test_list_runs_each_filter_leaves_out_others(
    record: Record, filters: RunFilter, expected: set[int | None]
) -> None:
    record.begin_run(request())
    record.add_found_run("etl", 1, 1, started_at=0)
    add_run(record, 2)
    record.finish_run(end(2))
    add_run(record, 3, job_id=2)
    assert {run.run_id for run in record.list_runs(filters)} == expected
    assert record.get_runs(1, [1, 2, 3]).keys() == {1, 2}


def test_list_runs_by_time_includes_start_of_range(record: Record, clock: FakeClock) -> None:
    moments = []
    for run_id in range(3):
        add_run(record, run_id)
        moments.append(round(clock.now() * 1000))
        clock.sleep(1)
    listed = record.list_runs(RunFilter(since=moments[1], until=moments[2]))
    assert [run.run_id for run in listed] == [1]
