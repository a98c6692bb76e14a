"""Sending signals to the receivers of an app."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import run_canceled, run_changed, run_finished, run_triggered, signals
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.watching.snapshot import Snapshot, StateId
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.run_documents import build_job

ALL = [run_triggered, run_changed, run_finished, run_canceled]


@pytest.mark.parametrize("signal", ALL)
def test_send_passes_the_app_and_the_payload(signal: Any) -> None:
    app = Flask(__name__)
    received: list[tuple[Flask, dict[str, Any]]] = []

    def receiver(sender: Flask, *, job: str, **extra: Any) -> None:
        received.append((sender, {"job": job, **extra}))

    with signal.connected_to(receiver, app):
        signals.send(signal, app, job="etl", run_id=5)
    signals.send(signal, app, job="etl", run_id=6)
    assert received == [(app, {"job": "etl", "run_id": 5})]


def test_send_calls_only_receivers_of_the_app() -> None:
    app, other = Flask("app"), Flask("other")
    received_ids: list[int] = []
    with run_changed.connected_to(lambda _, **extra: received_ids.append(extra["run_id"]), app):
        signals.send(run_changed, other, run_id=1)
        signals.send(run_changed, app, run_id=2)
    assert received_ids == [2]


@pytest.mark.parametrize("failure", [RuntimeError, SystemExit, asyncio.CancelledError])
def test_send_logs_a_failing_receiver_and_calls_the_others(
    failure: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask(__name__)
    received_ids: list[str] = []

    def failing(_: Flask, **__: Any) -> None:
        received_ids.append("failing")
        raise failure("the receiver's own")

    def well(_: Flask, **__: Any) -> None:
        received_ids.append("well")

    with (
        run_finished.connected_to(failing, app),
        run_finished.connected_to(well, app),
        caplog.at_level(logging.ERROR),
    ):
        signals.send(run_finished, app)
    assert sorted(received_ids) == ["failing", "well"]
    assert "lakeflow-run-finished" in caplog.text
    assert "the receiver's own" in caplog.text


def test_send_raises_an_interrupt_after_it_has_called_the_other_receivers() -> None:
    app = Flask(__name__)
    calls: list[None] = []

    def interrupted(_: Flask, **__: Any) -> None:
        calls.append(None)
        raise KeyboardInterrupt

    def also_interrupted(_: Flask, **__: Any) -> None:
        interrupted(app)

    with (
        run_finished.connected_to(interrupted, app),
        run_finished.connected_to(also_interrupted, app),
        pytest.raises(KeyboardInterrupt),
    ):
        signals.send(run_finished, app)
    assert len(calls) == 2


def test_signals_have_distinct_names() -> None:
    assert len({signal.name for signal in ALL}) == len(ALL)


def test_state_is_restored_only_for_a_receiver_of_it(app: Flask) -> None:
    """It needs the SDK, whose import would keep the viewers of a new process waiting."""
    restored: list[dict[str, Any]] = []
    hub = app.extensions["lakeflow_jobs"].hub

    def restore(document: dict[str, Any]) -> Any:
        restored.append(document)

    def dispatch(done: int) -> None:
        state_id = StateId(attempts=0, rank=2, done=done, digest="0" * 12)
        snapshot = Snapshot(state_id, f'{{"done": {done}}}', restore)
        hub._dispatcher.dispatch(RunKey(APP, build_job(), 1), snapshot)

    dispatch(1)
    with run_changed.connected_to(lambda _, **extra: None, app):
        dispatch(2)
    assert restored == [{"done": 2}]
