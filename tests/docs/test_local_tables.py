"""The tables about the local workspace match its behaviour."""

from __future__ import annotations

import inspect
import re
from typing import Any

import requests
from databricks.sdk.service import jobs
from docs_routes import JOBS_API

from flask_lakeflow_jobs.local import Address
from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS
from flask_lakeflow_jobs.local.tasks.kinds import build_work
from flask_lakeflow_jobs.local.tasks.work import CannotRun
from tests.support import DEADLINE


def test_jobs_api_table_matches_what_is_served(workspace: Address) -> None:
    for endpoint, is_served in JOBS_API.items():
        method, path = endpoint.replace("{id}", "1").split()
        response = requests.request(
            method,
            f"{workspace.host}/api/2.2/{path}",
            headers={"Authorization": f"Bearer {workspace.token}"},
            json=None if method == "GET" else {},
            timeout=DEADLINE,
        )
        is_found = response.ok or response.json()["error_code"] != "ENDPOINT_NOT_FOUND"
        assert is_found is is_served, endpoint


def test_jobs_api_table_has_every_endpoint_of_the_sdk() -> None:
    calls = re.findall(
        r'"(GET|POST|PUT|PATCH)", *f?"/api/2\.\d/((?:permissions/)?jobs[^"]*)"',
        inspect.getsource(jobs),
    )
    assert {f"{method} {path.replace('job_id', 'id')}" for method, path in calls} == set(JOBS_API)


def test_task_table_matches_what_runs() -> None:
    refused = {kind for kind in TASK_KINDS if "cannot run" in read_refusal(kind)}
    assert refused == {name for name, kind in TASK_KINDS.items() if kind.support is None}


def read_refusal(kind: str) -> str:
    """Return the error message for a task that has nothing except its kind."""
    no_context: Any = None
    try:
        build_work({"task_key": "only", kind: {}}, no_context)
    except CannotRun as refusal:
        return str(refusal)
    except Exception:  # the kind runs, but the task is incomplete
        return ""
    return ""
