"""The pages of the tasks of the last runs, and of two runs compared."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.testing.fault_proxy import HasAddress
from tests.console.conftest import MakeShop
from tests.console.support import run as run_job
from tests.console.support import start, text_of
from tests.support import RunGate


def test_matrix_reads_ended_runs_once(make_shop: MakeShop, shop: HasAddress) -> None:
    with FaultyWorkspace(shop) as proxy:
        app = make_shop(config={"DATABRICKS_HOST": proxy.host, "LAKEFLOW_JOBS_CACHE_TTL": 0})
        run_id = run_job(app, "broken")
        client = app.test_client()
        assert client.get("/jobs/broken/matrix").status_code == 200
        before = len(proxy.find_requests(path="runs/get"))
        page = client.get("/jobs/broken/matrix").text
        assert len(proxy.find_requests(path="runs/get")) == before
    assert re.search(rf'<th scope="row" title="only">.*/runs/{run_id}/tasks/\d+', page, re.DOTALL)


def test_comparison_page_shows_parameters_without_secrets(app: Flask) -> None:
    params = {"day": "2026-11-23", "apiToken": "s3cret"}
    ids = [run_job(app, "nightly", {**params, "sample": sample}) for sample in (10, 20)]
    page = app.test_client().get(f"/jobs/nightly/compare?run={ids[1]}&run={ids[0]}")
    assert page.status_code == 200
    text = text_of(page.text)
    assert "s3cret" not in page.text
    assert re.search(r"day 2026-11-23 2026-11-23 (?!differs)", text)
    shown = [
        int(each)
        for each in re.findall(r'<input form="lf-compare" name="run" value="(\d+)"', page.text)
    ]
    assert shown == ids, "the earlier run is first, and others can be entered in their place"


def test_comparison_of_active_runs_has_no_error(app: Flask, run_gate: RunGate) -> None:
    first, second = (start(app, "gated", run_gate.params) for _ in range(2))
    page = app.test_client().get(f"/jobs/gated/compare?run={first}&run={second}")
    assert "Error" not in text_of(page.text)


@pytest.mark.parametrize(
    ("query", "code"), [("", 400), ("?run=1", 400), ("?run=1&run=1", 400), ("?run=1&run=2", 404)]
)
def test_comparison_needs_two_runs_of_the_job(app: Flask, query: str, code: int) -> None:
    page = app.test_client().get(f"/jobs/broken/compare{query}")
    assert page.status_code == code
    assert code == 404 or "Select two runs" in page.text


@pytest.mark.parametrize("page", ["matrix", "compare?run=1&run=2"])
def test_matrix_and_comparison_need_the_permission_to_view(make_shop: MakeShop, page: str) -> None:
    app = make_shop(policy=lambda user, action, job: action != "view")
    assert app.test_client().get(f"/jobs/broken/{page}").status_code == 404
