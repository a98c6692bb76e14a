"""A folder, a workspace and an app for each page of the documentation."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from flask_lakeflow_jobs.config.jobs import build_env_name
from flask_lakeflow_jobs.local import Address, Workspace, load_bundle, stop_workspace
from tests.docs import docs_app

BUNDLE = Path(__file__).parent / "bundle" / "databricks.yml"


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The local workspace, with the jobs of the documentation."""
    with Workspace(BUNDLE, tmp_path_factory.mktemp("workspace")) as address:
        yield address


@pytest.fixture
def folder(
    _clean_environment: None,
    workspace: Address,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """The folder of a page's files, with the workspace and its jobs in the environment."""
    monkeypatch.setenv("DATABRICKS_HOST", workspace.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace.token)
    for key, job in load_bundle(BUNDLE).jobs.items():
        monkeypatch.setenv(build_env_name(key), str(job.job_id))
    monkeypatch.setenv("LAKEFLOW_JOBS_POLL_INTERVAL", "0.1")
    shutil.copy(docs_app.__file__, tmp_path / "app.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:  # pages may have files of the same name
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def page_app(folder: Path) -> Flask:
    """The current app while the examples of a page run."""
    return docs_app.create_app()


@pytest.fixture
def own_bundle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A function that removes the shared workspace, so that commands use the page's own bundle."""

    def unset_shared_workspace() -> None:
        for name in [name for name in os.environ if name.startswith("DATABRICKS_")]:
            monkeypatch.delenv(name)

    yield unset_shared_workspace
    stop_workspace(folder / "instance" / "lakeflow")
