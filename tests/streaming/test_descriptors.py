"""A gthread worker that may open fewer files than there are clients."""

from __future__ import annotations

from contextlib import ExitStack

from tests.streaming.conftest import StartServer
from tests.streaming.raw import RawClient
from tests.streaming.servers import Server, gthread
from tests.support import wait_until

#: ``ulimit -n``. gunicorn itself accepts up to 1,000 connections, whatever the limit.
LIMIT = 256

CLIENTS = LIMIT + 50

COMMAND = ["sh", "-c", f'ulimit -n {LIMIT} && exec "$@"', "sh", *gthread(4)]


def assert_unharmed(server: Server, worker: int) -> None:
    """Assert that other routes respond, and that the same process serves them."""
    assert [server.responding_worker() for _ in range(5)] == [worker] * 5
    assert "Too many open files" not in server.log


def test_idle_streams_leave_files_for_other_routes(start_server: StartServer, run_id: int) -> None:
    server = start_server(COMMAND)
    worker = server.responding_worker()
    request = f"GET {server.stream_path(run_id)}"
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(RawClient(server.url, request))
        wait_until(lambda: server.held["streams"] == LIMIT * 3 // 4 - 64, "streams at their limit")
        assert_unharmed(server, worker)
    server.wait_until_held(streams=0, watched=0)


def test_idle_connections_leave_files_for_other_routes(start_server: StartServer) -> None:
    server = start_server(COMMAND)
    worker = server.responding_worker()
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(RawClient(server.url, "GET /ping"))
            client.read_until(b"\r\n\r\n")
        assert_unharmed(server, worker)
