"""A harness of the writer of handed-off streams."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from flask_lakeflow_jobs.web.servers import Server
from flask_lakeflow_jobs.web.sse.encoder import encode_run_update
from flask_lakeflow_jobs.web.sse.handoff.body import HandoffBody
from flask_lakeflow_jobs.web.sse.handoff.writer import SocketWriter
from flask_lakeflow_jobs.web.sse.limits import StreamLimiter
from flask_lakeflow_jobs.web.sse.stream import BlockingBody, Stream
from tests.clocks import FakeClock
from tests.support import DEADLINE, wait_until
from tests.watching.support import RUNNING, HubHarness

HEARTBEAT = 10.0
LIFETIME = 280.0
TWO_THREADS = Server("two threads", threads=2)
ONE_THREAD = Server("one thread", threads=1)


class WriterHarness:
    """A hub in front of one run, a writer, and as many clients as a test needs."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.hub_harness = HubHarness(clock=self.clock)
        self.limiter = StreamLimiter(100)
        self.is_closing = False
        self.writer = SocketWriter(
            self.clock, heartbeat=HEARTBEAT, is_closing=lambda: self.is_closing
        )
        self._stack = ExitStack()

    def poll(self, response: object = None, *, after: float = 0.0) -> None:
        self.hub_harness.poll(response, after=after)  # type: ignore[arg-type]

    def stream(self) -> Stream:
        permit = self.limiter.acquire_socket(TWO_THREADS)
        assert permit is not None
        ends_at = self.clock.monotonic() + LIFETIME
        subscription = self.hub_harness.subscribe()
        return Stream(subscription, encode_run_update, ends_at=ends_at, permit=permit)

    def hand_off(self, stream: Stream, *, buffer: int | None = None) -> socket.socket:
        """Let the writer write a stream; return the client's socket.

        :param buffer: bytes that the kernel buffers for a client that does not read.
        """
        near, far = socket.socketpair()
        if buffer is not None:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        near.setblocking(False)
        far.settimeout(DEADLINE)
        self._stack.enter_context(far)
        assert self.writer.start()
        self.writer.add(near.detach(), stream)
        return far

    def client(self, *, buffer: int | None = None) -> socket.socket:
        return self.hand_off(self.stream(), buffer=buffer)

    def body(self, server: Server = TWO_THREADS, state: object = RUNNING) -> HandoffBody:
        """A body whose first event has the state of the run."""
        stream = self.stream()
        self.poll(state)
        events = stream.encode(stream.subscription.wait_for_first(0.0))
        fallback = BlockingBody(
            stream,
            events,
            heartbeat=0.0,
            clock=self.clock,
            is_closing=lambda: self.is_closing,
            abandon=lambda _: None,
        )
        return HandoffBody(fallback, stream, events, self.writer, server)

    def wait_for_held(self, count: int) -> None:
        wait_until(lambda: self.limiter.held == count, f"{count} streams")

    def close(self) -> None:
        self.is_closing = True
        self.wait_for_held(0)
        self._stack.close()


@pytest.fixture
def harness() -> Iterator[WriterHarness]:
    harness = WriterHarness()
    yield harness
    harness.close()
