"""The one thread that writes all pushed streams: what it writes, when, and what it lets go of."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest
from flask import Flask, request

from flask_lakeflow_jobs.watching.watched_run import RunUpdate
from flask_lakeflow_jobs.web.sse.encoder import RunEventEncoder
from flask_lakeflow_jobs.web.sse.handoff.writer import (
    LAST_CHUNK,
    STALL,
    HandoffBody,
    SocketWriter,
    StreamResponse,
    chunk,
)
from flask_lakeflow_jobs.web.sse.limits import StreamLimiter
from flask_lakeflow_jobs.web.sse.stream import POLLING_RETRY, BlockingBody, Stream
from tests.clocks import FakeClock
from tests.run_documents import run, words
from tests.support import DEADLINE, wait_until
from tests.watching.support import ENDED, ONE, POLL_INTERVAL, RUNNING, HubHarness
from tests.web.test_server import WERKZEUG

HEARTBEAT = 10.0
AGE = 280.0


class House:
    """A watched run, a pusher, and as many readers as a test wants."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.watched = HubHarness(clock=self.clock)
        self.slots = StreamLimiter(100)
        self.is_closing = False
        self.socket_writer = SocketWriter(
            self.clock, heartbeat=HEARTBEAT, is_closing=lambda: self.is_closing
        )
        self._stack = ExitStack()

    def stream(self) -> Stream:
        """A stream that takes a slot."""
        assert self.slots.acquire_socket()
        return Stream(
            self.watched.subscribe(),
            RunEventEncoder(ONE),
            ends_at=self.clock.monotonic() + AGE,
            slots=self.slots,
            holds_thread=False,
        )

    def reader(self, *, buffer: int | None = None) -> socket.socket:
        """The far end of a pushed stream."""
        near, far = socket.socketpair()
        if buffer is not None:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        near.setblocking(False)
        far.settimeout(DEADLINE)
        self._stack.enter_context(far)
        self.socket_writer.adopt(near.detach(), self.stream())
        return far

    def close(self) -> None:
        self.is_closing = True
        wait_until(lambda: self.slots.held == 0, "The end of all streams")
        self._stack.close()


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


def read(reader: socket.socket, until: bytes) -> bytes:
    data = bytearray()
    while until not in data[-100_000:]:
        part = reader.recv(65536)
        assert part, f"It ended with {bytes(data[-100:])!r}"
        data += part
    return bytes(data)


def test_news_are_written_as_chunks_and_the_end_closes_the_connection(house: House) -> None:
    reader = house.reader()
    house.watched.poll(RUNNING)
    news = read(reader, b"\n\n\r\n")
    size, _, event = news.partition(b"\r\n")
    assert news == chunk(event.removesuffix(b"\r\n"))
    assert int(size, 16) == len(event) - 2
    house.watched.poll(ENDED, after=POLL_INTERVAL)
    assert b"event: end\n" in read(reader, LAST_CHUNK)
    assert reader.recv(100) == b""
    wait_until(lambda: house.slots.held == 0, "The end of the stream")
    assert house.watched.hub.subscribed_run_count == 0


def test_what_changed_before_it_was_taken_over_is_written_too(house: House) -> None:
    house.watched.subscribe()
    house.watched.poll(ENDED)
    near, far = socket.socketpair()
    near.setblocking(False)
    with far:
        far.settimeout(DEADLINE)
        house.watched.source.set_response(ENDED)
        stream = house.stream()
        house.watched.poll()
        house.socket_writer.adopt(near.detach(), stream)
        assert b"event: end\n" in read(far, LAST_CHUNK)


def test_silence_is_filled_with_comments(house: House) -> None:
    reader = house.reader()
    house.watched.poll(RUNNING)
    read(reader, b"\n\n\r\n")
    for _ in range(3):
        house.clock.sleep(HEARTBEAT)
        comment = read(reader, b"\n\n\r\n")
        assert comment.partition(b"\r\n")[2].startswith(b":")


def test_a_stream_ends_by_its_age_and_its_client_comes_back(house: House) -> None:
    reader = house.reader()
    house.clock.sleep(AGE)
    assert b"retry: " in read(reader, LAST_CHUNK)
    wait_until(lambda: house.slots.held == 0, "The end of the stream")


def test_it_does_so_though_news_come_all_the_time(house: House) -> None:
    reader = house.reader()
    answer = b""
    for number in range(int(AGE / POLL_INTERVAL) + 1):
        house.watched.poll(run(words("RUNNING", message=f"News {number}.")), after=POLL_INTERVAL)
        answer += read(reader, b"\r\n")
        if answer.endswith(LAST_CHUNK):
            break
    assert answer.endswith(LAST_CHUNK)


def test_a_process_that_ends_ends_its_streams_in_good_order(house: House) -> None:
    readers = [house.reader() for _ in range(20)]
    house.watched.poll(RUNNING)
    for reader in readers:
        read(reader, b"\n\n\r\n")
    house.is_closing = True
    for reader in readers:
        assert b"retry: " in read(reader, LAST_CHUNK)
    wait_until(lambda: house.slots.held == 0, "The end of the streams")


def test_a_reader_that_leaves_is_let_go_at_once(house: House) -> None:
    readers = [house.reader() for _ in range(3)]
    readers[0].close()
    wait_until(lambda: house.slots.held == 2, "The end of the stream")
    assert house.watched.hub.subscribed_run_count == 1
    for reader in readers[1:]:
        reader.close()
    wait_until(lambda: house.slots.held == 0, "The end of the streams")
    assert house.watched.hub.subscribed_run_count == 0


def test_a_slow_reader_skips_to_the_latest_state_and_a_stalled_one_is_let_go(
    house: House,
) -> None:
    large = "x" * 2**20
    slow, stalled, quick = house.reader(buffer=4096), house.reader(buffer=4096), house.reader()
    for number in range(5):
        state = run(words("RUNNING", message=f"State {number}."), description=large)
        house.watched.poll(state, after=POLL_INTERVAL)
        read(quick, b"State %d." % number)
    answer = read(slow, b"State 4.")
    assert b"State 0." in answer
    assert b"State 2." not in answer
    house.clock.sleep(STALL)
    wait_until(lambda: house.slots.held == 2, "The end of the stalled stream")
    stalled.close()


def test_a_mistake_at_one_stream_is_no_other_streams_trouble(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    readers = [house.reader() for _ in range(5)]
    house.watched.poll(RUNNING)
    for reader in readers:
        read(reader, b"\n\n\r\n")
    written, mistakes = Stream.written, [KeyError("surprise")]

    def failing_once(stream: Stream, news: Sequence[RunUpdate]) -> bytes:
        if mistakes:
            raise mistakes.pop()
        return written(stream, news)

    monkeypatch.setattr(Stream, "written", failing_once)
    house.watched.poll(ENDED, after=POLL_INTERVAL)
    responses = [_rest(reader) for reader in readers]
    assert sum(b"event: end\n" in answer for answer in responses) == 4
    assert "surprise" in caplog.text
    wait_until(lambda: house.slots.held == 0, "The end of the streams")


def _rest(reader: socket.socket) -> bytes:
    answer = b""
    while part := reader.recv(65536):
        answer += part
    return answer


# ── the body, until it is taken over ──────────────────────────────────────────────────────────────


def body_of(house: House) -> HandoffBody:
    stream = house.stream()
    house.watched.poll(RUNNING)
    opening = stream.opening(stream.subscription.wait_for_first(0.0))
    pull = BlockingBody(
        stream, opening, heartbeat=0.0, clock=house.clock, is_closing=lambda: house.is_closing
    )
    return HandoffBody(pull, stream, len(opening), house.socket_writer)


def test_what_cannot_be_taken_over_goes_on_in_its_thread(house: House) -> None:
    body = body_of(house)
    body.sent_over(WERKZEUG, None)
    assert b"running" in next(body)
    assert next(body).startswith(b":")
    house.watched.poll(ENDED, after=POLL_INTERVAL)
    assert b"event: end\n" in next(body)
    with pytest.raises(StopIteration):
        next(body)
    body.close()
    assert house.slots.held == 0


def test_without_a_thread_for_it_the_client_polls(house: House) -> None:
    body = body_of(house)
    body.sent_over({"SERVER_SOFTWARE": "gunicorn/23.0.0", "wsgi.multithread": False}, None)
    assert b"running" in next(body)
    assert next(body) == b"retry: %d\n\n" % POLLING_RETRY
    with pytest.raises(StopIteration):
        next(body)
    body.close()
    body.close()
    assert house.slots.held == 0


def test_a_body_that_nobody_reads_holds_nothing(house: House) -> None:
    body = body_of(house)
    assert house.slots.held == 1
    body.close()
    assert house.slots.held == 0
    assert house.watched.hub.subscribed_run_count == 0


def test_the_response_says_that_it_is_a_stream(house: House) -> None:
    """So that an ``after_request`` of the host's leaves its body alone."""
    with Flask(__name__).app_context():
        response = StreamResponse(body_of(house))
        assert response.is_streamed
        response.close()
    assert house.slots.held == 0


def test_the_response_lives_no_longer_than_it_takes_to_begin(house: House) -> None:
    """Only its body does, of which there may be thousands."""
    app = Flask(__name__)
    with app.test_request_context():
        response = StreamResponse(body_of(house))
        body = response(request.environ, lambda *_: lambda _: None)
        assert body is response.response
        response.close()


def test_who_waits_for_the_end_of_the_response_is_told(house: House) -> None:
    ended = []
    app = Flask(__name__)
    with app.test_request_context():
        response = StreamResponse(body_of(house))
        response.call_on_close(lambda: ended.append(True))
        body = response(request.environ, lambda *_: lambda _: None)
    assert not ended
    body.close()  # type: ignore[attr-defined]
    assert ended == [True]
    assert house.slots.held == 0
