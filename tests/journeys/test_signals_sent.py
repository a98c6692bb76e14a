"""Signals as a host receives them, from handles and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from blinker import NamedSignal
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import (
    Conflict,
    RunNotFound,
    current_jobs,
    run_canceled,
    run_changed,
    run_finished,
    run_triggered,
)
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from tests.support import ALICE, RunGate, on_behalf_of, wait_until


@contextmanager
def record_payloads(signal: NamedSignal, app: Flask) -> Iterator[list[dict[str, Any]]]:
    """Record the payloads of a signal of an app during the block."""
    payloads: list[dict[str, Any]] = []

    def receive(sender: Flask, **extra: Any) -> None:
        assert sender is app
        payloads.append(extra)

    with signal.connected_to(receive, sender=app):
        yield payloads


class TestTriggered:
    def test_run_triggered_has_job_and_run_id(self, app: Flask, client: FlaskClient) -> None:
        with record_payloads(run_triggered, app) as payloads, app.app_context():
            first = current_jobs["never"].run_now().run_id
            second = client.post("/api/jobs/never/run").get_json()["runId"]

        assert [(payload["job"], payload["run_id"]) for payload in payloads] == [
            ("never", first),
            ("never", second),
        ]
        assert [payload["replayed"] for payload in payloads] == [False, False]

    def test_run_triggered_of_a_replay_has_replayed(self, app: Flask) -> None:
        with record_payloads(run_triggered, app) as payloads, app.app_context():
            for _ in range(2):
                current_jobs["never"].run_now(idempotency_key="signals-1")

        assert [payload["replayed"] for payload in payloads] == [False, True]
        assert payloads[0]["run_id"] == payloads[1]["run_id"]

    def test_run_triggered_is_not_sent_if_nothing_started(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(403), path="run-now")
        with record_payloads(run_triggered, app) as payloads, app.app_context():
            assert not current_jobs["never"].results.run_now().ok
            assert not current_jobs["never"].results.run_now({"day": object()}).ok

        assert payloads == []

    def test_signal_payload_contains_no_token(self, app: Flask, client: FlaskClient) -> None:
        with record_payloads(run_triggered, app) as payloads:
            client.post("/api/jobs/never/run", headers=on_behalf_of(ALICE))

        assert len(payloads) == 1
        assert ALICE not in repr(payloads)


class TestChangedAndFinished:
    def test_run_changed_is_sent_per_state_and_run_finished_once(
        self, app: Flask, run_gate: RunGate
    ) -> None:
        with (
            record_payloads(run_changed, app) as changed,
            record_payloads(run_finished, app) as finished,
            app.app_context(),
        ):
            watch = current_jobs["gated"].run_and_wait(run_gate.params)
            states = [next(watch)]
            run_gate.open()
            states += list(watch)
            wait_until(lambda: finished, "run_finished, which follows the last state")

        assert [payload["status"].outcome for payload in changed] == [
            each.outcome for each in states
        ]
        (end,) = finished
        assert (end["job"], end["run_id"]) == ("gated", watch.run_id)
        assert end["status"].outcome == "succeeded"

    def test_run_finished_is_not_sent_again_after_a_late_cancel(self, app: Flask) -> None:
        with (
            record_payloads(run_changed, app) as changed,
            record_payloads(run_finished, app) as finished,
            record_payloads(run_canceled, app) as canceled,
            app.app_context(),
        ):
            handle = current_jobs["never"]
            run_id = handle.run_now().run_id
            handle.wait(run_id)
            wait_until(lambda: finished, "run_finished")
            handle.cancel_run(run_id)
            handle.wait(run_id)
            handle.cancel_all_runs()
            handle.wait(run_id)

        assert (len(changed), len(finished), canceled) == (1, 1, [])

    def test_run_finished_is_sent_again_after_a_repair(self, app: Flask) -> None:
        with record_payloads(run_finished, app) as finished, app.app_context():
            handle = current_jobs["failing"]
            run_id = handle.run_now().run_id
            handle.wait(run_id)
            handle.repair_run(run_id)
            handle.wait(run_id)
            wait_until(lambda: len(finished) == 2, "run_finished of both ends")

        assert [payload["run_id"] for payload in finished] == [run_id, run_id]


class TestCanceled:
    def test_run_canceled_is_sent_for_an_accepted_cancellation(
        self, app: Flask, client: FlaskClient, run_gate: RunGate
    ) -> None:
        with record_payloads(run_canceled, app) as payloads, app.app_context():
            first = current_jobs["gated"].run_now(run_gate.params).run_id
            current_jobs["gated"].cancel_run(first)
            second = current_jobs["gated"].run_now(run_gate.params).run_id
            client.delete(f"/api/jobs/gated/runs/{second}")

        assert [(payload["job"], payload["run_id"]) for payload in payloads] == [
            ("gated", first),
            ("gated", second),
        ]

    def test_run_canceled_is_not_sent_for_a_refused_cancellation(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        with record_payloads(run_canceled, app) as payloads, app.app_context():
            with pytest.raises(RunNotFound):
                current_jobs["quick"].cancel_run(1)
            run_id = current_jobs["never"].run_now().run_id
            fault_proxy.fail(Refusal(409), path="runs/cancel")
            with pytest.raises(Conflict):
                current_jobs["never"].cancel_run(run_id)

        assert payloads == []


class TestReceivers:
    def test_interrupted_receiver_costs_no_other_receiver_the_end(self, app: Flask) -> None:
        """A timeout of gevent, for example, is no ``Exception``."""

        class Interrupt(BaseException):
            pass

        def fail(sender: Flask, **extra: Any) -> None:
            raise Interrupt

        with (
            run_changed.connected_to(fail, sender=app),
            run_finished.connected_to(fail, sender=app),
            record_payloads(run_finished, app) as payloads,
            app.app_context(),
        ):
            run_id = current_jobs["never"].run_now().run_id
            current_jobs["never"].wait(run_id)
            wait_until(lambda: payloads, "run_finished")

        assert [payload["run_id"] for payload in payloads] == [run_id]
