"""Local workspaces in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import Clock, ManualClock, Workspace, load_bundle, stop_workspace
from tests.local.support import Client, python_task, simulated_job, simulated_task, write_bundle

Serve = Callable[..., Client]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A function that starts a workspace with jobs and files, and returns a client of it."""
    with ExitStack() as stack:

        def start(
            jobs: Mapping[str, Any],
            files: Mapping[str, str] | None = None,
            *,
            clock: Clock | None = None,
        ) -> Client:
            path = write_bundle(tmp_path / "bundle", jobs, files or {})
            address = stack.enter_context(Workspace(path, tmp_path / "folder", clock=clock))
            ids = {key: job.job_id for key, job in load_bundle(path).jobs.items()}
            return Client(address, ids)

        (tmp_path / "bundle").mkdir()
        yield start


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``module_client``."""
    return tmp_path_factory.mktemp("module")


@pytest.fixture(scope="module")
def module_client(module_folder: Path) -> Iterator[Client]:
    """A client of one workspace for the tests of a module that leave it as it was."""
    jobs = {"etl": simulated_job(simulated_task("main"))}
    path = write_bundle(module_folder, jobs, {})
    with Workspace(path, module_folder / "folder") as address:
        ids = {key: job.job_id for key, job in load_bundle(path).jobs.items()}
        yield Client(address, ids)


@pytest.fixture
def clock() -> ManualClock:
    """A clock for a workspace."""
    return ManualClock()


@pytest.fixture
def etl_jobs() -> dict[str, Any]:
    """The simulated job ``etl``, which succeeds at once."""
    return {"etl": {**simulated_job(simulated_task("main")), "max_concurrent_runs": 1000}}


@pytest.fixture
def client(serve: Serve, etl_jobs: dict[str, Any]) -> Client:
    """A client of a workspace with the simulated job ``etl``."""
    return serve(etl_jobs)


@pytest.fixture
def etl_bundle(tmp_path: Path) -> Path:
    """A bundle with the jobs ``etl`` and ``my-job``, which print "hello"."""
    job = {"tasks": [python_task("main", existing_cluster_id="x")]}
    (tmp_path / "bundle").mkdir()
    files = {"main.py": "print('hello')"}
    return write_bundle(tmp_path / "bundle", {"etl": job, "my-job": job}, files)


@pytest.fixture
def workspace_folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a workspace, which is stopped after the test."""
    path = tmp_path / "instance" / "workspace"
    yield path
    stop_workspace(path)
