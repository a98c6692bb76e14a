"""A folder, a workspace and an app for each page of the book."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from flask_lakeflow_jobs import JobConfig, LakeflowJobs
from flask_lakeflow_jobs.job_config import env_name
from flask_lakeflow_jobs.local import Address, Workspace, load_bundle

BUNDLE = Path(__file__).parent / "bundle" / "databricks.yml"


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The embedded workspace, with the jobs that the book speaks of."""
    with Workspace(BUNDLE, tmp_path_factory.mktemp("workspace")) as address:
        yield address


@pytest.fixture
def folder(
    _no_settings_from_outside: None,
    workspace: Address,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Where a page's files are; in its environment the workspace and its jobs are set."""
    monkeypatch.setenv("DATABRICKS_HOST", workspace.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace.token)
    for key, job in load_bundle(BUNDLE).jobs.items():
        monkeypatch.setenv(env_name(key), str(job.job_id))
    monkeypatch.setenv("LAKEFLOW_JOBS_POLL_INTERVAL", "0.25")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:  # pages may have files of the same name
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def page_app(folder: Path) -> Flask:
    """The app that is current while the examples of a page run."""
    app = Flask("page", instance_path=str(folder / "instance"))
    LakeflowJobs(app, jobs={"etl": JobConfig(task_type="job"), "report": JobConfig()})
    return app
