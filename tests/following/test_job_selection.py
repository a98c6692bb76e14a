"""The choice of the jobs to follow, and of the job that a recorded run belongs to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.following.job_selection import choose_jobs, choose_runs, find_job
from flask_lakeflow_jobs.record.values import RecordedRun, RowState
from tests.run_documents import build_job

ETL = build_job("etl", 1)
OTHER_ID = build_job("etl", 2)
DAILY = build_job("daily", 1)
QUIET = replace(build_job("quiet", 1), follow=False)
JOBS = st.lists(st.builds(build_job, st.sampled_from("abc"), st.integers(1, 3)), max_size=3)


@given(st.sampled_from(["own", "all", False]), st.sampled_from(["app", "user"]))
def test_job_is_chosen_unless_it_forbids_it(follow: Any, run_as: Any) -> None:
    job = replace(ETL, follow=follow, run_as=run_as)
    assert (choose_jobs({"etl": job}) != {}) == (follow is not False and run_as == "app")


@given(JOBS, st.sampled_from("abc"), st.integers(1, 3))
def test_run_belongs_to_the_job_of_its_id_or_else_of_its_key(
    listed: list[Job], key: str, job_id: int
) -> None:
    jobs = {job.key: job for job in listed}
    found = find_job(jobs, key, job_id)
    ids = {each: job.job_id for each, job in jobs.items()}
    if ids.get(key) == job_id:
        assert found is jobs[key]
    elif job_id in ids.values():
        assert found is not None
        assert found is jobs[found.key]
        assert found.job_id == job_id
    elif key in jobs:
        assert found == replace(jobs[key], job_id=job_id)
    else:
        assert found is None


def build_row(job: str, job_id: int, run_id: int | None = 7) -> RecordedRun:
    values: dict[str, Any] = dict.fromkeys(RecordedRun.__dataclass_fields__)
    values |= {"job_key": job, "run_id": run_id, "job_id": job_id, "state": RowState.STARTED}
    return RecordedRun(**values)


@pytest.mark.parametrize(
    ("jobs", "row", "followed_as"),
    [
        ([ETL], build_row("etl", 1), ETL),
        ([ETL], build_row("etl", 1, run_id=None), None),
        ([ETL], build_row("other", 5), None),
        ([DAILY], build_row("etl", 1), DAILY),
        ([OTHER_ID, DAILY], build_row("etl", 1), DAILY),
        ([OTHER_ID], build_row("etl", 1), ETL),
        ([ETL, QUIET], build_row("quiet", 1), None),
        ([ETL, QUIET], build_row("removed", 1), ETL),
        ([QUIET], build_row("quiet", 5), None),
    ],
    ids=[
        *("same", "not started", "removed", "renamed", "renamed, and the key reused", "other id"),
        *("excluded key", "removed key beside an excluded one", "excluded key of another id"),
    ],
)
def test_run_is_followed_as_the_job_that_it_belongs_to(
    jobs: list[Job], row: RecordedRun, followed_as: Job | None
) -> None:
    chosen = choose_runs([row], {job.key: job for job in jobs}, ())
    assert [(key.job, key.run_id) for key in chosen] == ((followed_as and [(followed_as, 7)]) or [])
    assert choose_runs([row], {job.key: job for job in jobs}, chosen) == []
