"""Event streams over real HTTP: limits and failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask, Response
from werkzeug.test import create_environ

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import (
    Drop,
    Exchange,
    FaultyWorkspace,
    GatewayPage,
    InvalidBody,
    Refusal,
    Silence,
    hash_token,
)
from tests.conftest import MakeApp, Serve
from tests.journeys.streams import finish_run, start_run, states_in
from tests.sse_client import Stream
from tests.support import ALICE, BOB, DEADLINE, RunGate, on_behalf_of, wait_until


class TestLimit:
    @pytest.fixture
    def crowded(
        self, make_app: MakeApp, serve: Serve, run_gate: RunGate
    ) -> Iterator[tuple[str, Stream]]:
        """The address of a stream, and the open stream that reaches the limit of one."""
        app = make_app(LAKEFLOW_JOBS_MAX_STREAMS=1, LAKEFLOW_JOBS_HEARTBEAT=0.05)
        with app.app_context():
            run_id = start_run("gated", run_gate.params)
            url = f"{serve(app)}/api/jobs/gated/runs/{run_id}/stream"
            with Stream.open(url) as holder:
                next(holder)
                yield url, holder

    def test_over_the_limit_sends_the_current_state_to_poll(
        self, crowded: tuple[str, Stream]
    ) -> None:
        url, _ = crowded

        with Stream.open(url) as polled:
            events = list(polled)

        assert polled.status == 200
        assert polled.headers.get_content_type() == "text/event-stream"
        assert polled.parser.retry == 5000
        assert [event.name for event in events] == ["message"]
        assert events[0].json["outcome"] == "running"

    def test_over_the_limit_polling_gets_new_states_and_the_end(
        self, crowded: tuple[str, Stream], run_gate: RunGate
    ) -> None:
        url, holder = crowded
        with Stream.open(url) as polled:
            last_id = list(polled)[-1].last_id
        with Stream.open(url, last_event_id=last_id) as unchanged:
            assert unchanged.status == 200
            assert list(unchanged) == []
        run_gate.open()
        key, run_id = url.split("/")[-4], int(url.split("/")[-2])
        current_jobs[key].wait(run_id)

        with Stream.open(url, last_event_id=last_id) as changed:
            events = list(changed)

        assert [event.name for event in events][-1] == "end"
        assert events[0].json["outcome"] == "succeeded"
        with Stream.open(url, last_event_id=events[-1].last_id) as over:
            assert over.status == 204
        assert list(holder)[-1].name == "end"

    def test_limit_counts_no_viewer_that_left(self, crowded: tuple[str, Stream]) -> None:
        url, holder = crowded
        holder.close()

        def is_held() -> bool:
            with Stream.open(url) as stream:
                next(stream)
                return stream.parser.retry == 2000

        assert wait_until(is_held, "room for a stream")

    def test_server_with_one_thread_sends_the_current_state_to_poll(
        self, app: Flask, run_gate: RunGate
    ) -> None:
        with app.app_context():
            run_id = start_run("gated", run_gate.params)
        environ = create_environ(f"/api/jobs/gated/runs/{run_id}/stream", multithread=False)

        response = Response.from_app(app, environ)

        assert response.status_code == 200
        text = response.get_data(as_text=True)
        assert text.startswith("retry: 5000\n")
        assert "event: end" not in text


class TestUpstreamErrors:
    def test_transient_errors_do_not_end_a_stream(
        self, url: str, fault_proxy: FaultyWorkspace, run_gate: RunGate
    ) -> None:
        run_id = start_run("gated", run_gate.params)
        with Stream.open(f"{url}/gated/runs/{run_id}/stream") as stream:
            next(stream)
            odd = (GatewayPage(404), GatewayPage(400), InvalidBody(body=b"[]"))
            for fault in (Refusal(503), Drop(), Refusal(500), Refusal(429), *odd):
                fault_proxy.fail(fault, method="GET", times=1)
            run_gate.open()
            events = list(stream)

        assert "error" not in [event.name for event in events]
        assert states_in(events)[-1].json["outcome"] == "succeeded"
        assert events[-1].name == "end"

    def test_response_without_the_job_does_not_end_a_stream(
        self, app: Flask, url: str, fault_proxy: FaultyWorkspace
    ) -> None:
        """It is incomplete; that of a run of another job names that job."""
        run_id = start_run("quick")

        def leave_out_job(exchange: Exchange) -> None:
            reply = exchange.forward()
            run = json.loads(reply.body)
            del run["job_id"]
            exchange.respond(replace(reply, body=json.dumps(run).encode()))

        fault_proxy.fail(leave_out_job, path="runs/get", times=4)
        with Stream.open(f"{url}/quick/runs/{run_id}/stream") as stream:
            events = list(stream)

        assert states_in(events)[-1].json["outcome"] == "succeeded"
        assert "error" not in {event.name for event in events}

    def test_unresponsive_workspace_does_not_end_a_stream(
        self, make_app: MakeApp, serve: Serve, fault_proxy: FaultyWorkspace, run_gate: RunGate
    ) -> None:
        app = make_app(LAKEFLOW_JOBS_READ_TIMEOUT=0.3, LAKEFLOW_JOBS_HEARTBEAT=0.05)
        with app.app_context():
            run_id = start_run("gated", run_gate.params)
            with Stream.open(f"{serve(app)}/api/jobs/gated/runs/{run_id}/stream") as stream:
                next(stream)
                asked = len(fault_proxy.find_requests("GET"))
                fault_proxy.fail(Silence(), method="GET")
                fault_proxy.wait_for(asked + 1, method="GET", timeout=DEADLINE)
                assert stream.wait_for_comment()
                fault_proxy.clear_faults()
                run_gate.open()
                events = list(stream)

        assert states_in(events)[-1].json["outcome"] == "succeeded"

    @pytest.mark.parametrize(("status", "expected"), [(403, 403), (404, 404), (401, 502)])
    def test_permanent_error_ends_a_stream_with_an_error_event(
        self, url: str, fault_proxy: FaultyWorkspace, run_gate: RunGate, status: int, expected: int
    ) -> None:
        run_id = start_run("gated", run_gate.params)
        with Stream.open(f"{url}/gated/runs/{run_id}/stream") as stream:
            next(stream)
            fault_proxy.fail(Refusal(status), method="GET")
            events = list(stream)

        (error,) = [event for event in events if event.name == "error"]
        assert error.json["status"] == expected
        assert {"type", "title", "detail", "retryable"} <= set(error.json)
        assert error.own_id is None
        assert fault_proxy.token not in error.data
        assert events[-1].name == "end"

    def test_permanent_error_before_the_stream_is_a_problem_document(
        self, url: str, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = finish_run("never")
        fault_proxy.fail(Refusal(403), path="runs/get")

        for path in (f"quick/runs/{run_id}", "quick/runs/1"):
            with Stream.open(f"{url}/{path}/stream") as stream:
                assert stream.status in (403, 404)
                assert stream.headers.get_content_type() == "application/problem+json"


class TestUsers:
    def test_stream_of_a_user_polls_with_the_users_token(
        self, make_app: MakeApp, serve: Serve, fault_proxy: FaultyWorkspace, run_gate: RunGate
    ) -> None:
        jobs = {"theirs": {"of": "gated", "task_type": "job", "run_as": "user"}}
        url = serve(make_app(jobs=jobs)) + "/api/jobs/theirs"
        headers = on_behalf_of(ALICE)
        with Stream.open(
            f"{url}/run?stream=1", method="POST", headers=headers, body={"params": run_gate.params}
        ) as stream:
            run_id = next(stream).json["run"]["run_id"]
            with Stream.open(f"{url}/runs/{run_id}/stream") as nobody:
                assert nobody.status == 401
            refused = on_behalf_of("dapi-of-carol")
            with Stream.open(f"{url}/runs/{run_id}/stream", headers=refused) as carol:
                assert carol.status == 401
            run_gate.open()
            assert list(stream)[-1].name == "end"

        api_calls = [sent for sent in fault_proxy.requests if sent.path.startswith("/api/")]
        assert {sent.token for sent in api_calls} == {
            hash_token(ALICE),
            hash_token("dapi-of-carol"),
        }

    def test_stream_whose_token_expires_continues_with_a_new_one(
        self, make_app: MakeApp, serve: Serve, fault_proxy: FaultyWorkspace, run_gate: RunGate
    ) -> None:
        jobs = {"theirs": {"of": "gated", "task_type": "job", "run_as": "user"}}
        url = serve(make_app(jobs=jobs)) + "/api/jobs/theirs"
        with Stream.open(
            f"{url}/run?stream=1",
            method="POST",
            headers=on_behalf_of(ALICE),
            body={"params": run_gate.params},
        ) as stream:
            state = next(stream)
            fault_proxy.fail(Refusal(401), method="GET")
            assert list(stream) == []

        url += f"/runs/{state.json['run']['run_id']}/stream"
        resumed = {"Last-Event-ID": str(state.own_id)}
        with Stream.open(url, headers={**on_behalf_of(ALICE), **resumed}) as expired:
            assert expired.status == 401
        fault_proxy.clear_faults()
        with Stream.open(url, headers={**on_behalf_of(BOB), **resumed}) as renewed:
            run_gate.open()
            events = list(renewed)
        assert states_in(events)[-1].json["outcome"] == "succeeded"
        assert events[-1].name == "end"
