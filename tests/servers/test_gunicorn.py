"""Streams under real gunicorns: they fit the server, and nobody misses the end."""

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

#: Sync workers hold no stream: their viewers poll, by the same protocol.
SYNC = ("--workers=2",)
KINDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "sync": (SYNC, {}),
    "gthread": (("--worker-class=gthread", "--threads=8"), {"LAKEFLOW_JOBS_PUSH": "false"}),
    "gthread-push": (("--worker-class=gthread", "--threads=2"), {}),
    "gevent": (("--worker-class=gevent",), {}),
}
STREAMING = [kind for kind in KINDS if kind != "sync"]


@pytest.fixture(autouse=True)
def _inside(app: Flask) -> Iterator[None]:
    """An app beside the server, to start and to await runs with."""
    with app.app_context():
        yield


@pytest.fixture
def server(request: pytest.FixtureRequest, gunicorn_server: Gunicorn) -> Server:
    arguments, settings = KINDS[request.param]
    return gunicorn_server(*arguments, **settings)


def on(*kinds: str) -> pytest.MarkDecorator:
    """The kinds of servers that a test runs on."""
    return pytest.mark.parametrize("server", kinds, indirect=True)


def stream_of(server: Server, run_id: int, key: str = "gated") -> str:
    return f"{server.url}/api/jobs/{key}/runs/{run_id}/stream"


@contextmanager
def viewers_of(server: Server, run_id: int, count: int) -> Iterator[list[Stream]]:
    """Some that watch a run, and have its first state; where they are sent away, they go."""
    with ExitStack() as stack:
        viewers = []
        for _ in range(count):
            viewer = stack.enter_context(Stream.open(stream_of(server, run_id)))
            assert next(viewer).json["outcome"] == "running"
            if viewer.parser.retry == 5000:
                assert list(viewer) == []
            viewers.append(viewer)
        yield viewers


def follow(url: str) -> list[Event]:
    """What an ``EventSource`` sees that comes back until it is told to stop."""
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
        except (OSError, HTTPException):  # broken off: a browser comes back after that, too
            continue


@on(*KINDS)
def test_a_stream_goes_to_its_end(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with Stream.open(stream_of(server, run_id)) as stream:
        first = next(stream)
    assert first.json["outcome"] == "running"

    run_gate.open()
    events = follow(stream_of(server, run_id))

    states = [event for event in events if event.name == "message"]
    assert states[-1].json["outcome"] == "succeeded"
    assert len({event.own_id for event in states}) == len(states)
    assert [event.name for event in events].count("end") == 1


@on(*KINDS)
def test_other_routes_are_answered_meanwhile(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with viewers_of(server, run_id, 12):
        for _ in range(5):
            server.get("/ping")
            server.get("/api/jobs/never/status")


@on("sync")
def test_a_sync_worker_gives_the_present_state_and_ends(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id

    with Stream.open(stream_of(server, run_id)) as stream:
        events = list(stream)

    assert stream.status == 200
    assert stream.parser.retry == 5000
    assert [event.json["outcome"] for event in events] == ["running"]


@on("gthread")
def test_over_the_room_for_streams_viewers_poll_and_a_quarter_of_the_threads_stays_free(
    server: Server, run_gate: RunGate
) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with viewers_of(server, run_id, 12) as viewers:
        retries = [viewer.parser.retry for viewer in viewers]

        assert retries.count(2000) == 6
        assert retries.count(5000) == 6
        server.get("/ping")


@on(*STREAMING)
def test_a_worker_that_is_told_to_stop_ends_its_streams_in_good_order(
    server: Server, run_gate: RunGate
) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with viewers_of(server, run_id, 5) as viewers:
        server.stop()
        assert server.process.returncode == 0

        for viewer in viewers:
            rest = list(viewer)  # raises where the response is broken off
            assert "end" not in [event.name for event in rest], "the run goes on"
            assert not viewer.parser.is_in_the_middle
    assert "Traceback" not in server.log


@on("gthread", "gthread-push", "gevent")
def test_a_killed_worker_costs_no_viewer_the_end(
    server: Server, run_gate: RunGate, fault_proxy: FaultyWorkspace
) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with Stream.open(stream_of(server, run_id)) as stream:
        last_id = next(stream).last_id
        worker = server.responding_worker()
        os.kill(worker, signal.SIGKILL)
        with pytest.raises((OSError, HTTPException)):
            list(stream)
    wait_until(lambda: server.responding_worker() not in (0, worker), "another worker")

    with Stream.open(stream_of(server, run_id), last_event_id=last_id) as resumed:
        run_gate.open()
        events = list(resumed)

    assert [event.name for event in events].count("end") == 1
    assert [event.json["outcome"] for event in events if event.name == "message"] == ["succeeded"]
    assert len(fault_proxy.find_requests("POST", "run-now")) == 1


@on("gthread-push")
def test_a_connection_that_ends_with_its_stream_says_so(server: Server, run_gate: RunGate) -> None:
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=30)) as connection:
        connection.request("GET", stream_of(server, run_id))
        going = connection.getresponse()
        run_gate.open()
        going.read()
        connection.request("GET", stream_of(server, run_id))  # over a new one, if it was told
        ended = connection.getresponse()
        assert b"event: end" in ended.read()

    assert going.headers["Connection"] == "close"
    assert ended.headers["Connection"] == "keep-alive"


@on("gthread", "gthread-push")
def test_clients_of_http_1_0_get_their_events_too(server: Server) -> None:
    run_id = current_jobs["never"].run_now().run_id
    parts = urlsplit(stream_of(server, run_id, "never"))
    with socket.create_connection((parts.hostname or "", parts.port or 0), 30) as connection:
        connection.sendall(f"GET {parts.path} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk

    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert body.startswith(b"retry: ")
    assert b"\nevent: end\n" in body
