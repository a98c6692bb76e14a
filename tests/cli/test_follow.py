"""``flask jobs follow``: what it prints, and how it stops."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs, maintenance
from flask_lakeflow_jobs.cli.follow import build_report
from flask_lakeflow_jobs.following.follower import Follower
from flask_lakeflow_jobs.maintenance import Maintenance
from tests.cli.conftest import RunFlask
from tests.support import DEADLINE


@pytest.fixture
def recorded_app(tmp_path: Path) -> Flask:
    app = Flask("app", instance_path=str(tmp_path))
    app.config["LAKEFLOW_JOBS_RECORD_URL"] = True
    LakeflowJobs(app, jobs={"etl": {"job_id": 1}})
    return app


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 130)],
    ids=["TERM", "INT", "HUP"],
)
def test_follow_stops_cleanly_at_a_signal(
    number: signal.Signals,
    exit_code: int,
    recorded_app: Flask,
    flask_jobs: RunFlask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = Follower.step
    maintained = threading.Event()
    monkeypatch.setattr(Maintenance, "run_forever", lambda self: maintained.set())

    def step_and_signal(self: Follower) -> float:
        delay = step(self)
        assert maintained.wait(DEADLINE)
        os.kill(os.getpid(), number)
        return delay

    monkeypatch.setattr(Follower, "step", step_and_signal)
    inherited = signal.signal(number, signal.SIG_DFL)  # ignored under nohup, for one
    try:
        result = flask_jobs("follow", of=recorded_app)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, inherited)
    assert result.exit_code == exit_code
    assert result.stderr.splitlines() == [
        "Following 0 runs.",
        "Stopped. Another process takes over the runs, if there is one.",
    ]
    state = recorded_app.extensions["lakeflow_jobs"]
    assert state.record.acquire_lease("follow", "other", 15.0)


def test_follow_without_a_thread_for_the_upkeep_follows(
    recorded_app: Flask, flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(call: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(maintenance, "start_thread", refuse)
    monkeypatch.setattr(Follower, "run", lambda self, report: report())
    result = flask_jobs("follow", of=recorded_app)
    assert result.exit_code == 0
    assert "Stopped." in result.stderr


def test_follow_without_a_record_names_the_keys(flask_jobs: RunFlask) -> None:
    result = flask_jobs("follow")
    assert result.exit_code == 2
    assert "This app has no record. Set LAKEFLOW_JOBS_RECORD_URL" in result.stderr


def test_follow_with_an_outdated_record_names_the_command(
    tmp_path: Path, flask_jobs: RunFlask
) -> None:
    app = Flask("app", instance_path=str(tmp_path))
    app.config["LAKEFLOW_JOBS_RECORD_URL"] = f"sqlite:///{tmp_path}/empty.sqlite3"
    LakeflowJobs(app, jobs={"etl": {"job_id": 1}})
    result = flask_jobs("follow", of=app)
    assert result.exit_code == 2
    assert "flask jobs record upgrade" in result.stderr


def test_report_prints_changes_only(capsys: pytest.CaptureFixture[str]) -> None:
    follower: Any = threading.local()
    report = build_report(follower)
    for follower.is_leading, follower.run_count in [
        (False, 0),
        (False, 0),
        (True, 0),
        (True, 1),
        (True, 1),
        (True, 2),
    ]:
        report()
    assert capsys.readouterr().err.splitlines() == [
        "Another process of the app follows its runs. Waiting to take over.",
        "Following 0 runs.",
        "Following 1 run.",
        "Following 2 runs.",
    ]
