"""The pages that list runs: whose runs the trend of a job shows."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.record.values import RunEnd
from flask_lakeflow_jobs.testing.fault_proxy import Address
from tests.console.conftest import MakeShop
from tests.support import on_behalf_of

DAY_MS = 86_400_000


@pytest.mark.parametrize(("run_as", "shows_record"), [("app", True), ("user", False)])
def test_trend_shows_recorded_runs_only_of_jobs_that_run_as_the_app(
    make_shop: MakeShop, shop: Address, run_as: str, shows_record: bool
) -> None:
    """The record has the runs of all users, which one of them may not view in the workspace."""
    app = make_shop(jobs={"alone": {"run_as": run_as}}, config={"LAKEFLOW_JOBS_RECORD_URL": True})
    state = app.extensions["lakeflow_jobs"]
    job_id = state.settings.jobs["alone"].job_id
    for number in range(1, 6):
        state.record.add_found_run("alone", job_id, number, started_at=number)
        state.record.finish_run(RunEnd(job_id, number, "succeeded", number, number + DAY_MS))
    page = app.test_client().get("/jobs/alone", headers=on_behalf_of(shop.token))
    state.record.database.close()
    assert page.status_code == 200
    assert ("usually take 1 d 0 h" in page.text) is shows_record
