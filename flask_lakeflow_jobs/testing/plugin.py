"""Pytest fixtures for testing apps: a workspace, simulated jobs, faults and a clock.

Enable them in your ``conftest.py``: ``pytest_plugins = ["flask_lakeflow_jobs.testing.plugin"]``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from ..local import ManualClock, Workspace, load_bundle
from .fault_proxy import FaultyWorkspace

#: Shorter than the default, so that tests do not wait for the next poll.
POLL_INTERVAL_SECONDS = 0.1

SimulatedJob = Callable[..., int]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the pytest setting ``lakeflow_bundle``."""
    parser.addini(
        "lakeflow_bundle",
        "Path of the databricks.yml for the fixture lakeflow_workspace, from the root folder.",
        default="databricks.yml",
    )


@pytest.fixture(scope="session")
def lakeflow_bundle(pytestconfig: pytest.Config) -> Path:
    """The path of the workspace's bundle: the setting ``lakeflow_bundle``."""
    path: Path = pytestconfig.rootpath / pytestconfig.getini("lakeflow_bundle")
    if not path.is_file():
        raise pytest.UsageError(
            f"The bundle {path} does not exist. Set 'lakeflow_bundle' to the path of a"
            " databricks.yml, or override the fixture lakeflow_bundle."
        )
    return path


@pytest.fixture
def lakeflow_clock() -> ManualClock:
    """The workspace's clock in tests that use it. It stands still until you advance it."""
    return ManualClock()


@pytest.fixture
def lakeflow_workspace(
    request: pytest.FixtureRequest, lakeflow_bundle: Path, tmp_path: Path
) -> Iterator[FaultyWorkspace]:
    """A workspace for one test, behind a fault proxy."""
    has_clock = "lakeflow_clock" in request.fixturenames
    clock = request.getfixturevalue("lakeflow_clock") if has_clock else None
    with (
        Workspace(lakeflow_bundle, tmp_path / "lakeflow", clock=clock) as address,
        FaultyWorkspace(address) as workspace,
    ):
        yield workspace


@pytest.fixture
def lakeflow_settings(
    lakeflow_workspace: FaultyWorkspace, lakeflow_bundle: Path
) -> Mapping[str, Any]:
    """The settings for ``app.config``: the workspace's address and the jobs of its bundle."""
    jobs = load_bundle(lakeflow_bundle).jobs
    return {
        "DATABRICKS_HOST": lakeflow_workspace.host,
        "DATABRICKS_TOKEN": lakeflow_workspace.token,
        "LAKEFLOW_JOBS_POLL_INTERVAL": POLL_INTERVAL_SECONDS,
        "LAKEFLOW_JOBS": {key: {"job_id": job.job_id} for key, job in jobs.items()},
    }


@pytest.fixture
def simulated_job(lakeflow_workspace: FaultyWorkspace) -> SimulatedJob:
    """Create a job with one notebook that runs no code: ``simulated_job(output="42 rows")``.

    The keywords are the fields of a simulation, see :mod:`flask_lakeflow_jobs.local.simulation`.
    The result is the id of the job.
    """

    def create(name: str = "simulated", **simulation: Any) -> int:
        settings = {
            "name": name,
            "max_concurrent_runs": 1000,
            "tags": {"local_simulation": json.dumps({"seconds": 0, **simulation})},
            "tasks": [{"task_key": "only", "notebook_task": {"notebook_path": "/only"}}],
        }
        request = Request(  # noqa: S310
            f"{lakeflow_workspace.host}/api/2.2/jobs/create",
            json.dumps(settings).encode(),
            {
                "Authorization": f"Bearer {lakeflow_workspace.token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with build_opener(ProxyHandler({})).open(request) as response:
                return int(json.load(response)["job_id"])
        except HTTPError as error:
            with error:
                raise ValueError(json.load(error)["message"]) from None

    return create
