"""Handlers by method and path."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.http.routes import RouteTable

PATHS = ("jobs/get", "jobs/{id}", "jobs/{id}/runs", "files/{path...}", "a.b/{id}")
TABLE = RouteTable({("GET", path): lambda request, path=path: path for path in PATHS})


@pytest.mark.parametrize(
    ("method", "path", "found", "variables"),
    [
        ("GET", "jobs/get", "jobs/get", {}),
        ("GET", "jobs/get/", "jobs/get", {}),
        ("GET", "jobs/7", "jobs/{id}", {"id": "7"}),
        ("GET", "jobs/a b\n/runs", "jobs/{id}/runs", {"id": "a b\n"}),
        ("GET", "files/a/b.py", "files/{path...}", {"path": "a/b.py"}),
        ("GET", "a.b/7", "a.b/{id}", {"id": "7"}),
        ("POST", "jobs/7", None, {}),
        ("GET", "jobs/", None, {}),
        ("GET", "jobs/7/runs/8", None, {}),
        ("GET", "files/", None, {}),
        ("GET", "axb/7", None, {}),
    ],
)
def test_route_of_a_path_is_found(
    method: str, path: str, found: str | None, variables: dict[str, str]
) -> None:
    route = TABLE.find(method, path)
    assert (route and (route[0](None), route[1])) == (found and (found, variables))
