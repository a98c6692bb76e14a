"""Tasks without a workspace: their context, services and work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import load_bundle
from flask_lakeflow_jobs.local.environment import find_secrets
from flask_lakeflow_jobs.local.folder import WorkspaceFolder
from flask_lakeflow_jobs.local.tasks.context import TaskContext
from flask_lakeflow_jobs.local.tasks.files import WorkspaceFiles
from flask_lakeflow_jobs.local.tasks.kinds import build_work
from flask_lakeflow_jobs.local.tasks.packages import Packages
from flask_lakeflow_jobs.local.tasks.processes import TaskProcessFactory
from flask_lakeflow_jobs.local.tasks.spark import Spark
from flask_lakeflow_jobs.local.tasks.work import CannotRun, ProcessWork


def task_services(folder: Path, environment: Mapping[str, str] | None = None) -> TaskProcessFactory:
    """Return services that are not used."""
    packages = Packages(folder / "packages", is_enabled=False)
    return TaskProcessFactory(
        lambda: environment or {},
        lambda: frozenset(find_secrets(environment or {})),
        packages,
        Spark(folder / "spark", set),
    )


def context(folder: Path, **fields: Any) -> TaskContext:
    bundle = load_bundle(folder / "databricks.yml")
    return TaskContext(
        **{
            "settings": {},
            "packages": Packages(folder / "packages", is_enabled=False),
            "files": WorkspaceFiles(lambda: bundle, WorkspaceFolder(folder)),
            "run": {"runId": 5},
            **fields,
        }
    )


def payload(work: object) -> dict[str, Any]:
    assert isinstance(work, ProcessWork)
    return work.payload


def refusal(kind: str, body: Any, context: TaskContext) -> str:
    with pytest.raises(CannotRun) as caught:
        build_work({"task_key": "main", kind: body}, context)
    return str(caught.value)
