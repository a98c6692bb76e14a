"""Pytest fixtures for the tests of apps: a workspace, simulated jobs, faults, a clock.

Name it in your ``conftest.py``: ``pytest_plugins = ["flask_lakeflow_jobs.testing.plugin"]``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from ..local import ManualClock, Workspace, load_bundle
from .fault_proxy import FaultyWorkspace

#: Seconds between two looks at a run that goes on, so that tests need not wait for the default.
POLL_INTERVAL = 0.1

SimulatedJob = Callable[..., int]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that names the bundle."""
    parser.addini(
        "lakeflow_bundle",
        "The databricks.yml of the fixture lakeflow_workspace, from the root of the tests.",
        default="databricks.yml",
    )


@pytest.fixture(scope="session")
def lakeflow_bundle(pytestconfig: pytest.Config) -> Path:
    """The bundle whose jobs the workspace has: the setting ``lakeflow_bundle``, or override it."""
    path: Path = pytestconfig.rootpath / pytestconfig.getini("lakeflow_bundle")
    if not path.is_file():
        raise pytest.UsageError(
            f"There is no bundle {path}. Set 'lakeflow_bundle' to the path of a databricks.yml, or"
            " override the fixture of that name."
        )
    return path


@pytest.fixture
def lakeflow_clock() -> ManualClock:
    """The workspace's time, for tests that ask for it: it stands still until it is advanced."""
    return ManualClock()


@pytest.fixture
def lakeflow_workspace(
    request: pytest.FixtureRequest, lakeflow_bundle: Path, tmp_path: Path
) -> Iterator[FaultyWorkspace]:
    """A workspace of the test's own, that records what it is asked and fails when it is told to."""
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
    """What ``app.config`` needs: where the workspace is, and the jobs of its bundle."""
    jobs = load_bundle(lakeflow_bundle).jobs
    return {
        "DATABRICKS_HOST": lakeflow_workspace.host,
        "DATABRICKS_TOKEN": lakeflow_workspace.token,
        "LAKEFLOW_JOBS_POLL_INTERVAL": POLL_INTERVAL,
        "LAKEFLOW_JOBS": {key: {"job_id": job.job_id} for key, job in jobs.items()},
    }


@pytest.fixture
def simulated_job(lakeflow_workspace: FaultyWorkspace) -> SimulatedJob:
    """Create a job with one task that runs no code: ``simulated_job(seconds=2, result="FAILED")``.

    The keywords are the fields of a simulation, see :mod:`flask_lakeflow_jobs.local.simulation`.
    The result is the id of the job.
    """

    def create(name: str = "simulated", **simulation: Any) -> int:
        settings = {
            "name": name,
            "max_concurrent_runs": 1000,
            "tags": {"local_simulation": json.dumps({"seconds": 0, **simulation})},
            "tasks": [{"task_key": "only", "spark_python_task": {"python_file": "only.py"}}],
        }
        request = Request(  # noqa: S310
            f"{lakeflow_workspace.host}/api/2.2/jobs/create",
            json.dumps(settings).encode(),
            {
                "Authorization": f"Bearer {lakeflow_workspace.token}",
                "Content-Type": "application/json",
            },
        )
        with urlopen(request) as answer:  # noqa: S310
            return int(json.load(answer)["job_id"])

    return create
