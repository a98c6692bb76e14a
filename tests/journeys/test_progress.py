"""Progress: a run reports it with its own token, and viewers see it in every process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import (
    RunStatus,
    current_jobs,
    run_changed,
)
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.progress_reports import (
    SETTINGS,
    progress_of,
    send_report,
    start_run,
    stream_of,
    token_of,
)
from tests.support import RunGate, wait_until


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(**SETTINGS)


@pytest.fixture
def shared_cache(tmp_path: Path) -> dict[str, Any]:
    """The settings of a cache that several apps share."""
    cache = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(tmp_path / "cache")}
    return {"LAKEFLOW_JOBS_CACHE": cache}


def test_report_with_the_token_of_the_run_is_in_its_events(app: Flask, run_gate: RunGate) -> None:
    run_id = start_run(app, run_gate.params)
    assert progress_of(app, run_id) is None
    assert send_report(app, run_id, token_of(app, run_id)).status_code == 204
    progress = progress_of(app, run_id)
    shown = {"percent": 40, "message": "4 of 10 files", "task": "wait"}
    timestamp = progress["timestamp"]
    assert progress == {
        **shown,
        "timestamp": timestamp,
        "tasks": {"wait": {**shown, "timestamp": timestamp}},
    }


@pytest.mark.parametrize("cache", ["SimpleCache", "NullCache"])  # which is as one that fails
def test_report_reaches_a_viewer_without_a_poll(
    cache: str,
    make_app: MakeApp,
    run_gate: RunGate,
    stopped_clock: FakeClock,
    fault_proxy: FaultyWorkspace,
    in_threads: Callable[..., Any],
) -> None:
    app = make_app(
        LAKEFLOW_JOBS_POLL_INTERVAL=600,
        LAKEFLOW_JOBS_CACHE={"CACHE_TYPE": cache, "CACHE_NO_NULL_WARNING": True},
        clock=stopped_clock,
        **SETTINGS,
    )
    run_id = start_run(app, run_gate.params)
    states = follow(app, run_id, in_threads)
    token = token_of(app, run_id)
    reads = []
    for percent in (1, 2, 3):
        send_report(app, run_id, token, {"percent": percent})
        wait_until(lambda: percents_of(states)[-1:] == [percent], "the report")  # noqa: B023
        reads.append(len(fault_proxy.find_requests("GET", "runs/get")))
        stopped_clock.sleep(1.0)
    assert percents_of(states) == [1, 2, 3]
    assert reads[0] == reads[-1]  # the first report reads the run once
    end(run_gate, states, stopped_clock)
    assert states[-1].progress is None


def follow(app: Flask, run_id: int, in_threads: Callable[..., Any]) -> list[RunStatus]:
    """Watch a run in a thread; return the list of its states so far."""
    states: list[RunStatus] = []

    def watch() -> None:
        with app.app_context():
            for status in current_jobs["gated"].watch(run_id, timeout=1e6):
                states.append(status)

    in_threads(watch)
    wait_until(lambda: states, "the first state")
    return states


def percents_of(states: list[RunStatus]) -> list[float]:
    return [status.progress.percent for status in states if status.progress is not None]


def end(run_gate: RunGate, states: list[RunStatus], clock: FakeClock) -> None:
    """Let a run end, and its viewers know it."""
    run_gate.open()

    def has_ended() -> bool:
        clock.sleep(700.0)
        return states[-1].is_terminal

    wait_until(has_ended, "the end of the run")


def test_report_reaches_viewers_of_other_processes(
    make_app: MakeApp,
    run_gate: RunGate,
    stopped_clock: FakeClock,
    shared_cache: dict[str, Any],
    in_threads: Callable[..., Any],
) -> None:
    watching, receiving = (
        make_app(LAKEFLOW_JOBS_POLL_INTERVAL=600, clock=stopped_clock, **shared_cache, **SETTINGS)
        for _ in range(2)
    )
    run_id = start_run(watching, run_gate.params)
    states = follow(watching, run_id, in_threads)
    send_report(receiving, run_id, token_of(receiving, run_id))
    assert percents_of(states) == []

    def has_arrived() -> bool:
        stopped_clock.sleep(0.2)  # far less than an interval of polls altogether
        return percents_of(states) == [40]

    wait_until(has_arrived, "the report")
    end(run_gate, states, stopped_clock)


def test_report_of_the_run_as_a_whole_comes_first(app: Flask, run_gate: RunGate) -> None:
    run_id = start_run(app, run_gate.params)
    token = token_of(app, run_id)
    send_report(app, run_id, token, {"percent": 10.0, "message": "all"})
    send_report(app, run_id, token, {"percent": 99.5, "task": "wait"})
    progress = progress_of(app, run_id)
    assert (progress["percent"], progress["message"], progress["task"]) == (10, "all", None)
    assert progress["tasks"]["wait"]["percent"] == 99.5


def test_report_changes_the_id_of_the_event(app: Flask, run_gate: RunGate) -> None:
    run_id = start_run(app, run_gate.params)
    token, client = token_of(app, run_id), app.test_client()
    wait_until(lambda: "RUNNING" in client.get(stream_of(run_id)).text, "the start of the task")

    def read_id(last_id: str = "") -> str:
        text = client.get(stream_of(run_id), headers={"Last-Event-ID": last_id}).text
        return next((line[4:] for line in text.splitlines() if line.startswith("id: ")), "")

    ids = [wait_until(read_id, "an event")]
    for percent in (1, 2):
        send_report(app, run_id, token, {"percent": percent})
        ids.append(wait_until(lambda: read_id(ids[-1]), "an event with progress"))
    assert len(set(ids)) == 3
    assert read_id(ids[-1]) == ""


def test_status_and_signal_carry_progress(app: Flask, run_gate: RunGate) -> None:
    run_id = start_run(app, run_gate.params)
    changes: list[RunStatus] = []

    def receive(sender: Flask, status: RunStatus, **_: Any) -> None:
        changes.append(status)

    with run_changed.connected_to(receive, sender=app):
        send_report(app, run_id, token_of(app, run_id))
        progress_of(app, run_id)
        wait_until(lambda: changes and changes[-1].progress, "a signal with progress")
    with app.app_context():
        status = current_jobs["gated"].status(run_id)
        assert status.progress is not None
        assert (status.progress.percent, status.progress.tasks["wait"].task) == (40, "wait")
