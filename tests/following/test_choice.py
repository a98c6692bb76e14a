"""The jobs and the runs that are followed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.following.choice import choose_jobs, choose_runs
from flask_lakeflow_jobs.record.values import RecordedRun, RowState
from tests.run_documents import build_job

ETL = build_job("etl")


def row(job: str = "etl", run_id: int | None = 7, job_id: int = ETL.job_id) -> RecordedRun:
    values: dict[str, Any] = dict.fromkeys(RecordedRun.__dataclass_fields__)
    values |= {"job_key": job, "run_id": run_id, "job_id": job_id, "state": RowState.STARTED}
    return RecordedRun(**values)


class TestChooseRuns:
    @pytest.mark.parametrize(
        ("job", "run_id", "job_id"), [("other", 7, ETL.job_id), ("etl", 7, 5), ("etl", None, 1)]
    )
    def test_run_of_no_job_of_the_app_is_left_out(
        self, job: str, run_id: int | None, job_id: int
    ) -> None:
        assert choose_runs([row(job, run_id, job_id)], {"etl": ETL}) == []

    @given(st.sampled_from(["own", "all", False]), st.sampled_from(["app", "user"]))
    def test_job_is_chosen_unless_it_forbids_it(self, follow: Any, run_as: Any) -> None:
        job = replace(ETL, follow=follow, run_as=run_as)
        assert (choose_jobs({"etl": job}) != {}) == (follow is not False and run_as == "app")
