"""The pages that list runs: whose runs the trend of a job shows."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.record.values import RunEnd
from flask_lakeflow_jobs.testing.fault_proxy import Address
from tests.console.conftest import MakeShop
from tests.console.support import run
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


def test_a_run_leads_to_its_neighbors_and_to_the_comparison_with_the_one_before(
    make_shop: MakeShop,
) -> None:
    app = make_shop()
    first, second, third = (run(app, "listed", {"args": [word]}) for word in "abc")
    client = app.test_client()

    def follow(run_id: int, rest: str) -> str:
        response = client.get(f"/jobs/listed/runs/{run_id}/{rest}")
        return response.location or str(response.status_code)

    assert follow(second, "previous") == f"/jobs/listed/runs/{first}"
    assert follow(second, "next") == f"/jobs/listed/runs/{third}"
    assert follow(third, "next") == "404"
    assert follow(third, "compare") == f"/jobs/listed/compare?run={second}&run={third}"
    assert client.get(follow(third, "compare")).status_code == 200


def test_neighbors_of_a_run_need_the_permission_to_view(make_shop: MakeShop) -> None:
    run_id = run(make_shop(), "listed", {"args": ["a"]})
    app = make_shop(policy=lambda user, action, job: action != "view")
    for rest in ("previous", "next", "compare"):
        assert app.test_client().get(f"/jobs/listed/runs/{run_id}/{rest}").status_code == 404
