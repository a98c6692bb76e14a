"""A connection over HTTP/2 to gunicorn, which serves its requests one after the other."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.streaming.conftest import StartServer
from tests.streaming.servers import gunicorn
from tests.streaming.workspace import FakeWorkspace
from tests.support import DEADLINE, wait_until

h2 = pytest.importorskip("h2.connection")
events = pytest.importorskip("h2.events")
pytest.importorskip("gunicorn.http2", reason="gunicorn 23 has no HTTP/2")

HTTP2 = ["--http-protocols=h1,h2", "--http2-cleartext=both"]


class Http2Client:
    """One connection over HTTP/2, without TLS."""

    def __init__(self, url: str) -> None:
        self._authority = urlsplit(url).netloc
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 0), DEADLINE)
        self._connection = h2.H2Connection()
        self._connection.initiate_connection()
        self._bodies: dict[int, bytes] = {}
        self._ended: set[int] = set()

    def get(self, path: str) -> int:
        """Send a request, and return the number of its stream."""
        stream: int = self._connection.get_next_available_stream_id()
        headers = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", self._authority),
            (":path", path),
        ]
        self._connection.send_headers(stream, headers, end_stream=True)
        self._bodies[stream] = b""
        self._socket.sendall(self._connection.data_to_send())
        return stream

    def read(self, stream: int) -> bytes:
        """Return the body of a response, at its end."""
        while stream not in self._ended:
            for event in self._connection.receive_data(self._receive()):
                self._keep(event)
        return self._bodies[stream]

    def _keep(self, event: Any) -> None:
        if isinstance(event, events.DataReceived):
            self._bodies[event.stream_id] += event.data
            self._connection.acknowledge_received_data(
                event.flow_controlled_length, event.stream_id
            )
        elif isinstance(event, events.StreamEnded):
            self._ended.add(event.stream_id)

    def _receive(self) -> bytes:
        self._socket.sendall(self._connection.data_to_send())
        data = self._socket.recv(65536)
        assert data, "The server closed the connection."
        return data

    def close(self) -> None:
        self._socket.close()


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_stream_over_http2_polls_and_does_not_block_its_connection(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int, worker_class: str
) -> None:
    server = start_server(gunicorn(f"--worker-class={worker_class}", "--threads=4", *HTTP2))
    client = Http2Client(server.url)
    try:
        path = server.stream_path(run_id)
        stream, ping = client.get(path), client.get("/ping")
        assert b"retry: 5000\n" in client.read(stream)
        assert client.read(ping).isdigit()
        assert server.held["streams"] == 0
        fake_workspace.end_run(run_id)
        wait_until(lambda: b"event: end\n" in client.read(client.get(path)), "the end")
    finally:
        client.close()
    assert "Traceback" not in server.log
