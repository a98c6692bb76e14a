"""Streams that hold a thread or a greenlet each, on every server."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.run_documents import run_state
from tests.streaming.conftest import StartServer
from tests.streaming.raw import RawClient
from tests.streaming.servers import Server, gthread, gunicorn, open_streams, waitress, werkzeug
from tests.streaming.workspace import FakeWorkspace

GEVENT = gunicorn("--worker-class=gevent")
SERVERS = {
    "gthread": gthread(8),
    "gevent": GEVENT,
    "waitress": waitress(8),
    "werkzeug": werkzeug(),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, start_module_server: StartServer) -> Server:
    """A server for all tests of this module."""
    return start_module_server(SERVERS[request.param], LAKEFLOW_JOBS_PUSH="False")


def test_streams_follow_a_run_to_its_end(
    server: Server, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    with open_streams(server, run_id, 5) as viewers:
        assert server.held["watched"] == 1
        assert viewers[0].wait_for_comment()
        fake_workspace.set_state(run_id, run_state("TERMINATING"))
        assert [next(viewer).json["outcome"] for viewer in viewers] == ["terminating"] * 5
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            last, end = viewer
            assert last.json["outcome"] == "succeeded"
            assert end.name == "end"
    server.wait_until_held(streams=0, watched=0)


def test_client_that_has_the_end_gets_204(
    server: Server, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    fake_workspace.end_run(run_id)
    with server.stream(run_id) as viewer:
        *_, end = viewer
    with server.stream(run_id, last_event_id=end.last_id) as again:
        assert again.status == 204
    server.wait_until_held(streams=0, watched=0)


def test_clients_that_leave_early_free_their_streams(server: Server, run_id: int) -> None:
    request = f"GET {server.stream_path(run_id)}"
    for _ in range(2):
        RawClient(server.url, request).reset()
        RawClient(server.url, request).leave()
        client = RawClient(server.url, request)
        client.read_until(b"running")
        client.reset()
    with RawClient(server.url, f"HEAD {server.stream_path(run_id)}") as client:
        client.read_until(b"\r\n\r\n")
    server.wait_until_held(streams=0, watched=0)
    assert server.responding_worker()


def test_stalled_client_delays_no_other(
    server: Server, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    large = "x" * 2**20
    request = f"GET {server.stream_path(run_id)}"
    stalled = RawClient(server.url, request, buffer=4096)
    with RawClient(server.url, request) as viewer:
        viewer.read_until(b'"running"')
        for number in range(3):
            fake_workspace.set_state(
                run_id, run_state("RUNNING", message=f"State {number}."), description=large
            )
            viewer.read_until(b"State %d." % number)
        fake_workspace.end_run(run_id, description=large)
        viewer.read_until(b"event: end\n")
    stalled.reset()
    server.wait_until_held(streams=0, watched=0)


@pytest.mark.parametrize(
    ("command", "threads"), [(gthread(8), 8), (waitress(8), 8)], ids=["gthread", "waitress"]
)
def test_blocking_streams_leave_a_quarter_of_the_threads_free(
    start_server: StartServer, run_id: int, command: Sequence[str], threads: int
) -> None:
    server = start_server(command, LAKEFLOW_JOBS_PUSH="False")
    capacity = threads * 3 // 4
    with open_streams(server, run_id, capacity):
        for _ in range(3):
            with open_streams(server, run_id, 1) as [polling]:
                assert list(polling) == []
                assert polling.parser.retry == 5000
        assert server.held["streams"] == capacity
    server.wait_until_held(streams=0, watched=0)


def test_sync_worker_sends_the_current_state_without_extra_polls(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(gunicorn(), LAKEFLOW_JOBS_POLL_INTERVAL="30")
    before = fake_workspace.polls
    seen, last_id = [], None
    while last_id is None or len(seen) < 10:
        with server.stream(run_id, last_event_id=last_id) as viewer:
            events = list(viewer)
        assert viewer.status == 200
        assert viewer.parser.retry == 5000
        seen.append([event.json["outcome"] for event in events])
        last_id = viewer.parser.last_id or last_id
    assert [outcomes for outcomes in seen if outcomes] == [["running"]]
    assert fake_workspace.polls == before + 1
    assert server.held["streams"] == 0


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "loaded before the patch"])
def test_gevent_worker_holds_a_hundred_streams(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int, options: list[str]
) -> None:
    server = start_server([*GEVENT[:-1], *options, GEVENT[-1]])
    with open_streams(server, run_id, 100) as viewers:
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert [event.name for event in viewer] == ["message", "end"]
    server.wait_until_held(streams=0, watched=0)
    assert "Traceback" not in server.log
    assert "No polls were started" not in server.log


def test_sync_worker_responds_before_it_is_killed_for_a_silent_workspace(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(gunicorn("--timeout=10"), LAKEFLOW_JOBS_READ_TIMEOUT="60")
    fake_workspace.end_run(run_id)
    assert server.get(f"/api/jobs/etl/runs/{run_id}"), "this loads the SDK"
    process = server.responding_worker()
    unread = fake_workspace.set_state(run_id + 100_000)
    connection = server.connect()
    with fake_workspace.unresponsive():
        connection.request("GET", f"/api/jobs/etl/runs/{unread}")
        response = connection.getresponse()
        assert response.status == 504
        assert response.headers["Content-Type"] == "application/problem+json"
    connection.close()
    assert server.responding_worker() == process
