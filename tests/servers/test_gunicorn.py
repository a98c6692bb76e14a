"""Streams on real gunicorn workers, in front of the local workspace."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import pytest
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.servers.conftest import Gunicorn
from tests.sse_client import Event, Stream
from tests.streaming.servers import Server
from tests.support import RunGate, wait_until

#: Sync workers hold no streams, so their clients poll.
SYNC = ("--workers=2",)
KINDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "sync": (SYNC, {}),
    "gthread": (("--worker-class=gthread", "--threads=8"), {"LAKEFLOW_JOBS_PUSH": "false"}),
    "gthread-handoff": (("--worker-class=gthread", "--threads=2"), {}),
    "gevent": (("--worker-class=gevent",), {}),
}
STREAMING = [kind for kind in KINDS if kind != "sync"]


@pytest.fixture(autouse=True)
def _inside(app: Flask) -> Iterator[None]:
    """Run the test in the context of an app with the same jobs."""
    with app.app_context():
        yield


@pytest.fixture
def server(request: pytest.FixtureRequest, start_gunicorn: Gunicorn) -> Server:
    arguments, settings = KINDS[request.param]
    return start_gunicorn(*arguments, **settings)


def on(*kinds: str) -> pytest.MarkDecorator:
    """Run a test on these kinds of workers."""
    return pytest.mark.parametrize("server", kinds, indirect=True)


def stream_url(server: Server, run_id: int, key: str = "gated") -> str:
    return f"{server.url}/api/jobs/{key}/runs/{run_id}/stream"


@contextmanager
def open_streams(server: Server, run_id: int, count: int) -> Iterator[list[Stream]]:
    """Open streams of a run and read their first events, to the end if the client is to poll."""
    with ExitStack() as stack:
        viewers = []
        for _ in range(count):
            viewer = stack.enter_context(Stream.open(stream_url(server, run_id)))
            assert next(viewer).json["outcome"] == "running"
            if viewer.parser.retry == 5000:
                assert list(viewer) == []
            viewers.append(viewer)
        yield viewers


def follow(url: str) -> list[Event]:
    """Return what an ``EventSource`` receives that reconnects until it gets 204."""
    events: list[Event] = []
    last_id = None
    while True:
        try:
            with Stream.open(url, last_event_id=last_id) as stream:
                if stream.status == 204:
                    return events
                for event in stream:
                    events.append(event)
                    last_id = event.last_id or last_id
        except (OSError, HTTPException):  # an EventSource reconnects after that too
            continue


@on(*KINDS)
def test_stream_follows_a_run_to_its_end(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with Stream.open(stream_url(server, run_id)) as stream:
        first = next(stream)
    assert first.json["outcome"] == "running"

    run_gate.open()
    events = follow(stream_url(server, run_id))

    states = [event for event in events if event.name == "message"]
    assert states[-1].json["outcome"] == "succeeded"
    assert len({event.own_id for event in states}) == len(states)
    assert [event.name for event in events].count("end") == 1


@on(*KINDS)
def test_other_routes_respond_beside_streams(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with open_streams(server, run_id, 12):
        for _ in range(5):
            server.get("/ping")
            server.get("/api/jobs/never/status")


@on("sync")
def test_sync_worker_sends_the_current_state_and_ends(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id

    with Stream.open(stream_url(server, run_id)) as stream:
        events = list(stream)

    assert stream.status == 200
    assert stream.parser.retry == 5000
    assert [event.json["outcome"] for event in events] == ["running"]


@on("gthread")
def test_gthread_worker_at_its_limit_lets_clients_poll(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with open_streams(server, run_id, 12) as viewers:
        retries = [viewer.parser.retry for viewer in viewers]

        assert retries.count(2000) == 6
        assert retries.count(5000) == 6
        server.get("/ping")


@on(*STREAMING)
def test_stopped_worker_ends_its_streams_cleanly(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with open_streams(server, run_id, 5) as viewers:
        server.stop()
        assert server.process.returncode == 0

        for viewer in viewers:
            rest = list(viewer)  # a cut response raises
            assert "end" not in [event.name for event in rest], "the run has not ended"
            assert not viewer.parser.is_incomplete
    assert "Traceback" not in server.log


@on("gthread", "gthread-handoff", "gevent")
def test_killed_worker_costs_no_client_the_end(
    server: Server, run_gate: RunGate, fault_proxy: FaultyWorkspace
) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with Stream.open(stream_url(server, run_id)) as stream:
        last_id = next(stream).last_id
        worker = server.responding_worker()
        os.kill(worker, signal.SIGKILL)
        with pytest.raises((OSError, HTTPException)):
            list(stream)
    wait_until(lambda: server.responding_worker() not in (0, worker), "another worker")

    with Stream.open(stream_url(server, run_id), last_event_id=last_id) as resumed:
        run_gate.open()
        events = list(resumed)

    assert [event.name for event in events].count("end") == 1
    assert [event.json["outcome"] for event in events if event.name == "message"] == ["succeeded"]
    assert len(fault_proxy.find_requests("POST", "run-now")) == 1


@on("gthread-handoff")
def test_handed_off_connection_announces_its_close(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=30)) as connection:
        connection.request("GET", stream_url(server, run_id))
        active = connection.getresponse()
        run_gate.open()
        active.read()
        connection.request(
            "GET", stream_url(server, run_id)
        )  # over a new connection after Connection: close
        ended = connection.getresponse()
        assert b"event: end" in ended.read()

    assert active.headers["Connection"] == "close"
    assert ended.headers["Connection"] == "keep-alive"


@on("gthread", "gthread-handoff")
def test_http_1_0_client_gets_its_events(server: Server) -> None:
    run_id = current_jobs["never"].run_now().run_id
    parts = urlsplit(stream_url(server, run_id, "never"))
    with socket.create_connection((parts.hostname or "", parts.port or 0), 30) as connection:
        connection.sendall(f"GET {parts.path} HTTP/1.0\r\n\r\n".encode())
        data = b""
        while chunk := connection.recv(65536):
            data += chunk

    head, _, body = data.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert body.startswith(b"retry: ")
    assert b"\nevent: end\n" in body
