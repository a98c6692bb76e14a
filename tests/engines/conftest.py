"""Workspaces whose tasks use Spark and dbt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.local.support import Client, write_bundle


@pytest.fixture(scope="session", autouse=True)
def skip_without_engines() -> None:
    if "CI" not in os.environ:
        pytest.importorskip("pysail")
        pytest.importorskip("dbt.adapters.duckdb")


@pytest.fixture(autouse=True)
def long_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for tasks that import pyspark, which takes many seconds on a busy machine."""
    monkeypatch.setattr("tests.support.DEADLINE", 600.0)


class EngineWorkspace:
    """A workspace that a test may stop and start again."""

    def __init__(self, folder: Path, jobs: Mapping[str, Any], files: Mapping[str, str]) -> None:
        (folder / "bundle").mkdir()
        self.bundle = write_bundle(folder / "bundle", jobs, files)
        self.folder = folder / "folder"
        self._stack = ExitStack()

    def start(self) -> Client:
        address = self._stack.enter_context(Workspace(self.bundle, self.folder))
        ids = {key: job.job_id for key, job in load_bundle(self.bundle).jobs.items()}
        return Client(address, ids)

    def stop(self) -> None:
        self._stack.close()


Create = Callable[[Mapping[str, Any], Mapping[str, str]], EngineWorkspace]


@pytest.fixture
def create(tmp_path: Path) -> Iterator[Create]:
    """A function that creates a workspace of jobs and files."""
    with ExitStack() as stack:

        def create(jobs: Mapping[str, Any], files: Mapping[str, str]) -> EngineWorkspace:
            workspace = EngineWorkspace(tmp_path, jobs, files)
            stack.callback(workspace.stop)
            return workspace

        yield create
