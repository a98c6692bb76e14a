"""Ends of runs with the record: recorded once, and delivered by any process of the app."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import RunStatus, current_jobs, run_changed, run_finished, run_repaired
from flask_lakeflow_jobs.following.ends import EndRecorder
from flask_lakeflow_jobs.following.follower import Follower
from flask_lakeflow_jobs.record.recorded_runs import RunFilter
from flask_lakeflow_jobs.record.values import RowState
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from tests.conftest import MakeApp
from tests.records import record_of, state_of
from tests.support import DEADLINE, RunGate, wait_until


@pytest.fixture
def make_process(make_app: MakeApp, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """A function that creates the app again, as another process has it. All share a record."""
    apps = []

    def make(**options: Any) -> Flask:
        app = make_app(LAKEFLOW_JOBS_RECORD_URL=f"sqlite:///{tmp_path}/record.sqlite3", **options)
        record_of(app)._upgrades_itself = True
        apps.append(app)
        return app

    yield make
    for app in apps:
        state_of(app).ends.stop()


class Receiver:
    """A receiver that several processes have under one name."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.failures = 0

    def connect(self, *apps: Flask) -> None:
        for app in apps:
            run_finished.connect(self.receive, app)

    def receive(self, sender: Flask, **payload: Any) -> None:
        self.calls.append(payload)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("The receiver's own.")


@contextmanager
def following(app: Flask) -> Iterator[Follower]:
    """Follow runs in a thread during the block."""
    follower = state_of(app).build_follower()
    thread = threading.Thread(target=follower.run)
    thread.start()
    try:
        yield follower
    finally:
        follower.stop()
        thread.join()


def start_run(app: Flask, job: str = "never", params: Any = None) -> int:
    """Start a run that is recorded and that nobody views."""
    with app.app_context():
        return current_jobs[job].run_now(params).run_id


@pytest.fixture
def app_that_polls_slowly(make_process: Callable[..., Flask]) -> Iterator[Flask]:
    """An app whose polling thread is busy with the end of a run until the test is over."""
    app, is_over = make_process(), threading.Event()

    def occupy(sender: Flask, *, status: RunStatus, **_: Any) -> None:
        if status.is_terminal:
            is_over.wait(DEADLINE)

    run_changed.connect(occupy, app)
    yield app
    is_over.set()


class TestScript:
    """A process that waits for its run and is over then, before its polling thread."""

    def test_wait_records_the_end_that_it_returns(self, app_that_polls_slowly: Flask) -> None:
        with app_that_polls_slowly.app_context():
            status = current_jobs["never"].run_now().wait()
        (run,) = record_of(app_that_polls_slowly).list_runs()
        assert (run.state, run.outcome) == (RowState.ENDED, status.outcome)

    def test_coroutine_records_the_end_that_it_yields(self, app_that_polls_slowly: Flask) -> None:
        async def follow() -> list[RunStatus]:
            return [status async for status in current_jobs["never"].run_and_wait()]

        with app_that_polls_slowly.app_context():
            *_, status = asyncio.run(follow())
        (run,) = record_of(app_that_polls_slowly).list_runs()
        assert (run.state, run.outcome) == (RowState.ENDED, status.outcome)


class TestWithoutViewers:
    def test_end_is_recorded_and_delivered_once_by_one_of_two_processes(
        self, make_process: Callable[..., Flask], run_gate: RunGate
    ) -> None:
        first, second, receiver = make_process(), make_process(), Receiver()
        receiver.connect(first, second)
        with following(first) as leading, following(second) as waiting:
            run_id = start_run(second, "gated", run_gate.params)
            wait_until(lambda: leading.run_count + waiting.run_count == 1, "following")
            run_gate.open()
            wait_until(lambda: receiver.calls, "delivery")
        (call,) = receiver.calls
        assert (call["job"], call["run_id"]) == ("gated", run_id)
        assert isinstance(call["status"], RunStatus)
        assert call["status"].outcome == "succeeded"
        assert record_of(first).list_undelivered() == []
        (run,) = record_of(second).list_runs()
        assert (run.run_id, run.outcome, run.ends) == (run_id, "succeeded", 1)

    def test_error_of_the_record_is_that_of_the_task_that_failed(
        self, make_process: Callable[..., Flask]
    ) -> None:
        app = make_process()
        with following(app):
            start_run(app, "failing")
            error = "broken: ValueError: the boat is leaking"
            wait_until(lambda: record_of(app).list_runs()[0].error == error, "the root cause")

    def test_refusals_of_the_workspace_delay_the_end_and_lose_none(
        self,
        make_process: Callable[..., Flask],
        fault_proxy: FaultyWorkspace,
        run_gate: RunGate,
    ) -> None:
        app, receiver = make_process(), Receiver()
        receiver.connect(app)
        run_ids = {start_run(app, "gated", run_gate.params) for _ in range(3)}
        for status in (429, 503):
            fault_proxy.fail(Refusal(status), method="GET", times=5)
        run_gate.open()
        with following(app):
            wait_until(lambda: len(receiver.calls) == 3, "deliveries")
        assert {call["run_id"] for call in receiver.calls} == run_ids
        assert len({call["delivery_id"] for call in receiver.calls}) == 3

    def test_run_that_was_started_elsewhere_is_found_and_delivered(
        self, make_process: Callable[..., Flask], make_app: MakeApp, run_gate: RunGate
    ) -> None:
        jobs = {"gated": {"of": "gated", "task_type": "job", "follow": "all"}}
        app, receiver = make_process(jobs=jobs), Receiver()
        receiver.connect(app)
        with following(app):
            run_id = start_run(make_app(), "gated", run_gate.params)  # of another app
            wait_until(
                lambda: run_id in [run.run_id for run in record_of(app).list_runs()], "search"
            )
            run_gate.open()
            wait_until(lambda: run_id in [call["run_id"] for call in receiver.calls], "delivery")
        (run,) = [run for run in record_of(app).list_runs() if run.run_id == run_id]
        assert run.source == "found"

    @pytest.mark.parametrize(
        ("key", "jobs"),
        [
            ("renamed", {"gated": {"of": "quick"}, "renamed": {"of": "gated", "task_type": "job"}}),
            ("gated", {"gated": {"of": "quick"}}),
        ],
        ids=["another key", "another id"],
    )
    def test_run_of_a_job_that_has_another_key_or_id_now_is_followed_to_its_end(
        self,
        make_process: Callable[..., Flask],
        run_gate: RunGate,
        key: str,
        jobs: dict[str, Any],
    ) -> None:
        run_id = start_run(make_process(), "gated", run_gate.params)
        app, receiver = make_process(jobs=jobs), Receiver()
        receiver.connect(app)
        with following(app):
            run_gate.open()
            wait_until(lambda: receiver.calls, "delivery")
        (call,) = receiver.calls
        assert (call["job"], call["run_id"]) == (key, run_id)

    def test_run_that_was_repaired_elsewhere_is_followed_to_its_next_end(
        self,
        make_process: Callable[..., Flask],
        make_app: MakeApp,
        run_gate: RunGate,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("flask_lakeflow_jobs.following.run_finder.REPAIRED_SECONDS", 0)
        jobs = {"gated": {"of": "gated", "task_type": "job", "follow": "all"}}
        app, other, receiver = make_process(jobs=jobs), make_app(), Receiver()
        receiver.connect(app)

        def outcomes() -> list[str]:
            calls = [call for call in receiver.calls if call["run_id"] == run_id]
            return [str(call["status"].outcome) for call in calls]

        with following(app):
            run_id = start_run(app, "gated", run_gate.params)
            with other.app_context():
                current_jobs["gated"].cancel_run(run_id)
                wait_until(outcomes, "first end")
                current_jobs["gated"].repair_run(run_id)
            unfinished = RunFilter(state=RowState.STARTED)
            wait_until(
                lambda: run_id in [run.run_id for run in record_of(app).list_runs(unfinished)],
                "repair",
            )
            run_gate.open()
            wait_until(lambda: len(outcomes()) == 2, "second end")
        assert outcomes() == ["canceled", "succeeded"]
        (run,) = [run for run in record_of(app).list_runs() if run.run_id == run_id]
        assert (run.outcome, run.ends) == ("succeeded", 2)


class TestDelivery:
    def test_many_viewers_in_two_processes_get_one_delivery(
        self, make_process: Callable[..., Flask]
    ) -> None:
        first, second, receiver = make_process(), make_process(), Receiver()
        receiver.connect(first, second)
        run_id = start_run(first)
        for app in (first, second, first):
            with app.app_context():
                current_jobs["never"].wait(run_id)
        wait_until(lambda: receiver.calls, "delivery")
        self.settle(first, second)
        assert len(receiver.calls) == 1

    def test_receiver_that_raises_gets_the_same_id_from_another_process(
        self, make_process: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flask_lakeflow_jobs.following.delivery.FIRST_RETRY_SECONDS", 0.2)
        first, second, receiver = make_process(), make_process(), Receiver()
        receiver.connect(first, second)
        receiver.failures = 1
        run_id = start_run(first)
        with first.app_context():
            current_jobs["never"].wait(run_id)
        wait_until(lambda: receiver.calls, "first attempt")
        state_of(first).ends.stop()
        second_ends = state_of(second).ends
        assert isinstance(second_ends, EndRecorder)
        second_ends.outbox.wake()
        wait_until(lambda: len(receiver.calls) > 1, "second attempt")
        self.settle(second)
        one, two = receiver.calls
        assert one["delivery_id"] == two["delivery_id"]
        assert one["status"].to_dict() == two["status"].to_dict()

    def test_status_of_a_delivery_has_no_secrets(
        self, make_process: Callable[..., Flask], tmp_path: Path
    ) -> None:
        app, receiver = make_process(), Receiver()
        receiver.connect(app)
        receiver.failures = 1
        run_id = start_run(app, "never", {"api_token": "hunter2"})
        with app.app_context():
            current_jobs["never"].wait(run_id)
        wait_until(lambda: receiver.calls, "delivery")
        assert "hunter2" not in json.dumps(receiver.calls[0]["status"].to_dict())
        for file in tmp_path.glob("record.sqlite3*"):
            assert b"hunter2" not in file.read_bytes()

    def test_run_that_is_not_recorded_is_signaled_as_without_a_record(
        self, make_process: Callable[..., Flask], make_app: MakeApp
    ) -> None:
        app, receiver = make_process(), Receiver()
        receiver.connect(app)
        run_id = start_run(make_app())
        with app.app_context():
            current_jobs["never"].wait(run_id)
        wait_until(lambda: receiver.calls, "signal")
        assert "delivery_id" not in receiver.calls[0]

    @staticmethod
    def settle(*apps: Flask) -> None:
        """Wait until each outbox has had its turn."""
        for app in apps:
            state_of(app).ends.stop()


class TestRepaired:
    @pytest.mark.parametrize("has_record", [True, False])
    def test_repair_is_signaled_and_the_run_ends_again(
        self, make_process: Callable[..., Flask], make_app: MakeApp, has_record: bool
    ) -> None:
        app = make_process() if has_record else make_app()
        finished, repaired = Receiver(), Receiver()
        finished.connect(app)
        with run_repaired.connected_to(repaired.receive, app), app.app_context():
            handle = current_jobs["failing"]
            run_id = handle.run_now().run_id
            handle.wait(run_id)
            repair_id = handle.repair_run(run_id, requested_by="alice")
            handle.wait(run_id)
            wait_until(lambda: len(finished.calls) == 2, "two ends")
            wait_until(lambda: repaired.calls, "repair")
        (call,) = repaired.calls
        assert (call["job"], call["run_id"]) == ("failing", run_id)
        assert (call["repair_id"], call["user"]) == (repair_id, "alice")
        if has_record:
            ids = {each["delivery_id"] for each in [*finished.calls, *repaired.calls]}
            assert len(ids) == 3
