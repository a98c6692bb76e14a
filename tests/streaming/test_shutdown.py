"""Servers that stop, restart or crash with open streams: each client gets the end once."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

import pytest

from tests.sse_client import Event, Stream
from tests.streaming.conftest import StartServer
from tests.streaming.servers import Server, gthread, gunicorn, open_streams
from tests.streaming.workspace import FakeWorkspace
from tests.support import DEADLINE, wait_until

#: Seconds that gunicorn would wait for requests that do not end: longer than a test does.
GRACEFUL_SECONDS = 10 * int(DEADLINE)

HANDOFF = ("push", gthread(4))
BLOCKING = ("pull", gthread(40))
GEVENT = ("gevent", gunicorn("--worker-class=gevent"))


def on(*kinds: tuple[str, Sequence[str]], more: Sequence[str] = ()) -> pytest.MarkDecorator:
    """Run a test on these kinds of workers."""
    return pytest.mark.parametrize(
        ("push", "command"),
        [
            pytest.param(
                str(name == "push"),
                [*command[:-1], *more, command[-1]],
                id=name,
            )
            for name, command in kinds
        ],
    )


def assert_ended_to_reconnect(viewer: Stream) -> None:
    """Assert that the response ended with a reconnect delay; a cut response raises."""
    assert list(viewer) == [], "the run has not ended"
    assert viewer.parser.retry is not None
    assert 500 <= viewer.parser.retry <= 3000


def follow(server: Server, run_id: int, first: Stream) -> list[Event]:
    """Return what an ``EventSource`` receives that reconnects until it gets 204."""
    events: list[Event] = []
    stream, last_id = first, first.parser.last_id
    while True:
        try:
            for event in stream:
                events.append(event)
                last_id = event.last_id
            stream = server.stream(run_id, last_event_id=last_id)
        except (
            OSError,
            HTTPException,
        ):  # an EventSource reconnects after that too
            continue
        if stream.status == 204:
            stream.close()
            return events


@on(HANDOFF, BLOCKING, GEVENT, more=[f"--graceful-timeout={GRACEFUL_SECONDS}"])
def test_stopped_server_ends_its_streams_cleanly_and_soon(
    start_server: StartServer, run_id: int, push: str, command: Sequence[str]
) -> None:
    server = start_server(command, LAKEFLOW_JOBS_PUSH=push, LAKEFLOW_JOBS_HEARTBEAT="60")
    with open_streams(server, run_id) as viewers:
        server.stop()
        for viewer in viewers:
            assert_ended_to_reconnect(viewer)
    assert "Traceback" not in server.log


@on(HANDOFF, BLOCKING)
def test_reload_ends_streams_so_that_clients_reconnect(
    start_server: StartServer, run_id: int, push: str, command: Sequence[str]
) -> None:
    server = start_server(command, LAKEFLOW_JOBS_PUSH=push, LAKEFLOW_JOBS_HEARTBEAT="60")
    with open_streams(server, run_id) as viewers:
        old = server.responding_worker()
        server.signal(signal.SIGHUP)
        for viewer in viewers:
            assert_ended_to_reconnect(viewer)
    wait_until(lambda: server.responding_worker() not in (0, old), "a new worker")
    wait_until(lambda: not os.path.exists(f"/proc/{old}"), "the end of the old worker")


@on(HANDOFF, BLOCKING, GEVENT, more=["--max-requests=12"])
def test_worker_at_max_requests_ends_its_streams_cleanly(
    start_server: StartServer, run_id: int, push: str, command: Sequence[str]
) -> None:
    server = start_server(command, LAKEFLOW_JOBS_PUSH=push, LAKEFLOW_JOBS_HEARTBEAT="60")
    old = server.responding_worker()
    with open_streams(server, run_id, 5) as viewers:
        wait_until(lambda: server.responding_worker() not in (0, old), "a new worker")
        for viewer in viewers:
            assert_ended_to_reconnect(viewer)
    with open_streams(server, run_id, 1):
        assert server.responding_worker()


@on(HANDOFF, BLOCKING, GEVENT, more=["--workers=2"])
def test_killed_workers_cost_no_client_the_end_nor_send_it_twice(
    start_server: StartServer,
    fake_workspace: FakeWorkspace,
    run_id: int,
    push: str,
    command: Sequence[str],
) -> None:
    server = start_server(command, LAKEFLOW_JOBS_PUSH=push)
    with open_streams(server, run_id) as viewers, ThreadPoolExecutor(len(viewers)) as pool:
        following = [pool.submit(follow, server, run_id, viewer) for viewer in viewers]
        workers = {server.responding_worker() for _ in range(10)}
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: server.responding_worker() not in {0, *workers}, "a new worker")
        fake_workspace.end_run(run_id)
        for followed in following:
            events = followed.result(DEADLINE)
            assert [event.json["outcome"] for event in events if event.name == "message"] == [
                "succeeded"
            ]
            assert [event.name for event in events].count("end") == 1
