"""The sample app of ten views, tested with the pytest plugin as its users test theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent import futures
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from tests.hosts import sample_app
from tests.hosts.sample_app import async_views, background, dashboard, schedule
from tests.support import DEADLINE

#: The headers of the proxy of Databricks Apps, and of a browser on a page of the app.
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
ANN = {"X-Forwarded-Email": "ann@example.com", **OWN_PAGE}

#: The requests by which the views start runs, and their data.
STARTS: dict[str, Any] = {
    "/": {"data": {"startDate": "2025-01-31", "key": "2"}},
    "/live/runs": {"data": {"startDate": "2025-01-31"}},
    "/loads/": {"data": {"startDate": "2025-01-31"}},
    "/async/2025-01-31": {},
    "/reports/": {},
    "/dashboard/_dash-update-component": {
        "json": {
            "output": "..run-id.data...timer.disabled..",
            "outputs": [
                {"id": "run-id", "property": "data"},
                {"id": "timer", "property": "disabled"},
            ],
            "inputs": [{"id": "run", "property": "n_clicks", "value": 1}],
            "state": [{"id": "day", "property": "date", "value": "2025-01-31"}],
            "changedPropIds": ["run.n_clicks"],
        }
    },
}

#: Requests that may start nothing: without a user, without a page, from a page of another site.
REFUSED = {
    "nobody": OWN_PAGE,
    "no page": {"X-Forwarded-Email": "ann@example.com"},
    "other site": {**ANN, "Sec-Fetch-Site": "cross-site"},
}


@pytest.fixture(scope="session")
def lakeflow_bundle() -> Path:
    return sample_app.BUNDLE


@pytest.fixture
def app(lakeflow_settings: Mapping[str, Any]) -> Iterator[Flask]:
    """The sample app. Its loads end before the workspace does: they would ask for an hour."""
    yield sample_app.create_app({"TESTING": True, **lakeflow_settings})
    _, waiting = futures.wait(background.loads.values(), timeout=DEADLINE)
    background.loads.clear()
    assert not waiting


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def wait(app: Flask, key: str, run_id: int | str) -> None:
    with app.app_context():
        assert current_jobs[key].wait(run_id, timeout=DEADLINE).succeeded


def test_form_redirects_to_the_page_of_one_run(app: Flask, client: FlaskClient) -> None:
    form = {"startDate": "2025-01-31", "key": "1"}
    first, again = (client.post("/", data=form, headers=ANN) for _ in range(2))
    assert first.status_code == 303
    assert first.location == again.location
    run_id = first.location.rpartition("/")[2]
    wait(app, "etl", run_id)
    assert "ann@example.com" in client.get(first.location, headers=ANN, follow_redirects=True).text


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("url", STARTS)
def test_view_refused_request_starts_no_run(
    client: FlaskClient,
    lakeflow_workspace: FaultyWorkspace,
    url: str,
    headers: dict[str, str],
) -> None:
    token = {"X-Forwarded-Access-Token": lakeflow_workspace.token}
    assert client.post(url, **STARTS[url], headers={**token, **headers}).status_code == 403
    assert not lakeflow_workspace.find_requests("POST", "jobs/run-now")


@pytest.mark.parametrize("url", STARTS)
def test_view_request_of_its_page_starts_a_run(
    client: FlaskClient, lakeflow_workspace: FaultyWorkspace, url: str
) -> None:
    headers = {**ANN, "X-Forwarded-Access-Token": lakeflow_workspace.token}
    assert client.post(url, **STARTS[url], headers=headers).status_code < 400
    assert len(lakeflow_workspace.find_requests("POST", "jobs/run-now")) == 1


@pytest.mark.parametrize("url", ["/live/runs/1/state", "/loads/1", "/async/etl"])
def test_view_of_a_hidden_job_shows_nothing(app: Flask, client: FlaskClient, url: str) -> None:
    app.extensions["lakeflow_jobs"].policy = lambda *_: False
    assert client.get(url).status_code == 404


def test_form_shows_the_error_beside_its_field(client: FlaskClient) -> None:
    response = client.post("/", data={"startDate": "soon", "key": "1"}, headers=ANN)
    assert response.status_code == 400
    assert '<p role="alert">Input should be a valid date' in response.text


def test_htmx_loads_the_state_of_a_streamed_run(app: Flask, client: FlaskClient) -> None:
    part = client.post("/live/runs", data={"startDate": "2025-01-31"}, headers=ANN).text
    stream = part.split('sse-connect="')[1].split('"')[0]
    run_id = stream.split("/runs/")[1].split("/")[0]
    wait(app, "etl", run_id)
    assert "event: end" in client.get(f"{stream}?poll=true", headers=ANN).text
    assert "<p>succeeded</p>" in client.get(f"/live/runs/{run_id}/state").text


def test_background_thread_waits_for_the_outputs(client: FlaskClient) -> None:
    started = client.post("/loads/", data={"startDate": "2025-01-31"}, headers=ANN)
    run_id = int(started.get_json()["runId"])
    assert started.status_code == 202
    background.loads[run_id].result(timeout=DEADLINE)
    assert client.get(f"/loads/{run_id}").json == {
        "outcome": "succeeded",
        "outputs": {"load": "842 rows"},
    }
    assert client.get("/loads/1").status_code == 404


def test_admin_pages_frame_jobs_and_runs(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        run_id = current_jobs["etl"].run_now({"startDate": "2025-01-31"}).run_id
    wait(app, "etl", run_id)
    cards = client.get("/admin/admin_jobs/").text
    assert "Shop" in cards
    assert "Job etl" in cards
    assert "succeeded" in client.get(f"/admin/admin_jobs/etl/{run_id}").text


def test_dashboard_starts_and_shows_a_run(app: Flask, client: FlaskClient) -> None:
    assert client.get("/dashboard/").status_code == 200
    with app.test_request_context(headers=ANN):
        run_id, is_stopped = dashboard.start(1, "2025-01-31")
        assert not is_stopped
        current_jobs["etl"].wait(run_id, timeout=DEADLINE)
        assert dashboard.show(1, run_id) == (f"Run {run_id}: succeeded", True)


def test_async_views_start_and_follow_a_run(app: Flask, client: FlaskClient) -> None:
    run_id = client.post("/async/2025-01-31", headers=ANN).get_json()["runId"]
    assert client.get("/async/etl").json == {"name": "Nightly orders", "runs": [run_id]}
    with app.app_context():
        assert asyncio.run(async_views.follow(int(run_id)))[-1] == "succeeded"


def test_on_behalf_view_needs_the_token_of_the_user(
    client: FlaskClient, lakeflow_workspace: FaultyWorkspace
) -> None:
    assert client.post("/reports/", headers=ANN).status_code == 401
    headers = {**ANN, "X-Forwarded-Access-Token": lakeflow_workspace.token}
    assert client.post("/reports/", headers=headers).get_json().keys() == {"runId"}
    lakeflow_workspace.fail(Refusal(403, "PERMISSION_DENIED"), path="jobs/run-now")
    assert client.post("/reports/", headers=headers).status_code == 403


def test_schedule_starts_one_run_per_day(app: Flask) -> None:
    first, again = (schedule.load_day_before(app, date(2025, 2, 1)) for _ in range(2))
    assert (first.run_id, again.replayed) == (again.run_id, True)
    (job,) = schedule.build_scheduler(app).get_jobs()
    assert "hour='4'" in str(job.trigger)


def test_policy_decides_over_http(client: FlaskClient) -> None:
    body = {"params": {"startDate": "2025-01-31"}}
    assert client.post("/api/jobs/etl/run", json=body, headers=OWN_PAGE).status_code == 403
    assert client.post("/api/jobs/etl/run", json=body, headers=ANN).status_code == 200
