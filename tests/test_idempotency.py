"""Starting runs: at most one per idempotency key, over the real SDK and real HTTP."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from enum import Enum
from typing import Any

import pytest
from marshmallow import fields

from flask_lakeflow_jobs import (
    Conflict,
    InvalidRequest,
    current_jobs,
)
from flask_lakeflow_jobs.idempotency import TokenUse, classify_token_use
from flask_lakeflow_jobs.testing import Exchange, Fault, FaultyWorkspace, Refusal, Reply
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.run_documents import run
from tests.support import BUNDLE, FailingStore


class PerformanceTarget(Enum):
    """Like that of the SDK, which its older versions lack."""

    STANDARD = "STANDARD"
    PERFORMANCE_OPTIMIZED = "PERFORMANCE_OPTIMIZED"


def change_responses(
    change: Callable[[dict[str, Any]], None], *, later: float | None = None
) -> Fault:
    """Return a fault that changes the workspace's responses, and optionally their ``Date``."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.forward()
        document = json.loads(reply.body)
        change(document)
        headers = dict(reply.headers)
        if later is not None:
            headers["Date"] = formatdate(time.time() + later, usegmt=True)
        exchange.respond(Reply(reply.status, headers, json.dumps(document).encode()))

    return fault


def shift_clock(hours: int, *, seconds_later: float = 0.0) -> Fault:
    """Return a fault that shifts the workspace's clock by hours."""

    def shift(run: dict[str, Any]) -> None:
        if "start_time" in run:
            run["start_time"] += hours * 3_600_000

    return change_responses(shift, later=hours * 3_600 + seconds_later)


def remove_parameters(run: dict[str, Any]) -> None:
    for name in ("job_parameters", "overriding_parameters"):
        run.pop(name, None)


pytestmark = pytest.mark.usefixtures("app_context")


class TestIdempotency:
    def test_run_now_without_key_sends_a_new_token_each_time(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        runs = {current_jobs["never"].run_now().run_id for _ in range(3)}

        tokens = [
            sent.body["idempotency_token"] for sent in fault_proxy.find_requests("POST", "run-now")
        ]
        assert len(runs) == len(set(tokens)) == 3
        assert all(0 < len(token) <= 64 for token in tokens)

    def test_run_now_with_same_key_returns_the_same_run_as_replay(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        handle = current_jobs["never"]

        first = handle.run_now({"day": "2013-01-02"}, idempotency_key="click-1")
        again = handle.run_now({"day": "2013-01-02"}, idempotency_key="click-1")

        assert again.run_id == first.run_id
        assert (first.replayed, again.replayed) == (False, True)

    def test_run_now_with_same_key_and_other_parameters_conflicts(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        handle = current_jobs["never"]
        handle.run_now({"day": "2013-01-02"}, idempotency_key="click-2")
        sent = len(fault_proxy.find_requests("POST", "run-now"))

        with pytest.raises(Conflict, match="key"):
            handle.run_now({"day": "2013-01-03"}, idempotency_key="click-2")
        with pytest.raises(Conflict, match="options"):
            handle.run_now({"day": "2013-01-02"}, idempotency_key="click-2", only=["only"])
        assert len(fault_proxy.find_requests("POST", "run-now")) == sent

    def test_run_now_with_same_key_for_another_job_starts_a_run(self) -> None:
        first = current_jobs["never"].run_now(idempotency_key="click-3")
        second = current_jobs["script"].run_now(idempotency_key="click-3")

        assert first.run_id != second.run_id

    def test_run_now_with_same_key_in_unshared_process_returns_same_run(
        self, make_app: MakeApp
    ) -> None:
        first = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-4")
        with make_app().app_context():
            second = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-4")

        assert second.run_id == first.run_id

    def test_run_now_with_same_key_ignores_what_the_schema_computes(
        self, make_app: MakeApp
    ) -> None:
        """A click that is sent again must not end as a conflict, because a minute has passed."""
        numbers, key = itertools.count(), uuid.uuid4().hex
        params = {"who": fields.String(load_default=lambda: f"at {next(numbers)}")}
        jobs = {"greeting": {"of": "greeting", "task_type": "job", "params": params}}
        app, other_process = make_app(jobs=jobs), make_app(jobs=jobs)
        with app.app_context():
            first = current_jobs["greeting"].run_now({}, idempotency_key=key)
            again = current_jobs["greeting"].run_now({}, idempotency_key=key)
            with pytest.raises(Conflict):
                current_jobs["greeting"].run_now({"who": "Ada"}, idempotency_key=key)
        with other_process.app_context():
            elsewhere = current_jobs["greeting"].run_now({}, idempotency_key=key)
            with pytest.raises(Conflict):
                current_jobs["greeting"].run_now({"who": "Ada"}, idempotency_key=key)

        assert next(numbers) == 3
        assert (again.run_id, elsewhere.run_id) == (first.run_id, first.run_id)

    @pytest.mark.parametrize("hours", [-3, 3])
    def test_run_now_with_skewed_workspace_clock_is_no_replay(
        self, fault_proxy: FaultyWorkspace, hours: int
    ) -> None:
        fault_proxy.fail(shift_clock(hours))

        started = current_jobs["never"].run_now({"day": "x"}, idempotency_key=f"click-5{hours}")

        assert started.replayed is False

    def test_run_now_in_unshared_process_detects_a_replay_by_server_time(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        first = current_jobs["never"].run_now(idempotency_key="click-6")
        fault_proxy.fail(shift_clock(3, seconds_later=10))
        with make_app().app_context():
            second = current_jobs["never"].run_now(idempotency_key="click-6")
            asked = len(fault_proxy.requests)
            third = current_jobs["never"].run_now(idempotency_key="click-6")

        assert second.run_id == third.run_id == first.run_id
        assert second.replayed
        assert third.replayed
        assert len(fault_proxy.requests) == asked, "the workspace was asked again"

    def test_run_now_whose_response_took_long_is_no_replay(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, clock: FakeClock
    ) -> None:
        def read_a_minute_after_the_start(exchange: Exchange) -> None:
            reply = exchange.forward()
            date = json.loads(reply.body)["start_time"] / 1000 + 60
            headers = {**dict(reply.headers), "Date": formatdate(date, usegmt=True)}
            exchange.respond(Reply(reply.status, headers, reply.body))

        def respond_late(exchange: Exchange) -> None:
            clock.sleep(60)
            exchange.respond(exchange.forward())

        fault_proxy.fail(respond_late, path="run-now")
        fault_proxy.fail(read_a_minute_after_the_start, path="runs/get")
        with make_app(clock=clock).app_context():
            started = current_jobs["never"].run_now(idempotency_key="click-14")

        assert started.replayed is False

    def test_run_now_with_the_local_workspace_detects_a_replay_at_once(
        self, make_app: MakeApp
    ) -> None:
        """Its clock is that of the app."""
        first = current_jobs["never"].run_now(idempotency_key="click-15")
        app = make_app(clock=FakeClock(time.time() + 1))
        state = app.extensions["lakeflow_jobs"]
        state.settings = replace(state.settings, bundle=BUNDLE)
        with app.app_context():
            again = current_jobs["never"].run_now(idempotency_key="click-15")

        assert (again.run_id, again.replayed) == (first.run_id, True)

    def test_run_now_that_a_repeated_request_overtakes_is_no_replay(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        """Receivers of ``run_triggered`` that leave out replays must not miss the run."""
        clock, replayed = FakeClock(time.time()), []
        app = make_app(clock=clock)
        state = app.extensions["lakeflow_jobs"]
        state.settings = replace(state.settings, bundle=BUNDLE)  # replays are detected at once

        def repeat_first(exchange: Exchange) -> None:
            if not clock.elapsed:
                clock.sleep(1)
                with app.app_context():
                    again = current_jobs["never"].run_now(idempotency_key="click-16")
                replayed.append(again.replayed)
            exchange.respond(exchange.forward())

        fault_proxy.fail(repeat_first, path="runs/get")
        with app.app_context():
            started = current_jobs["never"].run_now(idempotency_key="click-16")

        assert (started.replayed, replayed) == (False, [True])

    def test_run_now_new_run_without_stated_parameters_is_no_conflict(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(change_responses(remove_parameters), path="runs/get")

        started = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-7")

        assert started.replayed is False

    def test_run_now_old_run_without_stated_parameters_is_a_replay(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        first = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-8")
        fault_proxy.fail(shift_clock(3, seconds_later=10), path="run-now")
        fault_proxy.fail(change_responses(remove_parameters, later=10), path="runs/get")
        with make_app().app_context():
            again = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-8")

        assert (again.run_id, again.replayed) == (first.run_id, True)

    def test_run_now_returns_a_run_that_cannot_be_read(self, fault_proxy: FaultyWorkspace) -> None:
        fault_proxy.fail(Refusal(403), path="runs/get")

        started = current_jobs["never"].run_now(idempotency_key="click-12")

        fault_proxy.clear_faults()
        assert current_jobs["never"].get_run(started.run_id).run_id == started.run_id

    def test_run_now_with_failing_cache_still_detects_conflicts(
        self, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FailingStore, "is_available", True)
        app = make_app(LAKEFLOW_JOBS_CACHE={"CACHE_TYPE": "tests.support.FailingStore"})
        with app.app_context():
            first = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-9")
            monkeypatch.setattr(FailingStore, "is_available", False)

            again = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-9")
            with pytest.raises(Conflict):
                current_jobs["never"].run_now({"day": "y"}, idempotency_key="click-9")

        assert again.run_id == first.run_id

    @pytest.mark.parametrize("left", [None, {"run": 7}, {"run_id": "7", "fingerprint": "x"}])
    def test_run_now_after_the_shared_cache_lost_a_record_still_detects_conflicts(
        self, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, left: Any
    ) -> None:
        """Redis evicts, restarts and expires; the workspace remembers the token for longer."""
        monkeypatch.setattr(FailingStore, "is_available", True)
        app = make_app(LAKEFLOW_JOBS_CACHE={"CACHE_TYPE": "tests.support.FailingStore"})
        with app.app_context():
            cache, key = app.extensions["lakeflow_jobs"].cache, f"click-11-{left}"
            assert cache.is_cross_process
            first = current_jobs["never"].run_now({"day": "x"}, idempotency_key=key)
            monkeypatch.setattr(cache, "get", lambda key: left)

            with pytest.raises(Conflict):
                current_jobs["never"].run_now({"day": "y"}, idempotency_key=key)
            again = current_jobs["never"].run_now({"day": "x"}, idempotency_key=key)

        assert again.run_id == first.run_id

    def test_run_now_at_the_same_moment_in_two_processes_is_one_run(
        self, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FailingStore, "is_available", True)
        app = make_app(LAKEFLOW_JOBS_CACHE={"CACHE_TYPE": "tests.support.FailingStore"})
        with app.app_context():
            cache, key = app.extensions["lakeflow_jobs"].cache, "click-13"
            first = current_jobs["never"].run_now(idempotency_key=key)
            read, early = cache.get, [None]  # it reads before the other process writes
            monkeypatch.setattr(cache, "get", lambda key: early.pop() if early else read(key))
            again = current_jobs["never"].run_now(idempotency_key=key)
            early.append(None)
            with pytest.raises(Conflict):
                current_jobs["never"].run_now(idempotency_key=key, queue=True)

        assert (again.run_id, again.replayed) == (first.run_id, True)

    @pytest.mark.parametrize("performance_target", ["STANDARD", PerformanceTarget.STANDARD])
    def test_run_now_options_of_sdk_types_are_part_of_the_fingerprint(
        self, performance_target: Any
    ) -> None:
        key = "click-10"
        choices = {"performance_target": performance_target, "idempotency_key": key}
        started = current_jobs["never"].run_now(**choices)

        assert current_jobs["never"].run_now(**choices).run_id == started.run_id
        other: Any = PerformanceTarget.PERFORMANCE_OPTIMIZED
        with pytest.raises(Conflict):
            current_jobs["never"].run_now(idempotency_key=key, performance_target=other)

    def test_run_now_with_empty_key_raises_invalid_request(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        with pytest.raises(InvalidRequest, match="empty"):
            current_jobs["never"].run_now(idempotency_key="")

        assert not fault_proxy.find_requests("POST")

    def test_run_now_with_key_of_any_type_uses_its_text(self) -> None:
        key: Any = uuid.uuid4()

        first = current_jobs["never"].run_now(idempotency_key=key)

        assert current_jobs["never"].run_now(idempotency_key=str(key)).run_id == first.run_id

    def test_run_now_does_not_send_the_key_itself(self, fault_proxy: FaultyWorkspace) -> None:
        current_jobs["never"].run_now(idempotency_key="alice@example.com clicked")

        (sent,) = fault_proxy.find_requests("POST", "run-now")
        assert "alice" not in str(sent.body)


@pytest.mark.parametrize(
    ("start_time", "fields", "expected"),
    [
        (99_999, {}, TokenUse.REPLAY),
        (100_000, {}, TokenUse.NEW),
        (None, {}, TokenUse.REPLAY),
        (99_999, {"job_parameters": {"day": "8"}}, TokenUse.CONFLICT),
        (100_000, {"job_parameters": {"day": "8"}}, TokenUse.CONFLICT),
        (100_000, {"job_parameters": {"other": "1"}}, TokenUse.NEW),
        (99_999, {"job_parameters": {"day": "7", "progress": "1"}}, TokenUse.REPLAY),
    ],
)
def test_classify_token_use_by_start_time_and_parameters(
    start_time: int | None, fields: dict[str, Any], expected: TokenUse
) -> None:
    started = run(
        start_time=start_time,
        job_parameters=[
            {"name": "day", "default": "7", "value": "7"},
            {"name": "progress", "default": "", "value": "0"},
        ],
    )
    assert classify_token_use(started, fields, 100.0, ignored={"progress"}) is expected
