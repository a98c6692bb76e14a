"""The gateway: starting one run per trigger, and the other reads and writes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from databricks.sdk.service.jobs import RunTask
from flask import Flask, request

from flask_lakeflow_jobs import (
    InvalidRequest,
    InvalidUserToken,
    UpstreamError,
    UpstreamUnavailable,
    current_jobs,
)
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.state import EXTENSION_KEY
from flask_lakeflow_jobs.testing import (
    Drop,
    Exchange,
    Fault,
    FaultyWorkspace,
    InvalidBody,
    Refusal,
    Silence,
    TruncatedBody,
)
from flask_lakeflow_jobs.upstream.gateway import Upstream
from tests.conftest import MakeApp
from tests.support import RunGate, on_behalf_of
from tests.upstream.support import TRANSIENT_FAULTS

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.mark.parametrize("limit", [0, -1, 2.5, "5", None])
def test_list_runs_with_invalid_limit_is_rejected_without_request(
    fault_proxy: FaultyWorkspace, limit: Any
) -> None:
    with pytest.raises(InvalidRequest, match="limit"):
        current_jobs["never"].list_runs(limit)

    assert not fault_proxy.find_requests("GET", "runs/list")


def test_list_runs_active_and_completed_is_rejected_without_request(
    fault_proxy: FaultyWorkspace,
) -> None:
    with pytest.raises(InvalidRequest, match="not both"):
        current_jobs["never"].list_runs(active_only=True, completed_only=True)

    assert not fault_proxy.find_requests("GET", "runs/list")


def test_list_runs_is_complete_if_its_second_page_breaks(fault_proxy: FaultyWorkspace) -> None:
    handle = current_jobs["never"]
    started = [handle.run_now().run_id for _ in range(30)]
    broken: list[Exchange] = []

    def break_second_page(exchange: Exchange) -> None:
        if "page_token" in exchange.request.query and not broken:
            broken.append(exchange)
            exchange.reset()
        else:
            exchange.respond(exchange.forward())

    fault_proxy.fail(break_second_page, path="runs/list")

    assert [run.run_id for run in handle.list_runs(30)] == started[::-1]
    assert broken


@pytest.mark.parametrize("fault", TRANSIENT_FAULTS, ids=repr)
def test_run_now_retried_with_the_same_token_starts_one_run(
    fault_proxy: FaultyWorkspace, fault: Fault
) -> None:
    earlier = {run.run_id for run in current_jobs["never"].list_runs(100)}
    fault_proxy.fail(fault, path="run-now", times=1)

    run_id = current_jobs["never"].run_now().run_id

    sent = fault_proxy.find_requests("POST", "run-now")
    assert len(sent) == 2
    assert len({request.body["idempotency_token"] for request in sent}) == 1
    assert {run.run_id for run in current_jobs["never"].list_runs(100)} - earlier == {run_id}


def test_run_now_over_a_faulty_connection_starts_as_many_runs_as_triggers(
    fault_proxy: FaultyWorkspace,
) -> None:
    earlier = current_jobs["never"].list_runs(1)
    chance = random.Random(2013)
    fault_proxy.fail(Drop(accepted=True), path="run-now", rate=0.2, random=chance)
    fault_proxy.fail(Refusal(429, retry_after=0), path="run-now", rate=0.1, random=chance)

    reported = {current_jobs["never"].run_now().run_id for _ in range(50)}

    assert len(reported) == 50
    assert {run.run_id for run in current_jobs["never"].list_runs(50)} == reported
    assert current_jobs["never"].list_runs(51)[50:] == earlier


@pytest.mark.parametrize(
    "fault",
    [
        Drop(accepted=True),
        Silence(accepted=True),
        TruncatedBody(),
        InvalidBody(),
        InvalidBody(body=b"[]"),
        InvalidBody(body=b'{"run_id": "twelve"}'),
        InvalidBody(body=b'{"run_id": null}'),
        InvalidBody(body=b'{"run_id": 0}'),
        InvalidBody(body=b'{"run_id": 1180591620717411303424}'),
        Refusal(500),
    ],
    ids=repr,
)
def test_ambiguous_run_now_is_retryable_only_with_a_key(
    short_timeouts: Flask, fault_proxy: FaultyWorkspace, fault: Fault
) -> None:
    fault_proxy.fail(fault, path="run-now")

    with pytest.raises(UpstreamError, match="Check before you retry") as caught:
        current_jobs["never"].run_now()
    with pytest.raises(UpstreamError) as with_key:
        current_jobs["never"].run_now(idempotency_key=repr(fault))

    assert not caught.value.retryable
    assert with_key.value.retryable
    assert "Check before" not in str(with_key.value)


def test_run_now_refused_after_an_ambiguous_attempt_is_not_retryable(
    short_timeouts: Flask, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(Drop(accepted=True), path="run-now", times=1)
    fault_proxy.fail(Refusal(503), path="run-now")

    with pytest.raises(UpstreamUnavailable, match="Check before you retry") as caught:
        current_jobs["never"].run_now()

    assert not caught.value.retryable


def test_cancel_run_is_retried(fault_proxy: FaultyWorkspace) -> None:
    run_id = current_jobs["never"].run_now().run_id
    fault_proxy.fail(Drop(accepted=True), path="runs/cancel", times=2)

    current_jobs["never"].cancel_run(run_id)

    assert len(fault_proxy.find_requests("POST", "runs/cancel")) == 3


def test_repair_run_is_neither_retried_nor_retryable(fault_proxy: FaultyWorkspace) -> None:
    run_id = current_jobs["failing"].run_now().run_id
    current_jobs["failing"].wait(run_id)
    fault_proxy.fail(Drop(accepted=True), path="runs/repair")

    with pytest.raises(UpstreamUnavailable, match="Check before you retry") as caught:
        current_jobs["failing"].repair_run(run_id)

    assert not caught.value.retryable
    assert len(fault_proxy.find_requests("POST", "runs/repair")) == 1


def test_rejected_user_token_is_401_without_the_token(app: Flask) -> None:
    with (
        app.test_request_context(headers=on_behalf_of("dapi-of-carol")),
        pytest.raises(InvalidUserToken) as caught,
        current_jobs["never"].as_user(request) as handle,
    ):
        handle.get_job()

    assert caught.value.code == 401
    assert "carol" not in f"{caught.value} {caught.value!r}"


def test_client_waits_for_bytes_as_long_as_the_slowest_call_may_take(make_app: MakeApp) -> None:
    app = make_app(LAKEFLOW_JOBS_READ_TIMEOUT=1, LAKEFLOW_JOBS_WRITE_TIMEOUT=60)
    clients = app.extensions[EXTENSION_KEY].upstream.call_resources.clients
    assert clients.get_client(APP).config.http_timeout_seconds == 60


def test_parse_task_shares_equal_dependencies() -> None:
    document = {"task_key": "load", "depends_on": [{"task_key": "extract", "outcome": "true"}]}
    first, second = Upstream.parse_task(document), Upstream.parse_task(document)
    assert first == second == RunTask.from_dict(document)
    assert (first.depends_on or [])[0] is (second.depends_on or [])[0]
    assert Upstream.parse_task({"task_key": "extract"}).depends_on == []


def test_lists_for_polls_have_active_or_ended_runs_with_their_tasks(
    app: Flask, run_gate: RunGate
) -> None:
    handle = current_jobs["gated"]
    active, ended = (handle.run_now(run_gate.params).run_id for _ in range(2))
    handle.cancel_run(ended)
    handle.wait(ended)
    calls = app.extensions[EXTENSION_KEY].upstream.bind(APP, handle.job)
    for listed, expected in (
        (calls.list_active_runs(25), {active}),
        (calls.list_ended_runs(), {ended}),
    ):
        assert {run.value.run_id for run in listed} & {active, ended} == expected
        assert all(run.value.tasks for run in listed)
