"""Starting runs: one for each intent, over the real SDK and real HTTP."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import pytest
from databricks.sdk.service.jobs import PerformanceTarget
from flask import Flask

from flask_lakeflow_jobs import (
    Conflict,
    InvalidParameters,
    InvalidRequest,
    JobNotFound,
    UnknownJob,
    current_jobs,
)
from flask_lakeflow_jobs.testing import Exchange, Fault, FaultyWorkspace, Reply
from tests.conftest import MakeApp
from tests.support import FailingStore


def changed(change: Callable[[dict[str, Any]], None], *, later: float | None = None) -> Fault:
    """The workspace's answers with something in them changed, and perhaps with another ``Date``."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.forward()
        document = json.loads(reply.body)
        change(document)
        headers = dict(reply.headers)
        if later is not None:
            headers["Date"] = formatdate(time.time() + later, usegmt=True)
        exchange.respond(Reply(reply.status, headers, json.dumps(document).encode()))

    return fault


def at_another_time(hours: int, *, as_if_asked_later: float = 0.0) -> Fault:
    """A workspace whose clock is hours ahead, or behind."""

    def shift(run: dict[str, Any]) -> None:
        if "start_time" in run:
            run["start_time"] += hours * 3_600_000

    return changed(shift, later=hours * 3_600 + as_if_asked_later)


def without_parameters(run: dict[str, Any]) -> None:
    for name in ("job_parameters", "overriding_parameters"):
        run.pop(name, None)


@pytest.fixture(autouse=True)
def _inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


class TestRunNow:
    def test_it_answers_in_the_shape_of_the_sdk_and_starts_one_run(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        before = current_jobs["never"].list_runs(100)

        started = current_jobs["never"].run_now()

        assert started.run_id > 0
        assert started.number_in_job == started.run_id
        assert started.replayed is False
        runs = current_jobs["never"].list_runs(100)
        assert [run.run_id for run in runs if run not in before] == [started.run_id]
        assert len(fault_proxy.find_requests("POST", "jobs/run-now")) == 1

    def test_parameters_reach_the_job(self) -> None:
        run_id = current_jobs["greeting"].run_now({"who": "Ada"}).run_id

        current_jobs["greeting"].wait(run_id)

        output: Any = current_jobs["greeting"].get_run_output(run_id)
        assert output.notebook_output.result == '{"who": "Ada"}'

    def test_parameters_can_be_checked_without_a_run(self, fault_proxy: FaultyWorkspace) -> None:
        current_jobs["greeting"].check({"who": "Ada"})
        with pytest.raises(InvalidParameters, match="who"):
            current_jobs["script"].check({"who": "Ada"})

        assert fault_proxy.find_requests() == []

    def test_choices_arrive_upstream_as_run_now_spells_them(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        current_jobs["pipeline"].run_now(
            only=["extract"], queue=True, performance_target="STANDARD"
        )

        (sent,) = fault_proxy.find_requests("POST", "jobs/run-now")
        assert sent.body["only"] == ["extract"]
        assert sent.body["queue"] == {"enabled": True}
        assert sent.body["performance_target"] == "STANDARD"

    def test_choices_not_made_are_not_sent(self, fault_proxy: FaultyWorkspace) -> None:
        current_jobs["never"].run_now()

        (sent,) = fault_proxy.find_requests("POST", "jobs/run-now")
        assert set(sent.body) == {"job_id", "idempotency_token"}

    def test_an_unknown_performance_target_is_refused_before_anything_is_sent(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        with pytest.raises(InvalidParameters) as caught:
            current_jobs["never"].run_now(performance_target="WARP")

        assert "performance_target" in caught.value.messages
        assert not fault_proxy.find_requests("POST")

    def test_a_task_to_run_that_the_job_has_not_is_the_callers_mistake(self) -> None:
        with pytest.raises(InvalidParameters, match="nowhere"):
            current_jobs["pipeline"].run_now(only=["nowhere"])

    def test_a_job_that_the_workspace_has_not_is_said_to_be_missing(
        self, make_app: MakeApp
    ) -> None:
        app = make_app(jobs={"gone": {"job_id": 42}})
        with app.app_context(), pytest.raises(JobNotFound, match="42"):
            current_jobs["gone"].run_now()

    def test_an_unknown_key_names_the_known_ones(self) -> None:
        with pytest.raises(UnknownJob, match="'quick'"):
            current_jobs["nope"]


class TestIdempotency:
    def test_each_trigger_has_a_fresh_token_that_the_api_takes(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        runs = {current_jobs["never"].run_now().run_id for _ in range(3)}

        tokens = [
            sent.body["idempotency_token"] for sent in fault_proxy.find_requests("POST", "run-now")
        ]
        assert len(runs) == len(set(tokens)) == 3
        assert all(0 < len(token) <= 64 for token in tokens)

    def test_the_same_key_answers_the_same_run_and_says_so(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        handle = current_jobs["never"]

        first = handle.run_now({"day": "2013-01-02"}, idempotency_key="click-1")
        again = handle.run_now({"day": "2013-01-02"}, idempotency_key="click-1")

        assert again.run_id == first.run_id
        assert (first.replayed, again.replayed) == (False, True)

    def test_the_same_key_with_other_parameters_is_a_conflict(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        handle = current_jobs["never"]
        handle.run_now({"day": "2013-01-02"}, idempotency_key="click-2")
        sent = len(fault_proxy.find_requests("POST", "run-now"))

        with pytest.raises(Conflict, match="key"):
            handle.run_now({"day": "2013-01-03"}, idempotency_key="click-2")
        with pytest.raises(Conflict):
            handle.run_now({"day": "2013-01-02"}, idempotency_key="click-2", only=["only"])
        assert len(fault_proxy.find_requests("POST", "run-now")) == sent

    def test_the_same_key_at_another_job_is_another_intent(self) -> None:
        first = current_jobs["never"].run_now(idempotency_key="click-3")
        second = current_jobs["script"].run_now(idempotency_key="click-3")

        assert first.run_id != second.run_id

    def test_another_process_that_shares_nothing_gets_the_same_run(self, make_app: MakeApp) -> None:
        first = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-4")
        with make_app().app_context():
            second = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-4")

        assert second.run_id == first.run_id

    @pytest.mark.parametrize("hours", [-3, 3])
    def test_a_workspace_with_another_time_does_not_make_new_runs_old(
        self, fault_proxy: FaultyWorkspace, hours: int
    ) -> None:
        fault_proxy.fail(at_another_time(hours))

        started = current_jobs["never"].run_now({"day": "x"}, idempotency_key=f"click-5{hours}")

        assert started.replayed is False

    def test_another_process_knows_an_old_run_by_the_workspaces_own_time(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        first = current_jobs["never"].run_now(idempotency_key="click-6")
        fault_proxy.fail(at_another_time(3, as_if_asked_later=10))
        with make_app().app_context():
            second = current_jobs["never"].run_now(idempotency_key="click-6")

        assert second.run_id == first.run_id
        assert second.replayed

    def test_a_new_run_that_does_not_repeat_its_parameters_is_no_conflict(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(changed(without_parameters), path="runs/get")

        started = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-7")

        assert started.replayed is False

    def test_an_old_run_that_does_not_repeat_its_parameters_is_no_conflict(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        first = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-8")
        fault_proxy.fail(at_another_time(3, as_if_asked_later=10), path="run-now")
        fault_proxy.fail(changed(without_parameters, later=10), path="runs/get")
        with make_app().app_context():
            again = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-8")

        assert (again.run_id, again.replayed) == (first.run_id, True)

    def test_a_store_that_is_away_takes_no_conflict_for_a_replay(
        self, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FailingStore, "is_well", True)
        app = make_app(LAKEFLOW_JOBS_CACHE={"CACHE_TYPE": "tests.support.FailingStore"})
        with app.app_context():
            first = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-9")
            monkeypatch.setattr(FailingStore, "is_well", False)

            again = current_jobs["never"].run_now({"day": "x"}, idempotency_key="click-9")
            with pytest.raises(Conflict):
                current_jobs["never"].run_now({"day": "y"}, idempotency_key="click-9")

        assert again.run_id == first.run_id

    @pytest.mark.parametrize("performance_target", ["STANDARD", PerformanceTarget.STANDARD])
    def test_choices_of_the_sdks_own_kind_are_part_of_what_is_meant(
        self, performance_target: Any
    ) -> None:
        key = "click-10"
        choices = {"performance_target": performance_target, "idempotency_key": key}
        started = current_jobs["never"].run_now(**choices)

        assert current_jobs["never"].run_now(**choices).run_id == started.run_id

    def test_an_empty_key_names_nothing(self, fault_proxy: FaultyWorkspace) -> None:
        with pytest.raises(InvalidRequest, match="empty"):
            current_jobs["never"].run_now(idempotency_key="")

        assert not fault_proxy.find_requests("POST")

    def test_a_key_may_be_whatever_has_a_text(self) -> None:
        key: Any = uuid.uuid4()

        first = current_jobs["never"].run_now(idempotency_key=key)

        assert current_jobs["never"].run_now(idempotency_key=str(key)).run_id == first.run_id

    def test_the_key_itself_is_not_sent(self, fault_proxy: FaultyWorkspace) -> None:
        current_jobs["never"].run_now(idempotency_key="alice@example.com clicked")

        (sent,) = fault_proxy.find_requests("POST", "run-now")
        assert "alice" not in str(sent.body)
