"""Apps for ``flask jobs doctor``, and access to its findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.cli.doctor.findings import Level
from tests.cli.conftest import CommandResult, RunFlask
from tests.conftest import MakeApp


class DoctorResult(CommandResult):
    """The result of ``flask jobs doctor --json``."""

    def select(self, about: str, level: Level = Level.ERROR) -> list[dict[str, Any]]:
        """Return the findings about something."""
        return [
            finding
            for finding in self.document["findings"]
            if finding["about"] == about and finding["level"] == level.value
        ]

    def select_one(self, about: str, level: Level = Level.ERROR) -> dict[str, Any]:
        (finding,) = self.select(about, level)
        return finding


#: Runs the doctor of an app with more arguments.
RunDoctor = Callable[..., DoctorResult]


@pytest.fixture
def doctor(flask_jobs: RunFlask) -> RunDoctor:
    """Run ``flask jobs doctor --json`` for an app, with a server that holds streams."""

    def run(app: Flask, *arguments: str) -> DoctorResult:
        server = "gunicorn -k gthread --threads 64 app:app"
        result = flask_jobs("doctor", "--json", "--server", server, *arguments, of=app)
        return DoctorResult(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def make_app(tmp_path: Path) -> MakeApp:
    """Make an app in a folder of its own."""

    def make(config: Mapping[str, Any] | None = None, **options: Any) -> Flask:
        app = Flask("sound", instance_path=str(tmp_path / "i"), root_path=str(tmp_path / "app"))
        app.config.update(config or {})
        options.setdefault("jobs", {"etl": {"task_type": "job"}, "held": {"task_type": "job"}})
        LakeflowJobs(app, **options)
        return app

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without ``app.yaml``."""
    monkeypatch.chdir(tmp_path)
