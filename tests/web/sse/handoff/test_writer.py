"""The thread that writes handed-off streams: what it writes, when, and what it frees."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import pytest
from databricks.sdk.service.jobs import Run
from flask import Flask, request

from flask_lakeflow_jobs.watching.watched_run import RunUpdate
from flask_lakeflow_jobs.web.sse.handoff.body import StreamResponse
from flask_lakeflow_jobs.web.sse.handoff.writer import (
    LAST_CHUNK,
    STALL_TIMEOUT_SECONDS,
    format_chunk,
    frame,
)
from flask_lakeflow_jobs.web.sse.stream import (
    OPENING,
    POLLING_RETRY_MILLISECONDS,
    Stream,
)
from tests.run_documents import run, run_state
from tests.support import DEADLINE, refuse_threads
from tests.watching.support import ENDED, POLL_INTERVAL, RUNNING
from tests.web.sse.handoff.conftest import HEARTBEAT, LIFETIME, ONE_THREAD, WriterHarness

#: What finds the connection of a body.
FIND_CONNECTION = "flask_lakeflow_jobs.web.sse.handoff.body.find_connection"


def read(client: socket.socket, until: bytes) -> bytes:
    data = bytearray()
    while until not in data[-100_000:]:
        part = client.recv(65536)
        assert part, f"The stream ended with {bytes(data[-100:])!r}"
        data += part
    return bytes(data)


def read_all(client: socket.socket) -> bytes:
    data = b""
    while part := client.recv(65536):
        data += part
    return data


@pytest.mark.parametrize(
    ("data", "is_last", "expected"),
    [
        (b"x" * 20, False, b"14\r\n" + b"x" * 20 + b"\r\n"),
        (b"x", True, b"1\r\nx\r\n0\r\n\r\n"),
        (b"", True, b"0\r\n\r\n"),
    ],
)
def test_frame_is_chunked(data: bytes, is_last: bool, expected: bytes) -> None:
    assert frame(data, is_last=is_last) == expected


def test_frame_of_equal_data_is_shared() -> None:
    assert frame(b"event", is_last=False) is frame(b"event", is_last=False)


def test_writer_sends_updates_as_chunks_and_closes_after_the_end(
    harness: WriterHarness,
) -> None:
    client = harness.client()
    harness.poll(RUNNING)
    chunk = read(client, b"\n\n\r\n")
    size, _, event = chunk.partition(b"\r\n")
    assert chunk == format_chunk(event.removesuffix(b"\r\n"))
    assert int(size, 16) == len(event) - 2
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert b"event: end\n" in read(client, LAST_CHUNK)
    assert client.recv(100) == b""
    harness.wait_for_held(0)
    assert harness.hub_harness.hub.subscribed_run_count == 0


def test_writer_sends_an_update_from_before_the_handoff(harness: WriterHarness) -> None:
    harness.hub_harness.subscribe()
    harness.poll(ENDED)
    stream = harness.stream()
    harness.poll()
    client = harness.hand_off(stream)
    assert b"event: end\n" in read(client, LAST_CHUNK)


def test_writer_without_updates_sends_comments(harness: WriterHarness) -> None:
    client = harness.client()
    harness.poll(RUNNING)
    read(client, b"\n\n\r\n")
    for _ in range(3):
        harness.clock.sleep(HEARTBEAT)
        comment = read(client, b"\n\r\n")
        assert comment.partition(b"\r\n")[2].startswith(b":")


def test_writer_ends_a_stream_after_its_lifetime(harness: WriterHarness) -> None:
    client = harness.client()
    harness.clock.sleep(LIFETIME)
    assert b"retry: " in read(client, LAST_CHUNK)
    harness.wait_for_held(0)


def test_writer_ends_a_stream_with_constant_updates_after_its_lifetime(
    harness: WriterHarness,
) -> None:
    client = harness.client()
    data = b""
    for number in range(int(LIFETIME / POLL_INTERVAL) + 1):
        state = run(run_state("RUNNING", message=f"State {number}."))
        harness.poll(state, after=POLL_INTERVAL)
        data += read(client, b"\r\n")
        if data.endswith(LAST_CHUNK):
            break
    assert (data + read_all(client)).endswith(LAST_CHUNK)


def test_writer_of_a_closing_process_ends_all_streams(harness: WriterHarness) -> None:
    clients = [harness.client() for _ in range(20)]
    harness.poll(RUNNING)
    for client in clients:
        read(client, b"\n\n\r\n")
    harness.is_closing = True
    for client in clients:
        assert b"retry: " in read(client, LAST_CHUNK)
    harness.wait_for_held(0)


def test_writer_frees_the_stream_of_a_client_that_left(harness: WriterHarness) -> None:
    clients = [harness.client() for _ in range(3)]
    clients[0].close()
    harness.wait_for_held(2)
    assert harness.hub_harness.hub.subscribed_run_count == 1
    for client in clients[1:]:
        client.close()
    harness.wait_for_held(0)
    assert harness.hub_harness.hub.subscribed_run_count == 0


def test_writer_slow_client_skips_states_and_stalled_client_is_dropped(
    harness: WriterHarness,
) -> None:
    large = "x" * 2**20
    slow, stalled = harness.client(buffer=4096), harness.client(buffer=4096)
    quick = harness.client()
    for number in range(5):
        state = run(run_state("RUNNING", message=f"State {number}."), description=large)
        harness.poll(state, after=POLL_INTERVAL)
        read(quick, b"State %d." % number)
    data = read(slow, b"State 4.")
    assert b"State 0." in data
    assert b"State 2." not in data
    harness.clock.sleep(STALL_TIMEOUT_SECONDS)
    harness.wait_for_held(2)
    stalled.close()


def test_writer_error_in_one_stream_ends_no_other(
    harness: WriterHarness,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clients = [harness.client() for _ in range(5)]
    harness.poll(RUNNING)
    for client in clients:
        read(client, b"\n\n\r\n")
    encode, errors = Stream.encode, [KeyError("surprise")]

    def fail_once(stream: Stream, updates: Sequence[RunUpdate]) -> bytes:
        if errors:
            raise errors.pop()
        return encode(stream, updates)

    monkeypatch.setattr(Stream, "encode", fail_once)
    harness.poll(ENDED, after=POLL_INTERVAL)
    rests = [read_all(client) for client in clients]
    assert sum(b"event: end\n" in rest for rest in rests) == 4
    assert "surprise" in caplog.text
    harness.wait_for_held(0)


def test_body_without_a_connection_continues_in_its_thread(harness: WriterHarness) -> None:
    body = harness.body()
    body.start({}, None)
    assert next(body) == OPENING
    assert b"running" in next(body)
    assert next(body).startswith(b":")
    harness.poll(ENDED, after=POLL_INTERVAL)
    assert b"event: end\n" in next(body)
    with pytest.raises(StopIteration):
        next(body)
    body.close()
    assert harness.limiter.held == 0


def test_body_without_a_connection_or_a_thread_makes_the_client_poll(
    harness: WriterHarness,
) -> None:
    body = harness.body(ONE_THREAD)
    body.start({}, None)
    assert next(body) == OPENING
    last = next(body)
    assert last.count(b"running") == 1
    assert last.endswith(b"retry: %d\n" % POLLING_RETRY_MILLISECONDS)
    with pytest.raises(StopIteration):
        next(body)
    body.close()
    body.close()
    assert harness.limiter.held == 0


class Connection:
    """A connection that can be handed off once its opening is sent."""

    def __init__(self, near: socket.socket) -> None:
        self.near = near
        self.is_closing = False

    def announce_close(self) -> None:
        self.is_closing = True

    def has_sent(self, sent: int) -> bool:
        return sent == len(OPENING)

    def detach(self) -> int:
        self.near.setblocking(False)
        return self.near.detach()


def test_body_without_a_thread_to_write_it_stays_with_the_server(
    harness: WriterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one is handed off, when there is one again."""

    near, far = socket.socketpair()
    monkeypatch.setattr(FIND_CONNECTION, lambda *_: Connection(near))
    body = harness.body()
    body.start({}, None)
    assert next(body) == OPENING
    with monkeypatch.context() as patch:
        refuse_threads(patch)
        open_files = len(os.listdir("/proc/self/fd"))
        assert b"running" in next(body)
        assert len(os.listdir("/proc/self/fd")) == open_files
    near.sendall(b"gunicorn's")
    assert far.recv(100) == b"gunicorn's"
    body.close()
    with far, near:
        assert b"running" in read(harness.client(), b"\n\n")


@pytest.mark.parametrize("state", [RUNNING, ENDED], ids=["running", "ended"])
def test_body_with_a_long_first_event_needs_no_thread_while_it_is_sent(
    harness: WriterHarness, monkeypatch: pytest.MonkeyPatch, state: Run
) -> None:
    """A client that reads nothing must hold no thread of the server."""
    long_state = Run.from_dict({**state.as_dict(), "description": "x" * 5_000_000})
    near, far = socket.socketpair()
    connection = Connection(near)
    monkeypatch.setattr(FIND_CONNECTION, lambda *_: connection)
    body = harness.body(ONE_THREAD, long_state)
    with far:
        body.start({}, None)
        assert connection.is_closing
        assert next(body) == OPENING
        with pytest.raises(StopIteration):
            next(body)
        body.close()
        assert harness.limiter.held == 1
        far.settimeout(DEADLINE)
        assert len(read(far, b"\n\n\r\n")) > 5_000_000
        if state is RUNNING:
            harness.poll(ENDED, after=POLL_INTERVAL)
            assert b"event: end\n" in read_all(far)
    harness.wait_for_held(0)


def test_body_with_a_short_end_keeps_the_connection(
    harness: WriterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = socket.socketpair()
    connection = Connection(near)
    monkeypatch.setattr(FIND_CONNECTION, lambda *_: connection)
    with near, far:
        body = harness.body(state=ENDED)
        body.start({}, None)
        opening, events = body
    assert (opening, connection.is_closing) == (OPENING, False)
    assert b"event: end\n" in events
    assert harness.limiter.held == 0


def test_response_is_streamed(harness: WriterHarness) -> None:
    """An ``after_request`` function of the app must leave its body alone."""
    with Flask(__name__).app_context():
        response = StreamResponse(harness.body())
        assert response.is_streamed
        assert harness.limiter.held == 1
        response.close()
    assert harness.limiter.held == 0
    assert harness.hub_harness.hub.subscribed_run_count == 0


def test_response_returns_its_body_so_that_it_can_be_freed(
    harness: WriterHarness,
) -> None:
    with Flask(__name__).test_request_context():
        response = StreamResponse(harness.body())
        body = response(request.environ, lambda *_: lambda _: None)
        assert body is response.response
        response.close()


def test_response_calls_on_close_functions_at_its_end(harness: WriterHarness) -> None:
    calls = []
    with Flask(__name__).test_request_context():
        response = StreamResponse(harness.body())
        response.call_on_close(lambda: calls.append(True))
        body = response(request.environ, lambda *_: lambda _: None)
    assert not calls
    body.close()  # type: ignore[attr-defined]
    assert calls == [True]
    assert harness.limiter.held == 0
