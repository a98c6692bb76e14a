"""The old Databricks CLI from PyPI, over the Jobs API 2.1.

It drops the port from the address of its workspace, so it uses the local one as an HTTP proxy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.conftest import Install
from tests.clients.support import WorkspaceProcess, run_program
from tests.support import wait_until

Databricks = Callable[..., str]


@pytest.fixture
def databricks(install_from_pypi: Install, workspace: WorkspaceProcess) -> Databricks:
    """A function that runs a command and returns what it prints."""
    program = install_from_pypi("databricks-cli", "databricks-cli").with_name("databricks")
    environ = {
        "http_proxy": workspace.host,
        "DATABRICKS_HOST": "http://workspace.local",
        "DATABRICKS_TOKEN": workspace.token,
    }
    return lambda *command: run_program([program, *map(str, command)], environ)


def test_jobs_are_listed_and_read(databricks: Databricks, workspace: WorkspaceProcess) -> None:
    listed = databricks("jobs", "list", "--version=2.1", "--all")
    assert [str(workspace.job_id("etl")), "etl"] in [line.split() for line in listed.splitlines()]
    job = json.loads(databricks("jobs", "get", "--job-id", workspace.job_id("etl")))
    assert job["settings"]["name"] == "etl"


def test_run_is_started_and_read(databricks: Databricks, workspace: WorkspaceProcess) -> None:
    run_id = start(databricks, workspace.job_id("etl"))
    run = ended(databricks, run_id)
    assert run["state"]["result_state"] == "SUCCESS"
    assert str(run_id) in databricks(
        "runs", "list", "--version=2.1", "--job-id", workspace.job_id("etl")
    )
    extract, load = (output(databricks, task["run_id"]) for task in run["tasks"])
    assert extract["logs"] == "extracted 2013-01-01\n"
    assert load["notebook_output"]["result"] == "loaded 2013-01-01"


def test_run_is_canceled(databricks: Databricks, workspace: WorkspaceProcess) -> None:
    run_id = start(databricks, workspace.job_id("endless"))
    databricks("runs", "cancel", "--version=2.1", "--run-id", run_id)
    assert ended(databricks, run_id)["state"]["result_state"] == "CANCELED"


def start(databricks: Databricks, job_id: int) -> int:
    started = json.loads(databricks("jobs", "run-now", "--version=2.1", "--job-id", job_id))
    return int(started["run_id"])


def ended(databricks: Databricks, run_id: int) -> Any:
    def run() -> Any:
        run = json.loads(databricks("runs", "get", "--version=2.1", "--run-id", run_id))
        return run if "result_state" in run["state"] else None

    return wait_until(run, f"The end of run {run_id}")


def output(databricks: Databricks, run_id: int) -> Any:
    return json.loads(databricks("runs", "get-output", "--version=2.1", "--run-id", run_id))
