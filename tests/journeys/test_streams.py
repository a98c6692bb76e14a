"""Event streams over real HTTP, parsed as the specification says."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace, Refusal
from tests.conftest import MakeApp, Serve
from tests.journeys.streams import finish_run, start_run, states_in
from tests.sse_client import Stream
from tests.support import DEADLINE, RunGate, wait_until

STATE_ID = re.compile(r"[!-~]{1,100}")


class TestOneRun:
    def test_stream_sends_the_state_then_updates_then_the_end(
        self, url: str, run_gate: RunGate
    ) -> None:
        run_id = start_run("gated", run_gate.params)

        with Stream.open(f"{url}/gated/runs/{run_id}/stream") as stream:
            first = next(stream)
            run_gate.open()
            events = [first, *stream]

        assert first.name == "message"
        assert set(first.json) >= {"status", "outcome", "timestamp", "run"}
        assert (first.json["status"], first.json["outcome"]) == ("RUNNING", "running")
        assert first.json["run"]["run_id"] == run_id
        assert [event.name for event in events][-1] == "end"
        assert [event.name for event in events].count("end") == 1
        last = states_in(events)[-1].json
        assert (last["status"], last["outcome"]) == ("TERMINATED", "succeeded")
        assert stream.parser.retry == 2000
        assert not stream.parser.is_incomplete

    def test_stream_sends_no_state_twice_and_each_with_its_own_id(self, url: str) -> None:
        run_id = start_run("pipeline")

        with Stream.open(f"{url}/pipeline/runs/{run_id}/stream") as stream:
            events = list(stream)

        ids = [event.own_id for event in states_in(events)]
        assert all(name and STATE_ID.fullmatch(name) for name in ids)
        assert len(set(ids)) == len(ids)
        assert all(event.own_id is None for event in events if event.name != "message")

    def test_run_read_after_a_late_response_to_a_poll_is_not_older(
        self,
        url: str,
        run_gate: RunGate,
        fault_proxy: FaultyWorkspace,
        in_threads: Callable[..., Any],
    ) -> None:
        run_id = start_run("gated", run_gate.params)
        poll_started, ended = threading.Event(), threading.Event()

        def respond_late(exchange: Exchange) -> None:
            response = exchange.forward()
            poll_started.set()
            ended.wait(DEADLINE)
            exchange.respond(response)

        def read() -> str:
            outcome = current_jobs["gated"].status(run_id).outcome
            return outcome.value

        wait_until(lambda: read() == "running", "running")
        fault_proxy.fail(respond_late, path="runs/get", times=1)
        (poll,) = in_threads(lambda: Stream.open(f"{url}/gated/runs/{run_id}/stream?poll=1"))
        assert poll_started.wait(DEADLINE)
        run_gate.open()
        wait_until(lambda: read() == "succeeded", "the end")
        ended.set()
        poll.join(DEADLINE)
        assert read() == "succeeded"

    def test_stream_headers_keep_proxies_from_buffering(self, url: str) -> None:
        with Stream.open(f"{url}/never/runs/{finish_run('never')}/stream") as stream:
            list(stream)

        assert stream.status == 200
        assert stream.headers.get_content_type() == "text/event-stream"
        assert "no-transform" in stream.headers["Cache-Control"]
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert stream.headers["Content-Length"] is None
        assert stream.headers["Content-Encoding"] is None

    def test_stream_of_an_ended_run_sends_its_end_and_starts_nothing(
        self, url: str, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = finish_run("never")

        with Stream.open(f"{url}/never/runs/{run_id}/stream") as stream:
            events = list(stream)

        assert [event.name for event in events] == ["message", "end"]
        assert events[0].json["outcome"] == "skipped"
        assert len(fault_proxy.find_requests("POST")) == 1

    def test_stream_of_a_failed_run_ends_with_the_failure(self, url: str) -> None:
        run_id = start_run("failing")

        with Stream.open(f"{url}/failing/runs/{run_id}/stream") as stream:
            last = states_in(list(stream))[-1].json

        assert last["outcome"] == "failed"
        tasks = {
            task["task_key"]: task["state"].get("result_state") for task in last["run"]["tasks"]
        }
        assert tasks == {"fine": "SUCCESS", "broken": "FAILED", "after": "UPSTREAM_FAILED"}


class TestTriggering:
    def test_trigger_with_stream_follows_the_new_run(
        self, url: str, fault_proxy: FaultyWorkspace
    ) -> None:
        with Stream.open(
            f"{url}/greeting/run?stream=true", method="POST", body={"params": {"who": "Ada"}}
        ) as stream:
            events = list(stream)

        assert stream.headers.get_content_type() == "text/event-stream"
        (sent,) = fault_proxy.find_requests("POST", "run-now")
        run = states_in(events)[-1].json["run"]
        assert stream.headers["Location"].endswith(f"/api/jobs/greeting/runs/{run['run_id']}")
        assert sent.body["job_parameters"] == {"who": "Ada"}
        assert states_in(events)[-1].json["outcome"] == "succeeded"
        assert events[-1].name == "end"

    def test_streamed_trigger_without_more_threads_names_its_run(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The run has started: after an error, the client would start another one."""
        start = threading.Thread.start

        def refuse_one(thread: threading.Thread) -> None:
            if thread.name == "lakeflow-watch":
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse_one)
        with Stream.open(f"{url}/never/run?stream=true", method="POST", body={}) as stream:
            assert stream.status == 200
            assert f"/never/runs/{next(stream).json['run']['run_id']}" in stream.headers["Location"]

    def test_trigger_with_stream_and_a_used_key_follows_the_same_run(self, url: str) -> None:
        runs = []
        for _ in range(2):
            with Stream.open(
                f"{url}/never/run?stream=1", method="POST", headers={"Idempotency-Key": "stream"}
            ) as stream:
                runs.append(states_in(list(stream))[0].json["run"]["run_id"])

        assert runs[0] == runs[1]
        assert stream.headers["Idempotency-Replayed"] == "true"

    def test_trigger_with_stream_and_invalid_parameters_is_400(
        self, url: str, fault_proxy: FaultyWorkspace
    ) -> None:
        with Stream.open(
            f"{url}/never/run?stream=true", method="POST", body={"params": {"day": []}}
        ) as stream:
            assert stream.status == 400
            assert stream.headers.get_content_type() == "application/problem+json"
        assert not fault_proxy.find_requests("POST")

    def test_trigger_with_stream_without_view_permission_is_403(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        client = make_app(policy=lambda user, action, job: action == "run").test_client()

        assert client.post("/api/jobs/never/run?stream=true").status_code == 403
        assert fault_proxy.find_requests("POST", "run-now") == []
        assert client.post("/api/jobs/never/run").status_code == 200

    @pytest.mark.parametrize("flag", ["stream=maybe", "stream=true&poll=maybe"])
    def test_trigger_with_an_invalid_flag_starts_nothing(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, flag: str
    ) -> None:
        assert make_app().test_client().post(f"/api/jobs/never/run?{flag}").status_code == 400
        assert fault_proxy.find_requests("POST", "run-now") == []

    def test_trigger_with_stream_of_an_unreadable_run_names_the_run(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(403), path="runs/get")
        response = make_app().test_client().post("/api/jobs/never/run?stream=true")

        assert response.status_code == 200
        assert "event: error" in response.text
        assert '"status": 403' in response.text
        run_id = response.headers["Location"].rpartition("/")[2]
        assert int(run_id) > 0


class TestResume:
    def test_resume_in_another_process_sends_no_state_twice(
        self, url: str, make_app: MakeApp, serve: Serve, run_gate: RunGate
    ) -> None:
        run_id = start_run("gated", run_gate.params)
        path = f"/gated/runs/{run_id}/stream"
        with Stream.open(url + path) as stream:
            seen = next(stream)

        elsewhere = serve(make_app()) + "/api/jobs"  # shares no memory and no cache
        with Stream.open(elsewhere + path, last_event_id=seen.last_id) as resumed:
            run_gate.open()
            events = list(resumed)

        assert seen.own_id not in [event.own_id for event in events]
        assert states_in(events)[-1].json["outcome"] == "succeeded"
        assert events[-1].name == "end"

    def test_resume_after_the_end_is_204(self, url: str) -> None:
        path = f"/never/runs/{finish_run('never')}/stream"
        with Stream.open(url + path) as stream:
            last_id = list(stream)[-1].last_id

        with Stream.open(url + path, last_event_id=last_id) as again:
            assert again.status == 204

    @pytest.mark.parametrize("junk", ["999999.4.0-0123456789ab", "9" * 5000, "é\xff"])
    def test_resume_with_an_invalid_id_sends_the_current_state(self, url: str, junk: str) -> None:
        with Stream.open(
            f"{url}/never/runs/{finish_run('never')}/stream", last_event_id=junk
        ) as stream:
            assert [event.name for event in stream] == ["message", "end"]

    def test_stream_ended_by_its_lifetime_resumes_without_loss(
        self, make_app: MakeApp, serve: Serve, run_gate: RunGate
    ) -> None:
        app = make_app(LAKEFLOW_JOBS_STREAM_MAX_SECONDS=0.3)
        with app.app_context():
            run_id = start_run("gated", run_gate.params)
            url = f"{serve(app)}/api/jobs/gated/runs/{run_id}/stream"
            last_id, events, connections = None, [], 0
            while True:
                with Stream.open(url, last_event_id=last_id) as stream:
                    connections += 1
                    if stream.status == 204:
                        break
                    events += list(stream)
                    last_id = stream.parser.last_id or last_id
                if connections == 2:
                    run_gate.open()

        outcomes = [event.json["outcome"] for event in states_in(events)]
        assert outcomes[-1] == "succeeded"
        assert len({event.own_id for event in states_in(events)}) == len(outcomes)
        assert [event.name for event in events].count("end") == 1
        assert connections >= 3


class TestHead:
    def test_head_request_holds_no_stream(
        self, make_app: MakeApp, serve: Serve, run_gate: RunGate
    ) -> None:
        app = make_app(LAKEFLOW_JOBS_MAX_STREAMS=1)
        limiter = app.extensions["lakeflow_jobs.web"].limiter
        with app.app_context():
            run_id = start_run("gated", run_gate.params)
            url = f"{serve(app)}/api/jobs/gated/runs/{run_id}/stream"
            for _ in range(5):
                with Stream.open(url, method="HEAD") as headers:
                    assert headers.status == 200
                    assert list(headers) == []
            wait_until(lambda: limiter.held == 0, "the end of the responses to HEAD")

            with Stream.open(url) as stream:
                next(stream)
                assert stream.parser.retry == 2000, "there is room for a stream"
