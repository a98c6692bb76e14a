"""An app that only shows runs."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "never/run"), ("DELETE", "never/runs/1"), ("POST", "never/runs/1/repair")],
)
def test_read_only_app_refuses_changes_over_http(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, method: str, path: str
) -> None:
    client = make_app(LAKEFLOW_JOBS_READ_ONLY=True).test_client()

    response = client.open(f"/api/jobs/{path}", method=method)

    assert response.status_code == 403
    assert "read-only" in response.get_json()["detail"]
    assert fault_proxy.requests == []
    assert client.get("/api/jobs/never").status_code == 200
    assert client.get("/api/jobs/never/runs").status_code == 200


def test_read_only_app_accepts_changes_on_the_command_line(make_app: MakeApp) -> None:
    runner = make_app(LAKEFLOW_JOBS_READ_ONLY=True).test_cli_runner()
    assert runner.invoke(args=["jobs", "run", "never", "--no-wait"]).exit_code == 0
