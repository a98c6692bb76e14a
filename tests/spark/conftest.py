"""A workspace whose tasks use Spark."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.local.support import Client, write_bundle


@pytest.fixture(scope="session", autouse=True)
def _skip_without_sail() -> None:
    if "CI" not in os.environ:
        pytest.importorskip("pysail")


@pytest.fixture(autouse=True)
def _long_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for tasks that import pyspark, which takes many seconds on a busy machine."""
    monkeypatch.setattr("tests.support.DEADLINE", 1200.0)


class SparkWorkspace:
    """A workspace that a test may stop and start again."""

    def __init__(self, folder: Path, jobs: Mapping[str, Any], files: Mapping[str, str]) -> None:
        self.bundle = folder / "bundle"
        self.bundle.mkdir()
        self.path = write_bundle(self.bundle, jobs, files)
        self.folder = folder / "the app"  # Spark escapes a space twice, so it must not see it
        self._stack = ExitStack()

    @property
    def spark_folder(self) -> Path:
        return self.folder / "spark"

    def start(self) -> Client:
        address = self._stack.enter_context(Workspace(self.path, self.folder))
        ids = {key: job.job_id for key, job in load_bundle(self.path).jobs.items()}
        return Client(address, ids)

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture
def workspaces(tmp_path: Path) -> Iterator[Any]:
    """A function that creates a workspace of jobs and files."""
    with ExitStack() as stack:

        def create(jobs: Mapping[str, Any], files: Mapping[str, str]) -> SparkWorkspace:
            workspace = SparkWorkspace(tmp_path, jobs, files)
            stack.callback(workspace.stop)
            return workspace

        yield create
